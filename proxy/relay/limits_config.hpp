// Who may connect to a service, how much and for how long. Plain data: filled by proxy/config.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace tandem::relay {

/// One line of `allow` or `deny`. An IPv4 address mapped into IPv6 counts as the IPv4 address, in
/// the rule and in the client.
struct AccessRule {
    bool allow = true;
    boost::asio::ip::address network;
    /// 0..32 or 0..128; bits of the network behind it do not count.
    unsigned prefix_length = 0;
    bool operator==(const AccessRule&) const = default;
};

/// Keepalive of TCP: probes after `idle` of silence, one every `interval`; dead after `count`
/// without an answer. Kernel bounds: 1..32767 s, 1..127 probes.
struct KeepaliveConfig {
    std::chrono::seconds idle{120};
    std::chrono::seconds interval{15};
    unsigned count = 4;
    bool operator==(const KeepaliveConfig&) const = default;
};

/// What the kernel is asked to watch over. On the client's side it is inherited from the listening
/// socket and costs nothing; on the upstream's side it costs system calls for every connection.
struct SocketLimits {
    /// A client that vanished is noticed after about three minutes. Unset: no keepalive.
    std::optional<KeepaliveConfig> keepalive = KeepaliveConfig{};
    /// Unset: none; what an upstream's silence may last is bounded by the idle timeout.
    std::optional<KeepaliveConfig> upstream_keepalive;
    /// TCP_USER_TIMEOUT of both sides; zero: the kernel's (about fifteen minutes of
    /// retransmission). It also ends a side that keeps its window closed for so long.
    std::chrono::milliseconds user_timeout{0};
    bool operator==(const SocketLimits&) const = default;
};

/// Bytes per second; more is no limit for anybody.
inline constexpr std::uint64_t kHighestByteRate = 10'000'000'000;

struct LimitsConfig {
    /// The first that matches decides; none matches: allowed.
    std::vector<AccessRule> access;
    /// What counts as one client: addresses equal in so many leading bits.
    unsigned client_prefix_v4 = 32;
    unsigned client_prefix_v6 = 64;
    /// Concurrent connections of one client over all workers; one more is reset. Zero: no limit.
    unsigned max_connections_per_client = 0;
    /// New connections of one client in a second; more are reset. Zero: no limit.
    unsigned max_client_connection_rate = 0;
    /// New connections of the service in a second; more wait in the kernel's queue. Zero: no limit.
    unsigned max_connection_rate = 0;
    /// Bytes per second of one connection, to the client and to the upstream: up to
    /// kHighestByteRate. Zero: no limit.
    std::uint64_t download_rate = 0;
    std::uint64_t upload_rate = 0;
    /// How long an upstream may be silent before its first byte, counted from the connection or
    /// the last byte that was passed on to it. Zero: as long as the idle timeout.
    std::chrono::milliseconds first_byte_timeout{0};
    /// Reset at this age, up to a tenth later (by lot, so that connections that came together do
    /// not end together). Zero: never.
    std::chrono::milliseconds max_lifetime{0};
    SocketLimits sockets;
    bool operator==(const LimitsConfig&) const = default;
};

}  // namespace tandem::relay
