// The validated configuration: what the daemon runs. Plain data, produced by load().
#pragma once

#include "netlink/config.hpp"
#include "proxy/relay/config.hpp"
#include "vrrp/config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::config {

/// global_defs that have an effect.
struct GlobalSettings {
    /// Label only; default: host name.
    std::string router_id;
    /// `@tandem workers N`: relay workers; zero: one per core.
    unsigned workers = 0;
    /// `@tandem max_connections N`; zero: derived from the descriptor limit.
    unsigned max_connections = 0;
    /// vrrp_rt_priority 1..99: real-time priority of the election thread; zero: the default.
    unsigned realtime_priority = 0;
};

/// vrrp_script: parsed; used by instances that track it.
struct ScriptSettings {
    std::string name;
    std::string command;
    std::chrono::microseconds interval = std::chrono::seconds{1};
    std::chrono::microseconds timeout{0};  ///< zero: same as interval
    int weight = 0;
    bool reverse = false;
    unsigned rise = 1;
    unsigned fall = 1;
    std::string user;
    bool init_fail = false;
};

struct TrackedScript {
    std::string name;
    std::optional<int> weight;
};

struct TrackedInterface {
    std::string name;
    int weight = 0;
};

struct InstanceSettings {
    vrrp::InstanceConfig election;
    /// virtual_ipaddress, then virtual_ipaddress_excluded.
    std::vector<netlink::VirtualAddress> addresses;
    netlink::AnnounceSchedule announce;
    /// `@tandem vip_lease SECONDS`. Default: the shortest active down interval any peer can have,
    /// rounded down to whole seconds, at least 1 s. Zero: no lease.
    std::chrono::seconds lease{3};
    std::vector<TrackedScript> track_scripts;
    /// track_interface without a weight: the instance is faulty while one of them is not running.
    /// Those with a weight are reported and left out.
    std::vector<TrackedInterface> track_interfaces;
};

struct Model {
    GlobalSettings global;
    std::vector<ScriptSettings> scripts;
    std::vector<InstanceSettings> instances;
    std::vector<relay::ServiceConfig> services;
};

}  // namespace tandem::config
