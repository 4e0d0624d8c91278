// Timer arithmetic of RFC 9568 section 6.1 (version 3) and RFC 3768 section 6.1 (version 2).
//
// Everything is kept in microseconds. An implementation that truncates to the wire unit makes
// priorities 253 and 254 equal at short intervals; this one does not.
#pragma once

#include "vrrp/config.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tandem::vrrp {

/// Range of the 12-bit interval field of version 3, which counts centiseconds from 1.
inline constexpr std::chrono::microseconds kMinInterval = std::chrono::milliseconds{10};
inline constexpr std::chrono::microseconds kMaxInterval = std::chrono::milliseconds{40'950};

/// How much longer than down_timer_adverts intervals a node waits: the lower its priority, the
/// longer, so that the best candidate claims first. Version 2: (256 - priority) / 256 seconds,
/// whatever the interval. Version 3: the same fraction of the interval.
/// @param interval interval of the active node.
constexpr std::chrono::microseconds skew_time(Version version, std::uint8_t priority,
                                              std::chrono::microseconds interval) {
    const std::chrono::microseconds unit =
        version == Version::V2 ? std::chrono::seconds{1} : interval;
    return unit * (256 - priority) / 256;
}

/// Silence after which the active node counts as down.
/// @param interval interval of the active node.
/// @param adverts how many intervals to wait before the skew time; 3 in both RFCs.
constexpr std::chrono::microseconds active_down_interval(Version version, std::uint8_t priority,
                                                         std::chrono::microseconds interval,
                                                         unsigned adverts) {
    return interval * adverts + skew_time(version, priority, interval);
}

/// The shortest active down interval any peer can have: what an active node that did not run must
/// compare its own silence with.
constexpr std::chrono::microseconds shortest_active_down_interval(
    Version version, std::chrono::microseconds interval, unsigned adverts) {
    return active_down_interval(version, kOwnerPriority, interval, adverts);
}

/// An interval learned from an advertisement, forced into the range of the wire format.
constexpr std::chrono::microseconds clamp_interval(std::chrono::microseconds interval) {
    return std::clamp(interval, kMinInterval, kMaxInterval);
}

/// The interval that an active node is taken at its word for: a tenth to ten times our own, within
/// the range of the wire format. Peers with other intervals work, as RFC 9568 has it; a forged 10
/// ms does not make a backup wait for no time at all, and a forged 40 s does not keep it from
/// claiming. Who can forge an advertisement in the active node's name can still cause a claim, as
/// with a forged priority 0: only a signature (auth_hmac) prevents that.
constexpr std::chrono::microseconds learned_interval(std::chrono::microseconds heard,
                                                     std::chrono::microseconds own) {
    return clamp_interval(std::clamp(heard, own / 10, own * 10));
}

}  // namespace tandem::vrrp
