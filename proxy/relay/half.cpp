#include "proxy/relay/half.hpp"

#include <algorithm>
#include <cassert>

namespace tandem::relay {

void Half::abandon() {
    state_ = State::Abandoned;
    begin_ = 0;
    end_ = 0;
}

void Half::replace_source() {
    source_ready_ = false;
    probe_after_short_read_ = false;
    reset_ = false;
}

Half::Step Half::next() const {
    if (state_ == State::Finished || state_ == State::Abandoned) {
        return Step::Nothing;
    }
    if (pending() > 0 && sink_ready_) {
        return Step::Write;
    }
    if (state_ == State::SourceEnded) {
        // A reset source's end is the flow's end: its owner resets the sink.
        return pending() == 0 && !reset_ && sink_ready_ ? Step::Shutdown : Step::Nothing;
    }
    // Nothing is read for a sink that takes nothing yet, but into the rest of the buffer of one
    // that is slow.
    const bool has_room = capacity_ == 0 ? sink_ready_ : room() > 0;
    return source_ready_ && has_room ? Step::Read : Step::Nothing;
}

void Half::on_read(std::size_t bytes) {
    assert(bytes > 0 && bytes <= room());
    const std::size_t asked = room();
    end_ += bytes;
    if (bytes < asked && !probe_after_short_read_) {
        // Everything was read; the next byte will be a new edge (epoll(7), question 9).
        source_ready_ = false;
    }
    if (asked != capacity_) {
        return;
    }
    if (bytes == capacity_) {
        wanted_ = std::min(capacity_ * kGrowth, kLargest);
    } else if (bytes < capacity_ / (kGrowth * 2)) {
        wanted_ = std::max(capacity_ / kGrowth, kSmallest);
    }
}

void Half::on_end_of_source() {
    source_ready_ = false;
    state_ = State::SourceEnded;
}

void Half::on_written(std::size_t bytes) {
    assert(bytes <= pending());
    if (bytes < pending()) {
        sink_ready_ = false;
    }
    begin_ += bytes;
    if (begin_ == end_) {
        begin_ = 0;
        end_ = 0;
    }
}

void Half::set_capacity(std::size_t capacity) {
    assert(pending() == 0);
    capacity_ = capacity;
    begin_ = 0;
    end_ = 0;
}

}  // namespace tandem::relay
