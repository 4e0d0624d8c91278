#include "netlink/vip_manager_impl.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>

namespace tandem::netlink {

namespace {

/// Gratuitous ARP has two forms, each a frame of its own.
constexpr unsigned kArpForms = 2;
/// Frames sent without a pause, so that many addresses cannot hold the election thread.
constexpr int kFramesPerTurn = 256;

/// Whether the kernel says so of itself in neighbour advertisements (RFC 4861, the R flag).
bool read_forwards_ipv6(const std::string& interface) {
    std::ifstream file{"/proc/sys/net/ipv6/conf/" + interface + "/forwarding"};
    int value = 0;
    return (file >> value) && value != 0;
}

}  // namespace

void VipManager::Impl::queue_announcements(Group& group, std::size_t position, unsigned repeat) {
    if (!group.acquired || group.leaving) {
        return;
    }
    const VirtualAddress& address = group.config.addresses[position];
    const bool v4 = address.address.is_v4();
    const AnnounceSchedule& schedule = group.config.schedule;
    announcements_.add({
        .subject = {.group = group.number, .address = position},
        .protocol = v4 ? AnnounceProtocol::Arp : AnnounceProtocol::Neighbour,
        .interface = address.interface,
        .frames = v4 ? kArpForms * repeat : repeat,
        .interval = v4 ? schedule.arp_interval : schedule.advertisement_interval,
    });
}

bool VipManager::Impl::queue_on_interface(Group& group, const std::string& interface,
                                          unsigned repeat) {
    bool found = false;
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        if (group.config.addresses[i].interface == interface) {
            queue_announcements(group, i, repeat);
            found = true;
        }
    }
    return found;
}

void VipManager::Impl::queue_all(Group& group, unsigned repeat) {
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        queue_announcements(group, i, repeat);
    }
    send_queued();
}

bool VipManager::Impl::forwards_ipv6(const std::string& interface, Clock::time_point now) {
    const auto found = interfaces_.find(interface);
    if (found == interfaces_.end()) {
        return read_forwards_ipv6(interface);
    }
    WatchedInterface& watched = found->second;
    if (!watched.forwards_ipv6_read || now - *watched.forwards_ipv6_read >= kForwardingInterval) {
        watched.forwards_ipv6 = read_forwards_ipv6(interface);
        watched.forwards_ipv6_read = now;
    }
    return watched.forwards_ipv6;
}

void VipManager::Impl::send_queued() {
    for (int frames = 0; frames < kFramesPerTurn; ++frames) {
        const auto now = Clock::now();
        const auto frame = announcements_.take(now);
        if (!frame) {
            break;
        }
        const auto found = std::ranges::find(groups_, frame->subject.group,
                                             [](const auto& each) { return each->number; });
        if (found == groups_.end()) {
            announcements_.drop(frame->subject);
            continue;
        }
        Group& group = **found;
        const VirtualAddress& address = group.config.addresses[frame->subject.address];
        const Link* link = tables_.find_link(address.interface);
        // After a lapse the peer may have the address: say nothing. Without carrier there is nobody
        // to tell; announced when the carrier is back.
        if (!group.acquired || group.lapsed(now) || link == nullptr || !link->running) {
            announcements_.drop(frame->subject);
            continue;
        }
        const bool arp = frame->protocol == AnnounceProtocol::Arp;
        const error_code error =
            arp ? announcer_.send_arp(
                      *link, address.address.to_v4(),
                      frame->left % kArpForms == 0 ? ArpForm::Reply : ArpForm::Request)
                : announcer_.send_advertisement(*link, address.address.to_v6(),
                                                forwards_ipv6(address.interface, now));
        if (error) {
            announcements_.drop(frame->subject);
            notify(Kind::AnnounceFailed, address, error.message());
        }
    }
    if (const auto due = announcements_.next_due()) {
        arm(announce_timer_, *due, &Impl::send_queued);
    }
}

void VipManager::Impl::arm_second_burst(Group& group, Clock::duration delay, unsigned repeat) {
    if (delay > Clock::duration::zero()) {
        group.second_burst_repeat = repeat;
        arm(group.second_burst_timer, delay, group, &Impl::on_second_burst);
    }
}

