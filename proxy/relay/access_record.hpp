// What there is to say about one connection when it is over: a fixed size, so that it can be
// handed over without memory being asked for. Plain data.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/flow_id.hpp"
#include "proxy/relay/timer_wheel.hpp"

#include <cstdint>
#include <string_view>

namespace tandem::relay {

/// How far a connection came.
enum class FlowPhase : std::uint8_t {
    Accept,
    /// PROXY header or TLS hello.
    Preread,
    /// For a place at an upstream.
    Queue,
    Connect,
    Relay,
    /// One side has sent its FIN.
    HalfClosed,
    /// Both have; the kernel still delivers.
    Deliver,
};

enum class EndedBy : std::uint8_t { Client, Upstream, Tandem };

/// Why a connection is over. Closed and Reset are of the client or the upstream, all others of
/// tandem.
enum class EndCause : std::uint8_t {
    /// FIN from both sides; EndedBy names who was first.
    Closed,
    Reset,
    IdleTimeout,
    FinTimeout,
    FirstByteTimeout,
    DeliveryTimeout,
    PrereadTimeout,
    Lifetime,
    Demotion,
    Operator,
    NoUpstream,
    NoRoute,
    BadProxyHeader,
    QueueFull,
    QueueTimeout,
    /// It went down, and its connections are reset then.
    UpstreamDown,
    Shortage,
    // Never served.
    Inactive,
    Denied,
    ClientLimit,
    ClientRate,
};

std::string_view to_string(FlowPhase phase);
std::string_view to_string(EndedBy side);
std::string_view to_string(EndCause cause);

struct AccessRecord {
    static constexpr std::uint16_t kNoUpstream = 0xffff;
    static constexpr Clock::duration kNever{-1};

    /// Token zero: reset at once, never had an id.
    FlowId id;
    /// Index in EngineConfig::services.
    std::uint16_t service = 0;
    /// The last one that was tried, index in ServiceConfig::upstreams.
    std::uint16_t upstream = kNoUpstream;
    /// Upstreams tried, minus one.
    std::uint16_t retries = 0;
    FlowPhase phase = FlowPhase::Accept;
    EndedBy ended_by = EndedBy::Tandem;
    EndCause cause = EndCause::Closed;
    TimePoint started;
    TimePoint ended;
    /// From the start to the upstream's connection, and to its first byte; kNever: there was none.
    Clock::duration connect_time = kNever;
    Clock::duration first_byte_time = kNever;
    std::uint64_t bytes_to_upstream = 0;
    std::uint64_t bytes_to_client = 0;
    /// By the PROXY header if there was one.
    Endpoint client;
    Endpoint virtual_address;
    /// Of the connection to the upstream; port zero: there was none.
    Endpoint source;
};

}  // namespace tandem::relay
