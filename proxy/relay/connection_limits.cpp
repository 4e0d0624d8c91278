#include "proxy/relay/connection_limits.hpp"

#include <algorithm>
#include <limits>

#include <sys/resource.h>

namespace tandem::relay {

bool ConnectionLimit::enter() {
    const unsigned most = limit();
    unsigned used = used_.load();
    do {
        if (most != 0 && used >= most) {
            return false;
        }
    } while (!used_.compare_exchange_weak(used, used + 1));
    return true;
}

// The service's place first: its bound is met without having touched the other one.
Admission::Entry Admission::enter(ConnectionLimit& service) {
    if (!service.enter()) {
        return Entry::ServiceFull;
    }
    if (process_.enter()) {
        return Entry::Granted;
    }
    service.leave();
    // Another worker may have been turned away by the place that was held here for a moment. While
    // the process is full it has lost nothing, and who leaves next wakes it. Else someone has left
    // already, perhaps too early for it.
    if (!process_.full()) {
        wake_waiting();
    }
    return Entry::ProcessFull;
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

std::string default_connection_limit_origin() {
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == -1) {
        return "RLIMIT_NOFILE is unknown";
    }
    return "from RLIMIT_NOFILE " + std::to_string(descriptors.rlim_cur);
}

}  // namespace tandem::relay
