#include "proxy/relay/connection_limits.hpp"

#include <algorithm>
#include <limits>

#include <sys/resource.h>

namespace tandem::relay {

bool ConnectionLimit::enter() {
    unsigned used = used_.load();
    do {
        if (limit_ != 0 && used >= limit_) {
            return false;
        }
    } while (!used_.compare_exchange_weak(used, used + 1));
    return true;
}

bool Admission::enter(ConnectionLimit& service) {
    if (!process_.enter()) {
        return false;
    }
    if (!service.enter()) {
        process_.leave();
        wake_waiting();
        return false;
    }
    return true;
}

void Admission::leave(ConnectionLimit& service) {
    service.leave();
    process_.leave();
    wake_waiting();
}

void Admission::wait(std::size_t worker) {
    if (!waiting_[worker].exchange(true)) {
        waiting_count_.fetch_add(1);
    }
}

// Sequentially consistent on purpose: either the waiter's second try sees the place that was given
// back, or this sees the waiter.
void Admission::wake_waiting() {
    if (waiting_count_.load() == 0) {
        return;
    }
    for (std::size_t worker = 0; worker < waiting_.size(); ++worker) {
        if (waiting_[worker].exchange(false)) {
            waiting_count_.fetch_sub(1);
            wake_(worker);
        }
    }
}

unsigned default_connection_limit(std::size_t reserved) {
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == -1) {
        return 1;
    }
    const rlim_t available = descriptors.rlim_cur > reserved ? descriptors.rlim_cur - reserved : 0;
    return static_cast<unsigned>(
        std::clamp<rlim_t>(available / 2, 1, std::numeric_limits<unsigned>::max()));
}

}  // namespace tandem::relay
