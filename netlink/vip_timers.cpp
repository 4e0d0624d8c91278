#include "netlink/vip_manager_impl.hpp"

#include <algorithm>
#include <utility>

namespace tandem::netlink {

namespace {

/// A lease is refreshed after this part of it.
constexpr int kRefreshesPerLease = 3;

}  // namespace

void VipManager::Impl::arm(boost::asio::steady_timer& timer, Clock::duration delay, Group& group,
                           void (Impl::*action)(Group&)) {
    timer.expires_after(delay);
    timer.async_wait([weak = weak_from_this(), weak_group = group.weak_from_this(),
                      action](const error_code& error) {
        const auto self = weak.lock();
        const auto same = weak_group.lock();
        // The group may have been released after this handler was queued.
        if (!error && self && same && self->running_ && same->acquired) {
            ((*self).*action)(*same);
        }
    });
}

void VipManager::Impl::arm(boost::asio::steady_timer& timer, Clock::time_point when,
                           void (Impl::*action)()) {
    timer.expires_at(when);
    timer.async_wait([weak = weak_from_this(), action](const error_code& error) {
        const auto self = weak.lock();
        if (!error && self && self->running_) {
            ((*self).*action)();
        }
    });
}

void VipManager::Impl::arm_lease_timer(Group& group) {
    group.recovering = false;
    if (group.has_lease()) {
        const Clock::duration lease = group.config.lease;
        arm(group.lease_timer, lease / kRefreshesPerLease, group, &Impl::on_lease_timer);
    }
}

void VipManager::Impl::on_lease_timer(Group& group) {
    const auto now = Clock::now();
    if (group.lapsed(now)) {
        recover_lapsed_soon(group);
        return;
    }
    drain();
    group.last_refresh = now;
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        const Link* link = tables_.find_link(address.interface);
        if (link == nullptr || group.own[i] != 0) {
            continue;
        }
        // A missing address is a repair, with its limit, notice and announcement: reconcile().
        const auto actual = tables_.addresses(link->index);
        const bool present = std::any_of(actual.begin(), actual.end(), [&](const Address& entry) {
            return entry.address == address.address && entry.prefix_length == address.prefix_length;
        });
        if (present) {
            add(group, i, link->index);
        }
    }
    renew_routes(group);
    arm_lease_timer(group);
    reconcile_soon();
}

/// Once for each lapse: armed again at every change, it could be put off without end.
void VipManager::Impl::recover_lapsed_soon(Group& group) {
    if (!std::exchange(group.recovering, true)) {
        arm(group.lease_timer, kLapsedGrace, group, &Impl::recover_lapsed);
    }
}

/// The election has had its chance to step down and did not: the addresses belong here.
void VipManager::Impl::recover_lapsed(Group& group) {
    group.recovering = false;
    if (!group.lapsed(Clock::now())) {
        return;
    }
    drain();
    group.last_refresh = Clock::now();
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        const Link* link = tables_.find_link(address.interface);
        if (link != nullptr && link->up && group.own[i] == 0 && !add(group, i, link->index).error) {
            notify(Kind::AddressRepaired, address, "the lease ran out before it was refreshed");
        }
    }
    // Routes went with the address that is their source, or expired: reconcile() puts them back.
    routes_stale_ = true;
    arm_lease_timer(group);
    announce(group);
    reconcile_soon();
}

}  // namespace tandem::netlink
