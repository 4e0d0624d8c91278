#include "proxy/relay/descriptor_reserve.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include <sys/resource.h>

namespace tandem::relay {

namespace {

constexpr int kReserve = 32;
/// Kept for the upstream's side of connections that are accepted already.
constexpr int kConnectMargin = 8;
constexpr std::chrono::milliseconds kReadingInterval{100};

int read_connect_bound() {
    constexpr int kUnbounded = std::numeric_limits<int>::max();
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == -1) {
        return kUnbounded;
    }
    const auto limit = static_cast<int>(std::min<rlim_t>(descriptors.rlim_cur, kUnbounded));
    return limit == kUnbounded ? kUnbounded : limit - kReserve;
}

}  // namespace

int DescriptorReserve::connect_bound(TimePoint now) {
    if (now >= next_reading_) {
        connect_bound_ = read_connect_bound();
        next_reading_ = now + kReadingInterval;
    }
    return connect_bound_;
}

int DescriptorReserve::accept_bound(TimePoint now) {
    return connect_bound(now) - kConnectMargin;
}

}  // namespace tandem::relay
