// Every default that is not already in the configuration structs, in one place. keepalived's
// values unless marked as ours.
#pragma once

#include "vrrp/config.hpp"

#include <chrono>

namespace tandem::config {

inline constexpr std::chrono::milliseconds kDelayLoop = std::chrono::seconds{60};
inline constexpr unsigned kCheckRetries = 1;
inline constexpr unsigned kProgramRetries = 0;
inline constexpr unsigned kDnsRetries = 3;
inline constexpr std::chrono::milliseconds kDelayBeforeRetry = std::chrono::seconds{1};
/// HTTP_GET and SSL_GET wait longer by default.
inline constexpr std::chrono::milliseconds kHttpDelayBeforeRetry = std::chrono::seconds{3};
/// FILE_CHECK reads as often; keepalived knows no other words for it.
inline constexpr std::chrono::milliseconds kFileCheckPeriod = std::chrono::seconds{1};
inline constexpr std::chrono::milliseconds kCheckConnectTimeout = std::chrono::seconds{5};
inline constexpr unsigned kRealServerWeight = 1;
/// A node that starts with `state MASTER` and no priority owns the addresses.
inline constexpr std::uint8_t kMasterStatePriority = vrrp::kOwnerPriority;

/// The shortest time after which a peer takes over, that of a peer with priority 255 (RFC 9568
/// section 6.1, RFC 3768 section 6.1). The priorities of the peers are not known here.
constexpr std::chrono::microseconds shortest_active_down_interval(
    const vrrp::InstanceConfig& instance) {
    const std::chrono::microseconds interval = instance.advertisement_interval;
    const std::chrono::microseconds base =
        instance.version == vrrp::Version::V3 ? interval : std::chrono::seconds{1};
    return interval * instance.down_timer_adverts + base * (256 - vrrp::kOwnerPriority) / 256;
}

/// Ours: a dead node's address is gone before its fastest possible peer takes over, or within the
/// shortest lease of one second. Whole seconds because the kernel counts address lifetimes so.
constexpr std::chrono::seconds default_lease(const vrrp::InstanceConfig& instance) {
    const auto whole =
        std::chrono::floor<std::chrono::seconds>(shortest_active_down_interval(instance));
    return whole < std::chrono::seconds{1} ? std::chrono::seconds{1} : whole;
}

}  // namespace tandem::config