/// The machines that this node has talked to, upstreams and gateways above all: a broadcast that
/// one of them does not hear must not leave it with the address of the node before.
void VipManager::Impl::announce_to_neighbours(const Group& group) {
    const RequestSocket::Dump dump = requests_.dump(DumpKind::Neighbours);
    int left = kMaxNeighbours;
    for (const VirtualAddress& address : group.config.addresses) {
        const Link* link = tables_.find_link(address.interface);
        if (link == nullptr || !link->running) {
            continue;
        }
        const bool router =
            address.address.is_v6() && forwards_ipv6(address.interface, Clock::now());
        for (const Message& message : dump.messages) {
            const auto* present = std::get_if<NeighbourPresent>(&message.body);
            const bool concerned = present != nullptr && present->neighbour.index == link->index &&
                                   present->neighbour.address.is_v4() == address.address.is_v4();
            if (concerned && left-- > 0) {
                (void)announcer_.send_to(*link, address.address, present->neighbour.mac, router);
            }
        }
    }
}

/// This node has become active.
void VipManager::Impl::announce(Group& group) {
    const AnnounceSchedule& schedule = group.config.schedule;
    queue_all(group, schedule.repeat);
    announce_to_neighbours(group);
    arm_second_burst(group, schedule.second_burst_delay, schedule.repeat);
    arm_refresh(group);
}

void VipManager::Impl::arm_refresh(Group& group) {
    const auto refresh = group.config.schedule.refresh;
    if (refresh.count() > 0) {
        arm(group.announce_timer, refresh, group, &Impl::on_announce_timer);
    }
}

/// Another node may have announced the addresses.
void VipManager::Impl::announce_again(Group& group) {
    if (!group.acquired || !running_) {
        return;
    }
    const AnnounceSchedule& schedule = group.config.schedule;
    const unsigned repeat = schedule.lower_priority_repeat.value_or(schedule.repeat);
    queue_all(group, repeat);
    arm_second_burst(group, schedule.lower_priority_delay.value_or(schedule.second_burst_delay),
                     repeat);
}

void VipManager::Impl::on_second_burst(Group& group) {
    queue_all(group, group.second_burst_repeat);
}

void VipManager::Impl::arm_settle_timer() {
    std::optional<Clock::time_point> next;
    for (const auto& [name, watched] : interfaces_) {
        if (watched.settle_step < kSettleTimes.size()) {
            const auto due = watched.up_since + kSettleTimes.at(watched.settle_step);
            next = std::min(next.value_or(due), due);
        }
    }
    if (!next) {
        return;
    }
    arm(settle_timer_, *next, &Impl::on_settle_timer);
}

void VipManager::Impl::on_settle_timer() {
    const auto now = Clock::now();
    for (auto& [name, watched] : interfaces_) {
        const bool due = watched.settle_step < kSettleTimes.size() &&
                         now >= watched.up_since + kSettleTimes.at(watched.settle_step);
        if (!due) {
            continue;
        }
        ++watched.settle_step;
        for (const auto& group : groups_) {
            queue_on_interface(*group, name, 1);
        }
    }
    send_queued();
    arm_settle_timer();
}

void VipManager::Impl::on_announce_timer(Group& group) {
    queue_all(group, group.config.schedule.refresh_repeat);
    arm_refresh(group);
}

error_code VipManager::Impl::announce_own(const std::string& interface, const IpAddress& address) {
    const auto failure = [](int error) {
        return error_code{error, boost::system::system_category()};
    };
    if (!running_) {
        return failure(EBADF);
    }
    drain();
    // What was read here may have to be repaired.
    reconcile_soon();
    const Link* link = tables_.find_link(interface);
    if (link == nullptr) {
        return failure(ENODEV);
    }
    const auto state = interface_state(interface);
    const IpAddress own = without_scope_id(address);
    if (std::find(state->addresses.begin(), state->addresses.end(), own) ==
        state->addresses.end()) {
        return failure(EADDRNOTAVAIL);
    }
    if (!link->running) {
        return {};
    }
    if (own.is_v6()) {
        return announcer_.send_advertisement(*link, own.to_v6(),
                                             forwards_ipv6(interface, Clock::now()));
    }
    const error_code error = announcer_.send_arp(*link, own.to_v4(), ArpForm::Request);
    return error ? error : announcer_.send_arp(*link, own.to_v4(), ArpForm::Reply);
}

}  // namespace tandem::netlink
