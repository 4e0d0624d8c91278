#include "netlink/vip_manager_impl.hpp"

#include <algorithm>
#include <utility>

namespace tandem::netlink {

namespace {

using RouteKind = RouteNotice::Kind;

std::string describe(const RequestSocket::Answer& answer) {
    return answer.text.empty() ? answer.error.message()
                               : answer.error.message() + ": " + answer.text;
}

}  // namespace

bool VipManager::Impl::has_routes() const {
    return std::any_of(groups_.begin(), groups_.end(),
                       [](const auto& group) { return !group->config.routes.empty(); });
}

// ---------------------------------------------------------------- following the kernel

/// Appends the own routes of both families. Without routes to follow they are read at start only,
/// for the leftovers: on a router even a filtered dump makes the kernel walk all of its table.
error_code VipManager::Impl::read_routes(std::vector<Message>& messages) {
    if (running_ && !has_routes()) {
        return {};
    }
    routes_stale_ = false;
    for (const DumpKind kind : {DumpKind::Ipv4Routes, DumpKind::Ipv6Routes}) {
        RequestSocket::Dump dump = requests_.dump(kind);
        if (dump.error) {
            return dump.error;
        }
        std::move(dump.messages.begin(), dump.messages.end(), std::back_inserter(messages));
        // Read once more a little later when something changed meanwhile.
        routes_stale_ = routes_stale_ || !dump.consistent;
    }
    last_route_reading_ = Clock::now();
    return {};
}

/// @return false when the routes are not known; a reconciliation is under way then.
bool VipManager::Impl::refresh_routes() {
    if (!routes_stale_) {
        return true;
    }
    const auto wait = last_route_reading_ + kResyncInterval - Clock::now();
    if (wait > Clock::duration::zero()) {
        reconcile_after(wait);
        return false;
    }
    std::vector<Message> messages;
    if (read_routes(messages)) {
        reconcile_after(kResyncInterval);
        return false;
    }
    tables_.load_routes(messages);
    if (routes_stale_) {
        reconcile_after(kResyncInterval);
    }
    return !routes_stale_;
}

// ---------------------------------------------------------------- correcting differences

std::vector<RouteOperation> VipManager::Impl::plan_route_changes() const {
    std::vector<DesiredRoutes> desired;
    desired.reserve(groups_.size());
    for (const auto& group : groups_) {
        desired.push_back({.routes = group->config.routes, .acquired = group->acquired});
    }
    return plan_routes(desired, tables_);
}

/// Whatever bears the protocol number of tandem, configured or not: the configuration may have
/// changed since. Another tandem on this host puts its own back at once.
void VipManager::Impl::remove_stale_routes() {
    const auto present = tables_.routes();
    for (const Route& route : std::vector<Route>{present.begin(), present.end()}) {
        const auto answer = requests_.remove_route(route);
        callbacks_.on_route(
            {.kind = answer.error ? RouteKind::RemoveFailed : RouteKind::StaleRemoved,
             .route = to_string(route),
             .text = answer.error ? describe(answer) : "left by an earlier life"});
    }
}

void VipManager::Impl::correct_routes(Clock::time_point now) {
    if (!has_routes() || !refresh_routes()) {
        return;
    }
    for (const RouteOperation& operation : plan_route_changes()) {
        correct_route(operation, now);
    }
}

void VipManager::Impl::correct_route(const RouteOperation& operation, Clock::time_point now) {
    Group& group = *groups_[operation.group];
    if (group.lapsed(now)) {
        // The addresses come first, when the election has had its chance.
        return;
    }
    const VirtualRoute& route = group.config.routes[operation.position];
    Record& record = group.route_records[operation.position];
    const bool adding = operation.kind == RouteOperation::Kind::Add;
    if (!record.limiter.allow(now)) {
        if (!std::exchange(record.contested, true) && !record.failing) {
            notify_route(adding ? RouteKind::Failed : RouteKind::RemoveFailed, route,
                         "somebody else keeps changing it; corrected once a second from now on");
        }
        reconcile_after(kRetryDelay);
        return;
    }
    if (record.limiter.available() >= CorrectionLimiter::kBurst / 2) {
        record.contested = false;
    }
    const bool failed_before = record.failing;
    if (!adding) {
        if (remove_route(group, operation.position, operation.route)) {
            notify_route(RouteKind::StaleRemoved, route,
                         group.acquired ? "was not as configured" : "this node is not active");
        }
    } else if (add_route(operation)) {
        notify_route(RouteKind::Repaired, route,
                     failed_before ? "could not be added before" : "removed by somebody else");
    }
}

// ---------------------------------------------------------------- requests for one route

bool VipManager::Impl::add_route(const RouteOperation& operation) {
    Group& group = *groups_[operation.group];
    const auto answer = requests_.add_route(operation.route, group.config.lease);
    const bool failed = answer.error.failed();
    // A failure that lasts is said once.
    if (!std::exchange(group.route_records[operation.position].failing, failed) && failed) {
        notify_route(RouteKind::Failed, group.config.routes[operation.position], describe(answer));
    }
    if (failed) {
        reconcile_after(kRetryDelay);
    }
    return !failed;
}

bool VipManager::Impl::remove_route(Group& group, std::size_t position, const Route& route) {
    const auto answer = requests_.remove_route(route);
    const bool failed = answer.error.failed();
    if (!std::exchange(group.route_records[position].failing, failed) && failed) {
        notify_route(RouteKind::RemoveFailed, group.config.routes[position], describe(answer));
    }
    if (failed) {
        reconcile_after(kRetryDelay);
    }
    return !failed;
}

// ---------------------------------------------------------------- acquire, release, lease

/// A route that cannot be added now is added by reconcile() when it can be.
void VipManager::Impl::add_routes(Group& group) {
    for (std::size_t i = 0; i < group.config.routes.size(); ++i) {
        const VirtualRoute& route = group.config.routes[i];
        group.route_records[i].failing = false;
        if (!usable_entry(route, tables_)) {
            group.route_records[i].failing = true;
            notify_route(RouteKind::Failed, route,
                         "interface " + route.interface + " is missing or down");
        }
    }
    for (const RouteOperation& operation : plan_route_changes()) {
        if (groups_[operation.group].get() != &group) {
            continue;
        }
        if (operation.kind == RouteOperation::Kind::Remove) {
            remove_route(group, operation.position, operation.route);
        } else {
            add_route(operation);
        }
    }
}

void VipManager::Impl::remove_routes(Group& group) {
    for (std::size_t i = 0; i < group.config.routes.size(); ++i) {
        remove_unless_shared(group, i);
    }
}

/// Asked for even when the tables do not have it: they may be behind.
void VipManager::Impl::remove_unless_shared(Group& group, std::size_t position) {
    const Route place = route_entry(group.config.routes[position], 0);
    const bool shared = std::ranges::any_of(groups_, [&](const auto& other) {
        return other.get() != &group && other->acquired &&
               std::ranges::any_of(other->config.routes, [&](const auto& route) {
                   return same_place(place, route_entry(route, 0));
               });
    });
    if (!shared) {
        remove_route(group, position, place);
    }
}

void VipManager::Impl::renew_routes(Group& group) {
    if (!group.has_lease()) {
        return;
    }
    for (const VirtualRoute& route : group.config.routes) {
        const auto wanted = usable_entry(route, tables_);
        if (!wanted || route.destination.is_v4()) {
            continue;
        }
        // A missing route is a repair, with its limit and notice: reconcile().
        const auto actual = tables_.routes();
        if (std::any_of(actual.begin(), actual.end(),
                        [&](const Route& entry) { return is_as_configured(*wanted, entry); })) {
            requests_.add_route(*wanted, group.config.lease, RouteRequest::Renew);
        }
    }
}

void VipManager::Impl::notify_route(RouteNotice::Kind kind, const VirtualRoute& route,
                                    std::string text) const {
    callbacks_.on_route({.kind = kind, .route = to_string(route), .text = std::move(text)});
}

}  // namespace tandem::netlink
