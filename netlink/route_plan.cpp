#include "netlink/route_plan.hpp"

#include <algorithm>

#include <linux/rtnetlink.h>

namespace tandem::netlink {

namespace {

const char* type_name(std::uint8_t type) {
    switch (type) {
        case RTN_UNICAST:
            return "";
        case RTN_BLACKHOLE:
            return "blackhole ";
        case RTN_UNREACHABLE:
            return "unreachable ";
        case RTN_PROHIBIT:
            return "prohibit ";
        default:
            return "other ";
    }
}

std::string describe(const Route& route, const std::string& interface) {
    std::string text = type_name(route.type);
    if (route.prefix_length == 0) {
        text += route.destination.is_v4() ? "default" : "::/0";
    } else {
        text += route.destination.to_string() + '/' + std::to_string(route.prefix_length);
    }
    if (route.gateway) {
        text += " via " + route.gateway->to_string();
    }
    if (!interface.empty()) {
        text += " dev " + interface;
    }
    if (route.source) {
        text += " src " + route.source->to_string();
    }
    if (route.table != RT_TABLE_MAIN) {
        text += " table " + std::to_string(route.table);
    }
    if (route.metric != 0) {
        text += " metric " + std::to_string(route.metric);
    }
    return text;
}

/// Whether a group that is acquired wants the route just as it is.
bool is_wanted(std::span<const DesiredRoutes> desired, const Tables& tables, const Route& actual) {
    return std::any_of(desired.begin(), desired.end(), [&](const DesiredRoutes& group) {
        return group.acquired &&
               std::any_of(group.routes.begin(), group.routes.end(), [&](const auto& route) {
                   const auto wanted = usable_entry(route, tables);
                   return wanted && is_as_configured(*wanted, actual);
               });
    });
}

/// An interface that is missing does not matter for the place.
Route place_of(const VirtualRoute& route) {
    return route_entry(route, 0);
}

}  // namespace

std::string to_string(const VirtualRoute& route) {
    Route entry = route_entry(route, 0);
    // As configured: without the kernel's default.
    entry.metric = route.metric;
    return describe(entry, route.type == RouteType::Unicast ? route.interface : "");
}

std::string to_string(const Route& route) {
    return describe(route, "");
}

bool same_place(const Route& first, const Route& second) {
    return first.destination == second.destination && first.prefix_length == second.prefix_length &&
           first.table == second.table && first.metric == second.metric;
}

bool is_as_configured(const Route& wanted, const Route& actual) {
    return same_place(wanted, actual) && wanted.type == actual.type &&
           wanted.scope == actual.scope && wanted.gateway == actual.gateway &&
           wanted.source == actual.source && (wanted.index == 0 || wanted.index == actual.index);
}

std::optional<Route> usable_entry(const VirtualRoute& route, const Tables& tables) {
    if (route.interface.empty() || route.type != RouteType::Unicast) {
        return route_entry(route, 0);
    }
    const Link* link = tables.find_link(route.interface);
    if (link == nullptr || !link->up) {
        return std::nullopt;
    }
    return route_entry(route, link->index);
}

std::vector<RouteOperation> plan_routes(std::span<const DesiredRoutes> desired,
                                        const Tables& tables) {
    std::vector<RouteOperation> removals;
    std::vector<RouteOperation> additions;
    for (std::size_t group = 0; group < desired.size(); ++group) {
        const auto& [routes, acquired] = desired[group];
        for (std::size_t position = 0; position < routes.size(); ++position) {
            const auto wanted = usable_entry(routes[position], tables);
            bool present = false;
            for (const Route& actual : tables.routes()) {
                present = present || (wanted && is_as_configured(*wanted, actual));
                const bool listed =
                    std::any_of(removals.begin(), removals.end(),
                                [&](const auto& removal) { return removal.route == actual; });
                if (same_place(place_of(routes[position]), actual) && !listed &&
                    !is_wanted(desired, tables, actual)) {
                    removals.push_back({.kind = RouteOperation::Kind::Remove,
                                        .group = group,
                                        .position = position,
                                        .route = actual});
                }
            }
            if (acquired && wanted && !present) {
                additions.push_back({.kind = RouteOperation::Kind::Add,
                                     .group = group,
                                     .position = position,
                                     .route = *wanted});
            }
        }
    }
    removals.insert(removals.end(), additions.begin(), additions.end());
    return removals;
}

}  // namespace tandem::netlink
