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
    // The end of a source that has announced it is looked for before its last bytes are written, so
    // that they can leave together with the FIN.
    const bool end_in_sight =
        state_ == State::Open && probe_after_short_read_ && source_ready_ && !paused_ && !reset_;
    if (pending() > 0 && sink_ready_ && !(end_in_sight && room() > 0 && !pipe_full_)) {
        return Step::Write;
    }
    if (state_ == State::SourceEnded) {
        // A reset source's end is the flow's end: its owner resets the sink.
        return pending() == 0 && !reset_ && sink_ready_ ? Step::Shutdown : Step::Nothing;
    }
    // Nothing is read for a sink that takes nothing yet, but into the rest of the buffer of one
    // that is slow.
    const bool has_room = capacity_ == 0 ? sink_ready_ : room() > 0 && !pipe_full_;
    return source_ready_ && has_room && !paused_ ? Step::Read : Step::Nothing;
}

void Half::on_read(std::size_t bytes, std::size_t asked) {
    assert(bytes > 0 && bytes <= asked && asked <= room());
    end_ += static_cast<std::uint32_t>(bytes);
    // A short read means that everything was read: the next byte will be a new edge (epoll(7),
    // question 9). Into a pipe it can also mean that every slot is taken, each by one byte at
    // least.
    const std::size_t full = uses_pipe() ? std::min<std::size_t>(asked, slots_) : asked;
    if (bytes < full && !probe_after_short_read_) {
        source_ready_ = false;
    }
    learn_from_read(bytes, asked);
}

void Half::learn_from_read(std::size_t bytes, std::size_t asked) {
    const bool large = bytes >= kLargeRead;
    if (large == streaming_) {
        reads_against_ = 0;
    } else if (++reads_against_ == kReadsToSwitch) {
        streaming_ = large;
        reads_against_ = 0;
    }
    if (uses_pipe() || asked != capacity_) {
        return;
    }
    if (bytes == capacity_) {
        wanted_ = static_cast<std::uint32_t>(std::min(capacity_ * kGrowth, kLargest));
    } else if (bytes < capacity_ / (kGrowth * 2)) {
        wanted_ = static_cast<std::uint32_t>(std::max(capacity_ / kGrowth, kSmallest));
    }
}

void Half::on_read_blocked() {
    if (uses_pipe() && pending() > 0) {
        pipe_full_ = true;
    } else {
        source_ready_ = false;
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
    begin_ += static_cast<std::uint32_t>(bytes);
    pipe_full_ = false;
    if (uses_pipe()) {
        // What has left a pipe makes room in it.
        end_ -= begin_;
        begin_ = 0;
    }
    if (begin_ == end_) {
        begin_ = 0;
        end_ = 0;
    }
}

void Half::set_capacity(std::size_t capacity) {
    assert(pending() == 0);
    capacity_ = static_cast<std::uint32_t>(capacity);
    slots_ = 0;
    pipe_full_ = false;
    begin_ = 0;
    end_ = 0;
}

void Half::set_pipe(std::size_t capacity, std::size_t slots) {
    assert(slots > 0);
    set_capacity(capacity);
    slots_ = static_cast<std::uint32_t>(slots);
}

}  // namespace tandem::relay
