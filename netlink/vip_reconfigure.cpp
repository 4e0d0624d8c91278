// From one configuration to another while the addresses are on.
#include "netlink/vip_manager_impl.hpp"

#include <algorithm>
#include <utility>

namespace tandem::netlink {

namespace {

const AddressGroup* find_named(const std::vector<AddressGroup>& groups, const std::string& name) {
    const auto found = std::ranges::find(groups, name, &AddressGroup::name);
    return found == groups.end() ? nullptr : &*found;
}

template <typename Each>
bool contains(const std::vector<Each>& list, const Each& wanted) {
    return std::ranges::find(list, wanted) != list.end();
}

/// For each of the old ones its position among the new ones; nullopt: it is no more.
template <typename Each>
std::vector<std::optional<std::size_t>> find_moves(const std::vector<Each>& before,
                                                   const std::vector<Each>& after) {
    std::vector<std::optional<std::size_t>> moves(before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        const auto found = std::ranges::find(after, before[i]);
        if (found != after.end()) {
            moves[i] = static_cast<std::size_t>(found - after.begin());
        }
    }
    return moves;
}

/// What is kept about each, at its new position; what is new begins with nothing.
template <typename Kept>
void move_along(std::vector<Kept>& kept, const std::vector<std::optional<std::size_t>>& moves,
                std::size_t size) {
    std::vector<Kept> after(size);
    for (std::size_t i = 0; i < moves.size(); ++i) {
        if (moves[i]) {
            after[*moves[i]] = std::move(kept[i]);
        }
    }
    kept = std::move(after);
}

}  // namespace

error_code VipManager::Impl::reconfigure(std::vector<AddressGroup> groups,
                                         const std::vector<std::string>& watched_interfaces) {
    for (AddressGroup& group : groups) {
        for (VirtualAddress& address : group.addresses) {
            address.address = without_scope_id(address.address);
        }
    }
    if (running_) {
        drain();
    }
    const auto before = configured_addresses();
    // Off first: an address may go from one group to another.
    for (const auto& group : groups_) {
        if (const AddressGroup* same = find_named(groups, group->config.name)) {
            take_off_what_is_no_more(*group, *same);
        } else if (group->acquired) {
            release(*group);
        }
    }
    std::erase_if(groups_, [&](const auto& group) {
        return find_named(groups, group->config.name) == nullptr;
    });
    for (AddressGroup& config : groups) {
        if (Group* group = find_group(config.name)) {
            change_group(*group, std::move(config));
        } else {
            Group& added = add_group(std::move(config));
            for (std::size_t i = 0; running_ && i < added.config.addresses.size(); ++i) {
                mark_own(added, i);
            }
        }
    }
    watch_interfaces(watched_interfaces);
    find_virtual_addresses();
    if (!running_) {
        return {};
    }
    error_code error;
    if (configured_addresses() != before) {
        error = open_conflict_watch();
    }
    if (has_routes() && !monitors_routes_) {
        const error_code not_followed = open_monitor();
        error = not_followed ? not_followed : error;
    }
    send_queued();
    reconcile_soon();
    return error;
}

Group& VipManager::Impl::add_group(AddressGroup config) {
    return *groups_.emplace_back(
        std::make_shared<Group>(std::move(config), next_group_++, context_));
}

void VipManager::Impl::take_off_what_is_no_more(Group& group, const AddressGroup& wanted) {
    if (!group.acquired || !running_) {
        return;
    }
    for (std::size_t i = 0; i < group.config.routes.size(); ++i) {
        if (!contains(wanted.routes, group.config.routes[i])) {
            remove_unless_shared(group, i);
        }
    }
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        if (!contains(wanted.addresses, group.config.addresses[i])) {
            remove_one(group, i);
        }
    }
}

