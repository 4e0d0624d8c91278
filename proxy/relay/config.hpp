// What the relay is configured to do. Plain data: filled by proxy/config, read by proxy/relay.
#pragma once

#include "proxy/relay/access_log_config.hpp"
#include "proxy/relay/balance_config.hpp"
#include "proxy/relay/check_config.hpp"
#include "proxy/relay/limits_config.hpp"
#include "proxy/relay/name_router.hpp"
#include "proxy/relay/port_range.hpp"
#include "proxy/relay/preread_config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace tandem::relay {

using Endpoint = boost::asio::ip::tcp::endpoint;
using IpAddress = boost::asio::ip::address;
using Milliseconds = std::chrono::milliseconds;

struct UpstreamConfig {
    /// Shown in status and used on the command line: "address:port".
    std::string name;
    Endpoint endpoint;
    /// 0..65535; zero: no new connections (drain).
    unsigned weight = 1;
    UpstreamBalance balance;
    /// Up when all say so; none: never checked, always up.
    std::vector<HealthCheckConfig> checks;
    /// Instead of the service's.
    std::vector<IpAddress> source_addresses;
    /// The header that each connection to it begins with.
    ProxyProtocol proxy_protocol = ProxyProtocol::Off;
    /// Which TLS connections it is there for.
    RouteConfig route;
    bool operator==(const UpstreamConfig&) const = default;
};

struct ServiceConfig {
    /// Shown in status and used on the command line: "address:port" of the listener.
    std::string name;
    Endpoint listen;
    /// Name of the vrrp_instance whose virtual address this service listens on: it accepts and
    /// connects only while that instance is active. Empty: the address is not virtual, always on.
    std::string instance;
    /// Source addresses of upstream connections, one pool; none: the kernel chooses. Defaults to
    /// the listen address for services on a virtual address. Those of another family than an
    /// upstream are not used for it.
    std::vector<IpAddress> source_addresses;
    /// Explicitly bound ports for connections from these; first zero: the kernel chooses. Outside
    /// of net.ipv4.ip_local_port_range: the kernel passes over ports that were bound explicitly
    /// when it looks for one for another program.
    PortRange source_ports{.first = 10240, .last = 32767};
    Algorithm algorithm = Algorithm::RoundRobin;
    ServiceBalance balance;
    std::vector<UpstreamConfig> upstreams;
    /// Per attempt; at the end the next upstream is tried.
    Milliseconds connect_timeout = std::chrono::seconds{5};
    /// Closed (RST to both) when no byte moved for this long; zero: never.
    Milliseconds idle_timeout = std::chrono::hours{1};
    /// After one side's FIN was passed on, the other side has this long without a byte; zero:
    /// never.
    Milliseconds fin_timeout = std::chrono::seconds{60};
    /// Concurrent connections of the service over all workers; accept pauses at the limit.
    /// Zero: only the process-wide limit counts.
    unsigned max_connections = 0;
    LimitsConfig limits;
    AccessLogConfig access_log;
    PrereadConfig preread;
    bool operator==(const ServiceConfig&) const = default;
};

struct EngineConfig {
    std::vector<ServiceConfig> services;
    /// Worker threads; zero: one per core.
    unsigned workers = 0;
    /// Process-wide bound on relayed connections; zero: derived from RLIMIT_NOFILE.
    unsigned max_connections = 0;
    /// Bytes of buffers of all connections together, shared out evenly to the workers; zero: a
    /// quarter of the machine's memory. At the limit reading pauses.
    std::size_t buffer_memory = 0;
};

}  // namespace tandem::relay
