#include "proxy/relay/access_queue.hpp"

#include <algorithm>
#include <cerrno>

#include <boost/system/system_error.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace tandem::relay {

AccessQueue::AccessQueue(std::size_t workers, std::size_t records)
    : bell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (bell_ == -1) {
        throw boost::system::system_error(errno, boost::system::system_category(), "eventfd");
    }
    for (std::size_t index = 0; index < workers; ++index) {
        rings_.push_back(std::make_unique<Ring>(records));
    }
}

AccessQueue::~AccessQueue() {
    ::close(bell_);
}

void AccessQueue::put(const AccessRecord& record) {
    Ring& ring = *rings_[record.id.worker];
    const std::uint64_t written = ring.written.load(std::memory_order_relaxed);
    if (written - ring.taken.load(std::memory_order_acquire) == ring.records.size()) {
        ring.lost.store(ring.lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return;
    }
    ring.records[written & (ring.records.size() - 1)] = record;
    // In one order with sleeping_: either the reader sees the record, or it is seen to sleep.
    ring.written.store(written + 1, std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) {
        wake();
    }
}

bool AccessQueue::take(AccessRecord& record) {
    for (std::size_t count = 0; count < rings_.size(); ++count) {
        Ring& ring = *rings_[next_];
        next_ = (next_ + 1) % rings_.size();
        const std::uint64_t taken = ring.taken.load(std::memory_order_relaxed);
        if (taken != ring.written.load(std::memory_order_acquire)) {
            record = ring.records[taken & (ring.records.size() - 1)];
            ring.taken.store(taken + 1, std::memory_order_release);
            return true;
        }
    }
    return false;
}

bool AccessQueue::empty() const {
    return std::all_of(rings_.begin(), rings_.end(), [](const auto& ring) {
        return ring->taken.load(std::memory_order_relaxed) ==
               ring->written.load(std::memory_order_seq_cst);
    });
}

void AccessQueue::wait() {
    sleeping_.store(true, std::memory_order_seq_cst);
    if (empty()) {
        await_bell(-1);
    }
    sleeping_.store(false);
}

void AccessQueue::pause(std::chrono::milliseconds time) {
    await_bell(static_cast<int>(time.count()));
}

void AccessQueue::await_bell(int milliseconds) {
    pollfd bell{bell_, POLLIN, 0};
    if (::poll(&bell, 1, milliseconds) == 1) {
        std::uint64_t count = 0;
        static_cast<void>(::read(bell_, &count, sizeof count));
    }
}

void AccessQueue::wake() {
    // Cannot fail: the counter is read before it could be full.
    const std::uint64_t one = 1;
    static_cast<void>(::write(bell_, &one, sizeof one));
}

std::uint64_t AccessQueue::lost() const {
    std::uint64_t sum = 0;
    for (const auto& ring : rings_) {
        sum += ring->lost.load(std::memory_order_relaxed);
    }
    return sum;
}

}  // namespace tandem::relay