void VipManager::Impl::change_group(Group& group, AddressGroup config) {
    const AddressGroup before = std::exchange(group.config, std::move(config));
    const auto moves = find_moves(before.addresses, group.config.addresses);
    const std::size_t size = group.config.addresses.size();
    move_along(group.records, moves, size);
    move_along(group.own, moves, size);
    move_along(group.conflicts, moves, size);
    move_along(group.route_records, find_moves(before.routes, group.config.routes),
               group.config.routes.size());
    announcements_.renumber(group.number, moves);
    if (!running_) {
        return;
    }
    std::vector<std::size_t> added;
    for (std::size_t i = 0; i < size; ++i) {
        if (!contains(before.addresses, group.config.addresses[i])) {
            mark_own(group, i);
            added.push_back(i);
        }
    }
    if (group.acquired) {
        const bool some_gone = std::ranges::any_of(moves, [](const auto& to) { return !to; });
        for (std::size_t i = 0; some_gone && i < size; ++i) {
            if (std::ranges::find(added, i) == added.end()) {
                keep_on(group, i);
            }
        }
        put_on(group, added);
        if (group.config.routes != before.routes) {
            add_routes(group);
        }
        use_schedule(group, before);
    }
}

/// With the first address of a network the kernel takes off the others of it, unless
/// promote_secondaries is set: they are put back before anybody misses them.
void VipManager::Impl::keep_on(Group& group, std::size_t position) {
    const Link* link = tables_.find_link(group.config.addresses[position].interface);
    if (group.own[position] == 0 && link != nullptr && link->up &&
        add(group, position, link->index).error) {
        reconcile_after(kRetryDelay);
    }
}

void VipManager::Impl::put_on(Group& group, const std::vector<std::size_t>& positions) {
    for (const std::size_t position : positions) {
        if (group.own[position] == 0 && add_first(group, position)) {
            reconcile_after(kRetryDelay);
        }
        judge(group, position, group.conflicts[position].on_held(true, Clock::now()));
        queue_announcements(group, position, group.config.schedule.repeat);
    }
    if (!positions.empty()) {
        const AnnounceSchedule& schedule = group.config.schedule;
        arm_second_burst(group, schedule.second_burst_delay, schedule.repeat);
    }
}

/// The lease and the regular announcements, when they are others than before.
void VipManager::Impl::use_schedule(Group& group, const AddressGroup& before) {
    if (group.config.lease != before.lease) {
        group.lease_timer.cancel();
        group.last_refresh = Clock::now();
        on_lease_timer(group);
    }
    if (group.config.schedule.refresh != before.schedule.refresh) {
        group.announce_timer.cancel();
        arm_refresh(group);
    }
}

void VipManager::Impl::watch_interfaces(const std::vector<std::string>& names) {
    std::set<std::string> wanted{names.begin(), names.end()};
    for (const auto& group : groups_) {
        for (const VirtualAddress& address : group->config.addresses) {
            wanted.insert(address.interface);
        }
    }
    std::erase_if(interfaces_, [&](const auto& each) { return !wanted.contains(each.first); });
    for (const std::string& name : wanted) {
        const auto [place, is_new] = interfaces_.try_emplace(name);
        const Link* link = is_new && running_ ? tables_.find_link(name) : nullptr;
        if (link != nullptr) {
            place->second.link = *link;
        }
    }
}

void VipManager::Impl::find_virtual_addresses() {
    virtual_addresses_.clear();
    for (const auto& group : groups_) {
        for (std::size_t i = 0; i < group->config.addresses.size(); ++i) {
            if (group->own[i] == 0) {
                virtual_addresses_.insert(group->config.addresses[i].address);
            }
        }
    }
}

std::set<IpAddress> VipManager::Impl::configured_addresses() const {
    std::set<IpAddress> addresses;
    for (const auto& group : groups_) {
        for (const VirtualAddress& address : group->config.addresses) {
            addresses.insert(address.address);
        }
    }
    return addresses;
}

error_code VipManager::Impl::open_conflict_watch() {
    return conflict_watch_.open(
        configured_addresses(),
        [this](unsigned index, const NeighbourClaim& claim) { on_claim(index, claim); });
}

/// In place of the one that is open, which stays on error. What happened between the two is read
/// again.
error_code VipManager::Impl::open_monitor() {
    MonitorSocket monitor{context_};
    if (const error_code error = monitor.open(monitor_receive_buffer_, has_routes())) {
        return error;
    }
    monitor_ = std::move(monitor);
    monitors_routes_ = has_routes();
    if (running_) {
        resync_needed_ = true;
        last_resync_ = {};
        wait_for_changes();
    }
    return {};
}

}  // namespace tandem::netlink
