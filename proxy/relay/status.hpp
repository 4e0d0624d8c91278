// What the relay tells of itself: counters and states, copied. Plain data.
#pragma once

#include "proxy/relay/balance_config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::relay {

/// Why and in which phase a flow ended; counted per service.
struct ServiceCounters {
    std::uint64_t accepted = 0;
    /// Connections open now.
    std::uint64_t active = 0;
    /// Both directions ended with FIN.
    std::uint64_t finished = 0;
    std::uint64_t reset_by_client = 0;
    std::uint64_t reset_by_upstream = 0;
    /// Reset by us because the node stopped being active.
    std::uint64_t reset_by_demotion = 0;
    std::uint64_t ended_by_operator = 0;
    std::uint64_t timed_out = 0;
    /// No upstream could be reached.
    std::uint64_t no_upstream = 0;
    /// No upstream is there for the name and the protocols of the TLS client.
    std::uint64_t no_route = 0;
    /// PROXY header missing, malformed or cut short, or the sender is none that may connect.
    std::uint64_t bad_proxy_header = 0;
    /// PROXY header or TLS hello not complete in time.
    std::uint64_t preread_timed_out = 0;
    /// Waiting for a place at an upstream now.
    std::uint64_t queued = 0;
    /// Refused: every upstream was full, and the queue too.
    std::uint64_t queue_full = 0;
    /// Refused: waited too long for a place at an upstream.
    std::uint64_t queue_timed_out = 0;
    /// Reset because its upstream went down.
    std::uint64_t reset_by_down = 0;
    /// Accepted while not active and reset at once.
    std::uint64_t refused_inactive = 0;
    /// Reset at once: the access list denies the client.
    std::uint64_t denied = 0;
    /// Reset at once: the client has as many connections as it may have.
    std::uint64_t refused_client_limit = 0;
    /// Reset at once: the client connects faster than it may.
    std::uint64_t refused_client_rate = 0;
    /// Reset at the age that connections may have.
    std::uint64_t lifetime_over = 0;
    /// Shortage on this node (ports, descriptors, memory): never blamed on an upstream (I6).
    std::uint64_t local_errors = 0;
    /// Those of local_errors for which no source address had a port left for the upstream.
    std::uint64_t ports_exhausted = 0;
    /// Times that reading paused because the buffers of all connections had reached their limit.
    std::uint64_t buffer_waits = 0;
    std::uint64_t bytes_to_upstream = 0;
    std::uint64_t bytes_to_client = 0;
    /// Those of both that never left the kernel.
    std::uint64_t bytes_spliced = 0;
};

/// What the operator wants of an upstream, whatever its checks say.
enum class AdminState : std::uint8_t {
    Ready,
    Drain,  ///< no new connections, also not of clients that had it before; those it has go on
    Down,   ///< as Drain, and nothing of it counts as up
};

struct UpstreamStatus {
    std::string name;
    UpstreamRole role = UpstreamRole::Primary;
    bool up = true;
    AdminState admin = AdminState::Ready;
    /// As configured: its connections are reset when it goes down.
    bool reset_on_down = false;
    /// Too many connect failures in a row a moment ago: used only when nobody else is left.
    bool avoided = false;
    /// As configured.
    unsigned weight = 1;
    /// Set by a check; it counts instead of `weight`.
    std::optional<unsigned> checked_weight;
    /// Set at run time; it counts instead of both.
    std::optional<unsigned> weight_override;
    std::uint64_t active = 0;
    std::uint64_t connected = 0;
    std::uint64_t connect_failures = 0;
    /// Source ports that are in use for it, and how many this node has. Zero: not bounded by
    /// tandem.
    std::uint64_t ports_in_use = 0;
    std::uint64_t ports = 0;
    /// Last connect failure, for people; empty: none.
    std::string last_error;
};

/// Whether the services of one instance can be served from here at all.
struct InstanceHealth {
    /// It has services, each of them has upstreams, and not one upstream is up.
    bool no_upstream = false;
    /// A service whose accept() fails in some worker, and with which errno; zero: none.
    int accept_error = 0;
    std::string failing_service;
};

struct ServiceStatus {
    std::string name;
    std::string instance;
    bool accepting = false;
    ServiceCounters counters;
    std::vector<UpstreamStatus> upstreams;
    /// The weight that is up reaches the quorum.
    bool quorum = true;
    /// So few upstreams are up that the checks are not believed.
    bool panic = false;
};

/// What one check says.
struct CheckStatus {
    std::string service;
    std::string upstream;
    /// "HTTP_GET".
    std::string kind;
    bool up = false;
    /// Of the last attempt; empty: there was none yet.
    std::string result;
    /// Attempts that this node could not make (I6); they say nothing about the upstream.
    std::uint64_t skipped = 0;
    /// Why the last attempt could not be made; empty: it could.
    std::string obstacle;
    std::chrono::system_clock::time_point since;
};

}  // namespace tandem::relay
