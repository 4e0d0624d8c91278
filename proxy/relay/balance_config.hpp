// How a service chooses its upstreams. Plain data: filled by proxy/config, read by proxy/relay.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace tandem::relay {

/// Names in comments: lb_algo of the configuration.
enum class Algorithm : std::uint8_t {
    RoundRobin,                ///< rr: everyone in turn, weights do not count
    WeightedRoundRobin,        ///< wrr: in turn, as often as the weight says
    LeastConnections,          ///< lc: fewest connections
    WeightedLeastConnections,  ///< wlc: fewest connections for its weight
    SourceHash,                ///< sh, mh: the same upstream for one client address (Maglev)
    Failover,                  ///< fo: the highest weight
    Overflow,                  ///< ovf: the highest weight that has fewer connections than that
    ShortestExpectedDelay,     ///< sed: fewest for its weight, the new one counted
    NeverQueue,                ///< nq: one without connections, else as sed
    RandomOfTwo,               ///< twos, random: the less loaded of two drawn by weight
};

enum class UpstreamRole : std::uint8_t {
    Primary,
    Backup,  ///< used only when no primary one can be
    Sorry,   ///< sorry_server: used only while the quorum is lost, then alone
};

/// Of one upstream.
struct UpstreamBalance {
    UpstreamRole role = UpstreamRole::Primary;
    /// Connections it may have, over all workers; zero: any number.
    unsigned upper_threshold = 0;
    /// Once the upper threshold was reached it gets new ones only below this; zero: as soon as one
    /// has ended. At most upper_threshold.
    unsigned lower_threshold = 0;
    /// Its connections are reset when its checks or its operator take it down; else they go on.
    bool reset_on_down = false;
    bool operator==(const UpstreamBalance&) const = default;
};

/// Of one service.
struct ServiceBalance {
    /// Weight that must be up. Without a sorry server it only shows in status.
    unsigned quorum = 1;
    /// Gained at quorum + hysteresis or more, lost below quorum - hysteresis or at zero.
    unsigned hysteresis = 0;
    /// When less than this share of the primary upstreams is up, checks are not believed and all
    /// are used. Percent; zero: never, when nobody is up connections are refused.
    unsigned panic_threshold = 0;
    /// A client returns to the upstream it had for this long after its last connection began or
    /// ended; zero: no persistence.
    std::chrono::seconds persistence_timeout{0};
    /// Clients that share this many bits of their address are one client. sh and mh too.
    unsigned client_bits_v4 = 32;
    unsigned client_bits_v6 = 128;
    /// The weight of an upstream that came up grows to its full value in this time; zero: at once.
    std::chrono::milliseconds slow_start{0};
    /// Attempts after the first one; unset: every eligible upstream once.
    std::optional<unsigned> retries;
    /// Consecutive connect failures after which an upstream is avoided for fail_timeout; zero:
    /// never.
    unsigned max_fails = 0;
    std::chrono::milliseconds fail_timeout = std::chrono::seconds{10};
    /// Connections that may wait, over all workers, while every upstream has as many as it may;
    /// zero: none, they are refused.
    unsigned queue_limit = 1024;
    /// How long each may wait; then it is refused. Greater than zero.
    std::chrono::milliseconds queue_timeout = std::chrono::seconds{5};
    bool operator==(const ServiceBalance&) const = default;
};

}  // namespace tandem::relay
