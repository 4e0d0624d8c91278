// Who else claims a virtual address: from the watch to the monitors, and what they decide.
#include "netlink/vip_manager_impl.hpp"

#include <algorithm>

namespace tandem::netlink {

void VipManager::Impl::on_claim(unsigned index, const NeighbourClaim& claim) {
    if (claim.mac && tables_.is_own_mac(*claim.mac)) {
        return;
    }
    // Of a flood only the first has to be waited for.
    bool to_be_judged = false;
    for (const auto& each : groups_) {
        Group& group = *each;
        for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
            const VirtualAddress& address = group.config.addresses[i];
            const Link* link = tables_.find_link(address.interface);
            if (address.address == claim.address && link != nullptr && link->index == index) {
                ConflictMonitor& monitor = group.conflicts[i];
                const bool waits = monitor.next_deadline().has_value();
                monitor.on_claim(claim.mac, Clock::now());
                to_be_judged = to_be_judged || (!waits && monitor.next_deadline());
            }
        }
    }
    if (to_be_judged) {
        arm_conflict_timer();
    }
}

void VipManager::Impl::begin_watching_claims(Group& group, bool peer_known) {
    for (std::size_t i = 0; i < group.conflicts.size(); ++i) {
        judge(group, i, group.conflicts[i].on_held(peer_known, Clock::now()));
    }
}

void VipManager::Impl::prepare_release(Group& group) {
    group.leaving = true;
    announcements_.drop_group(group.number);
    for (ConflictMonitor& monitor : group.conflicts) {
        monitor.on_released();
    }
}

/// A probe that cannot be sent is no reason for anything: the election goes on.
void VipManager::Impl::probe(const Group& group) {
    for (std::size_t i = 0; running_ && !group.acquired && i < group.conflicts.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        const Link* link = tables_.find_link(address.interface);
        if (group.own[i] == 0 && link != nullptr && link->running) {
            (void)announcer_.send_probe(*link, address.address);
        }
    }
}

void VipManager::Impl::judge(Group& group, std::size_t position,
                             const ConflictMonitor::Verdict& verdict) {
    if (verdict.defend) {
        queue_announcements(group, position, 1);
        send_queued();
    }
    if (verdict.report) {
        const VirtualAddress& address = group.config.addresses[position];
        callbacks_.on_notice(
            {.kind = Kind::AddressConflict,
             .address = address.address,
             .interface = address.interface,
             .text = std::to_string(verdict.report->claims) + " claims since the last report",
             .group = group.config.name,
             .mac = verdict.report->mac});
    }
}

void VipManager::Impl::arm_conflict_timer() {
    std::optional<Clock::time_point> next;
    for (const auto& group : groups_) {
        for (const ConflictMonitor& monitor : group->conflicts) {
            const auto deadline = monitor.next_deadline();
            next = next && deadline ? std::min(next, deadline) : deadline ? deadline : next;
        }
    }
    if (!next) {
        return;
    }
    arm(conflict_timer_, *next, &Impl::on_conflict_timer);
}

void VipManager::Impl::on_conflict_timer() {
    for (const auto& group : groups_) {
        for (std::size_t i = 0; i < group->conflicts.size(); ++i) {
            judge(*group, i, group->conflicts[i].on_deadline(Clock::now()));
        }
    }
    arm_conflict_timer();
}

}  // namespace tandem::netlink
