#include "proxy/relay/upstream_queue.hpp"

namespace tandem::relay {

// Sequentially consistent on purpose: either the second try after this sees the place that was
// given back, or who gave it back sees that somebody waits.
bool UpstreamQueue::enter(std::size_t worker) {
    unsigned size = size_.load();
    do {
        if (size >= limit_.load(std::memory_order_relaxed)) {
            return false;
        }
    } while (!size_.compare_exchange_weak(size, size + 1));
    waiting_[worker].fetch_add(1);
    return true;
}

void UpstreamQueue::leave(std::size_t worker) {
    waiting_[worker].fetch_sub(1);
    size_.fetch_sub(1);
}

void UpstreamQueue::place_free() {
    if (size_.load() == 0) {
        return;
    }
    hops_.store(waiting_.size() - 1);
    const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t step = 0; step < waiting_.size(); ++step) {
        const std::size_t worker = (first + step) % waiting_.size();
        if (waiting_[worker].load() != 0) {
            wake(worker);
            return;
        }
    }
}

void UpstreamQueue::pass_on(std::size_t worker) {
    std::size_t left = hops_.load();
    while (left > 0 && !hops_.compare_exchange_weak(left, left - 1)) {
    }
    if (left == 0) {
        return;
    }
    for (std::size_t step = 1; step < waiting_.size(); ++step) {
        const std::size_t next = (worker + step) % waiting_.size();
        if (waiting_[next].load() != 0) {
            wake(next);
            return;
        }
    }
}

void UpstreamQueue::upstreams_changed() {
    for (std::size_t worker = 0; worker < waiting_.size(); ++worker) {
        if (waiting_[worker].load() != 0) {
            wake(worker);
        }
    }
}

void UpstreamQueue::wake(std::size_t worker) {
    if (!woken_[worker].exchange(true)) {
        wake_(worker);
    }
}

}  // namespace tandem::relay
