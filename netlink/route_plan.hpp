// Desired virtual routes against actual ones: what to do, in which order. Pure.
#pragma once

#include "netlink/config.hpp"
#include "netlink/message.hpp"
#include "netlink/tables.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace tandem::netlink {

/// The routes of one group and whether they belong in the kernel's tables.
struct DesiredRoutes {
    std::span<const VirtualRoute> routes;
    bool acquired = false;
};

/// One request to the kernel.
struct RouteOperation {
    enum class Kind : std::uint8_t {
        Remove,
        Add,
    };
    Kind kind{};
    /// Position of the group in the desired list and of the route in the group.
    std::size_t group = 0;
    std::size_t position = 0;
    /// What to remove as the kernel has it, or what to add.
    Route route;
    friend bool operator==(const RouteOperation&, const RouteOperation&) = default;
};

/// As "ip route" writes it: "unreachable 203.0.113.0/24", "default via 203.0.113.1 dev eth1".
std::string to_string(const VirtualRoute& route);
/// The same for an entry of the kernel; interfaces are not named.
std::string to_string(const Route& route);

/// Same destination, table and metric: the kernel can have only one of them (but for several next
/// hops of an IPv6 route, which tandem never makes).
bool same_place(const Route& first, const Route& second);

/// Whether the kernel's entry is the route as configured. An interface that is not named may be
/// any.
bool is_as_configured(const Route& wanted, const Route& actual);

/// The entry of a route with its interface as it is now; nullopt: the interface it names does not
/// exist or is administratively down.
std::optional<Route> usable_entry(const VirtualRoute& route, const Tables& tables);

/// Operations that turn the actual routes into the desired ones; empty when they agree. Level
/// triggered, like plan_changes().
///
/// - An own route (kRouteProtocol) in the place of a configured one is removed unless a group that
///   is acquired wants it just so.
/// - A route of an acquired group that is missing is added, when its interface can have it.
/// - Own routes in other places are left alone: they may be those of another tandem on this host.
/// All removals come first.
std::vector<RouteOperation> plan_routes(std::span<const DesiredRoutes> desired,
                                        const Tables& tables);

}  // namespace tandem::netlink
