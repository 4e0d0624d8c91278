// State of one vrrp_instance as the election thread tells it to others. Plain data.
#pragma once

#include "netlink/config.hpp"
#include "proxy/daemon/alarms.hpp"
#include "vrrp/elector.hpp"
#include "vrrp/router_counters.hpp"
#include "vrrp/track.hpp"

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
    std::uint8_t effective_priority = 0;
    /// Empty: in none.
    std::string sync_group;
    /// Why the instance cannot take part, for people; empty: it can.
    std::vector<std::string> faults;
    /// No upstream of any service is up: the priority is the lowest, for a peer that is better off.
    bool no_upstream = false;
    std::vector<vrrp::TrackedObject> tracked;
    /// One per tracked object.
    std::vector<vrrp::TrackStatus> tracked_status;
    std::vector<Alarm> alarms;
    vrrp::RouterCounters counters;
    /// Of the last one or two minutes.
    vrrp::LatenessSummary lateness_recent;
};

}  // namespace tandem::daemon
