// State of one vrrp_instance as the election thread tells it to others. Plain data.
#pragma once

#include "netlink/config.hpp"
#include "vrrp/elector.hpp"
#include "vrrp/router_counters.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tandem::daemon {

/// State of one instance, copied for status.
struct InstanceSnapshot {
    vrrp::InstanceConfig config;
    std::vector<netlink::VirtualAddress> addresses;
    std::chrono::seconds lease{};
    vrrp::State state{};
    std::optional<vrrp::Reason> reason;
    std::chrono::system_clock::time_point since;
    bool addresses_present = false;
    bool holding = false;
    std::optional<std::chrono::system_clock::time_point> hold_until;
    std::chrono::microseconds active_down_interval{};
    std::optional<vrrp::ReceivedAdvertisement> peer;
    std::optional<std::chrono::milliseconds> peer_heard_ago;
    /// Empty: none.
    std::string fault;
    vrrp::RouterCounters counters;
};

}  // namespace tandem::daemon
