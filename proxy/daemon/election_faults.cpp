// What keeps an instance out of the election: its interface, what it tracks, its sync group.
#include "proxy/daemon/election_impl.hpp"
#include "proxy/relay/engine.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <boost/asio/post.hpp>

namespace tandem::daemon {
namespace {

/// More rounds than any group needs to settle; a bound in case the plan has a defect.
constexpr int kMaxGroupRounds = 64;

/// Of a node that reaches no upstream.
constexpr std::uint8_t kLowestPriority = 1;

/// Interfaces of virtual addresses beside the one that carries the advertisements: an address on a
/// dead link is of no use.
std::set<std::string> address_links(const config::InstanceSettings& instance) {
    std::set<std::string> names;
    for (const auto& address : instance.addresses) {
        names.insert(address.interface);
    }
    names.erase(instance.election.interface);
    return names;
}

std::string link_fault(const std::optional<netlink::InterfaceState>& state,
                       const vrrp::InstanceConfig& config, bool track_primary) {
    if (!state) {
        return "interface " + config.interface + " does not exist";
    }
    if (!state->running && track_primary) {
        return "link down on " + config.interface;
    }
    const bool has_source = config.family == vrrp::Family::Ipv4
                                ? state->ipv4.has_value()
                                : state->ipv6_link_local.has_value();
    if (!has_source && !config.source_address) {
        return std::string{config.family == vrrp::Family::Ipv4 ? "no IPv4 address"
                                                               : "no IPv6 link-local address"} +
               " of its own on " + config.interface;
    }
    return {};
}

}  // namespace

vrrp::TrackStatus status_of(const std::optional<netlink::InterfaceState>& state) {
    const bool up = state && state->running;
    return {up, 0, up ? "link up" : state ? "link down" : "interface does not exist"};
}

std::vector<std::string> interfaces_of(const std::vector<config::InstanceSettings>& instances) {
    std::vector<std::string> names;
    for (const auto& instance : instances) {
        names.push_back(instance.election.interface);
        const auto links = address_links(instance);
        names.insert(names.end(), links.begin(), links.end());
        for (const auto& tracked : instance.tracked) {
            if (tracked.kind == vrrp::TrackKind::Interface) {
                names.push_back(tracked.name);
            }
        }
    }
    return names;
}

// Interfaces

void Election::Impl::on_interface(const std::string& name,
                                  const std::optional<netlink::InterfaceState>& state) {
    interfaces[name] = state;
    on_tracked(vrrp::TrackKind::Interface, name, status_of(state));
    for (const auto& instance : instances) {
        const auto own = interfaces.find(instance->settings.election.interface);
        if (own != interfaces.end()) {
            apply_interface(*instance, own->second);
        }
        if (vips.acquired(instance->name())) {
            leave_will(*instance);  // an interface made anew has another index
        }
    }
}

/// A link under a virtual address that is down is a fault. One that does not exist is not: the
/// address waits for it, and the instance's other addresses are served meanwhile. Advertisements
/// still go out, so that priority 0 tells the peer at once.
void Election::Impl::apply_address_links(Instance& instance) {
    std::string lost;
    for (const std::string& name : address_links(instance.settings)) {
        const auto seen = interfaces.find(name);
        if (lost.empty() && seen != interfaces.end() && seen->second && !seen->second->running) {
            lost = name;
        }
    }
    const std::string before = std::exchange(instance.lost_link, lost);
    if (before == lost) {
        return;
    }
    if (lost.empty()) {
        report(messages::kInterfaceUsable, {{"instance", instance.name()}, {"interface", before}});
    } else {
        report(messages::kInterfaceUnusable, {{"instance", instance.name()},
                                              {"interface", lost},
                                              {"fault", "link down on " + lost}});
    }
    apply_faults(instance);
}

/// Why an interface cannot carry the instance; empty: it can.
std::string Election::Impl::find_interface_fault(
    const Instance& instance, const std::optional<netlink::InterfaceState>& state) const {
    const vrrp::InstanceConfig& config = instance.settings.election;
    std::string fault = link_fault(state, config, instance.settings.track_primary);
    if (fault.empty() && config.source_address && !vips.is_own_address(*config.source_address)) {
        fault = "source address " + config.source_address->to_string() + " is not on this host";
    }
    return fault;
}

void Election::Impl::apply_interface(Instance& instance,
                                     const std::optional<netlink::InterfaceState>& state) {
    // Before the interface becomes usable: an instance with a lost link must not claim then.
    apply_address_links(instance);
    const vrrp::InstanceConfig& config = instance.settings.election;
    const std::string before =
        std::exchange(instance.interface_fault, find_interface_fault(instance, state));
    if (!instance.interface_fault.empty()) {
        if (before != instance.interface_fault) {
            report(messages::kInterfaceUnusable, {{"instance", config.name},
                                                  {"interface", config.interface},
                                                  {"fault", instance.interface_fault}});
        }
        instance.sightings.close();
        instance.router->interface_unusable();
        apply_faults(instance);
        return;
    }
    const auto& own = config.family == vrrp::Family::Ipv4 ? state->ipv4 : state->ipv6_link_local;
    const auto source = config.source_address.value_or(own.value_or(vrrp::IpAddress{}));
    if (!before.empty()) {
        report(messages::kInterfaceUsable,
               {{"instance", config.name}, {"interface", config.interface}});
        vips.probe(config.name);
        // An alarm without a MAC address is still one.
        (void)instance.sightings.open(state->index);
        if (!config.unicast_peers.empty()) {
            // The peer's neighbour cache may be what the fault spoiled.
            (void)vips.announce_own(config.interface, source);
        }
    }
    instance.own_source = source;
    const auto& peers = instance.settings.election.unicast_peers;
    if (peers.size() == 1) {
        share_ports(instance, peers.front().address);
    }
    instance.router->interface_usable(state->index, source);
    apply_faults(instance);
}

// Tracking

bool Election::Impl::Instance::waits_for_result() const {
    for (std::size_t i = 0; i < tracked.size(); ++i) {
        if (settings.tracked[i].weight == 0 && !tracked[i].up) {
            return true;
        }
    }
    return false;
}

void Election::Impl::on_tracked(vrrp::TrackKind kind, const std::string& name,
                                const vrrp::TrackStatus& status) {
    for (const auto& instance : instances) {
        const auto& objects = instance->settings.tracked;
        bool concerned = false;
        for (std::size_t i = 0; i < objects.size(); ++i) {
            if (objects[i].kind == kind && objects[i].name == name) {
                concerned = concerned || !(instance->tracked[i] == status);
                instance->tracked[i] = status;
            }
        }
        if (instance->pending) {
            PendingTracking& pending = *instance->pending;
            for (std::size_t i = 0; i < pending.tracked.size(); ++i) {
                if (pending.tracked[i].kind == kind && pending.tracked[i].name == name) {
                    pending.statuses[i] = status;
                }
            }
            adopt_pending(*instance);
        }
        if (concerned) {
            apply_tracking(*instance);
        }
    }
}

void Election::Impl::apply_tracking(Instance& instance) {
    vrrp::TrackResult result = evaluate_tracking(instance.settings.election.priority,
                                                 instance.settings.tracked, instance.tracked);
    instance.tracking_faults = std::move(result.faults);
    // Not a fault: where no upstream answers either node, the lowest priority of both decides
    // nothing, and the addresses stay.
    const bool owner = instance.settings.election.priority == vrrp::kOwnerPriority;
    const std::uint8_t priority =
        instance.self.no_upstream && !owner ? kLowestPriority : result.effective_priority;
    apply_priority(instance, priority);
    apply_faults(instance);
    start_when_known(instance);
}

void Election::Impl::check_self() {
    self_timer.expires_after(SelfCheck::kInterval);
    self_timer.async_wait([this](boost::system::error_code error) {
        if (error) {
            return;
        }
        const bool workers_answer = engine.ask_workers();
        for (const auto& instance : instances) {
            const relay::InstanceHealth health = engine.health(instance->name());
            apply_self(*instance,
                       instance->self_check.observe({workers_answer, health.accept_error,
                                                     health.failing_service, health.no_upstream},
                                                    Clock::now()));
        }
        check_self();
    });
}

void Election::Impl::apply_self(Instance& instance, SelfVerdict verdict) {
    if (verdict == instance.self) {
        return;
    }
    const SelfVerdict before = std::exchange(instance.self, std::move(verdict));
    for (const std::string& fault : instance.self.faults) {
        if (std::ranges::find(before.faults, fault) == before.faults.end()) {
            report(messages::kCannotServe, {{"instance", instance.name()}, {"fault", fault}});
        }
    }
    if (instance.self.faults.empty() && !before.faults.empty()) {
        report(messages::kCanServeAgain, {{"instance", instance.name()}});
    }
    if (instance.self.no_upstream != before.no_upstream) {
        report(
            instance.self.no_upstream ? messages::kNoUpstreamAtAll : messages::kUpstreamReachable,
            {{"instance", instance.name()}});
    }
    apply_tracking(instance);
}

void Election::Impl::apply_priority(Instance& instance, std::uint8_t priority) {
    const vrrp::Elector& elector = instance.router->elector();
    const std::uint8_t before = elector.priority();
    // An owner is immune to weights; it says another priority only beside another owner.
    if (priority == before || priority == vrrp::kOwnerPriority) {
        return;
    }
    report(messages::kPriorityChanged, {{"instance", instance.name()},
                                        {"from", std::to_string(before)},
                                        {"to", std::to_string(priority)}});
    instance.router->set_priority(priority);
    const bool active = elector.state() == vrrp::State::Active;
    if (active || elector.state() == vrrp::State::Backup) {
        observer.on_instance_event(
            instance.name(), active ? NotifyEvent::MasterPriority : NotifyEvent::BackupPriority,
            priority);
    }
    if (gives_up_on_lower_priority(instance.settings.election, elector.state(), before, priority)) {
        instance.gives_up_below = std::max(instance.gives_up_below.value_or(before), before);
        give_up_soon();
    }
}

/// One command for every instance that the same failure concerns; after a command in progress.
void Election::Impl::give_up_soon() {
    boost::asio::post(context, [this] {
        if (failover.in_progress() || reconfiguration || stopping) {
            return;
        }
        FailoverCommand command;
        for (const auto& instance : instances) {
            const vrrp::Elector& elector = instance->router->elector();
            const auto below = std::exchange(instance->gives_up_below, std::nullopt);
            const bool failing = below && elector.priority() < *below;
            if (failing && elector.state() == vrrp::State::Active) {
                report(messages::kGivesUpForTracking, {{"instance", instance->name()}});
                command.instances.push_back(instance->name());
            }
        }
        if (!command.instances.empty()) {
            // It does not preempt anyway: the hold must not outlive the failure.
            command.hold_for = std::chrono::seconds{0};
            begin_failover(std::move(command), [](const FailoverResult&) {});
        }
    });
}

/// Tells the router the sum of the faults that are not its interface's.
void Election::Impl::apply_faults(Instance& instance) {
    instance.router->set_fault(instance.own_fault() || !instance.group_fault.empty());
    if (instance.group != nullptr) {
        run_group(*instance.group);
    }
}

/// keepalived holds an instance in INIT until every script without a weight has a first result:
/// what is not known to be well must not claim.
void Election::Impl::start_when_known(Instance& instance) {
    if (!started || stopping || instance.started || instance.waits_for_result()) {
        return;
    }
    instance.started = true;
    instance.router->start();
}

// Sync groups

void Election::Impl::on_group_event(const std::string& name) {
    if (Group* group = find(name)->group; group != nullptr) {
        run_group(*group);
    }
}

void Election::Impl::run_group(Group& group) {
    // Orders raise events, which come here again: the loop below sees what they changed.
    if (group.planning) {
        return;
    }
    group.planning = true;
    std::vector<vrrp::MemberView> views(group.members.size());
    for (int round = 0; round < kMaxGroupRounds; ++round) {
        for (std::size_t i = 0; i < views.size(); ++i) {
            const Instance& member = *group.members[i];
            const vrrp::Elector& elector = member.router->elector();
            const bool own_fault = member.router->transport_fault() || member.own_fault();
            views[i] = {.state = elector.state(),
                        .releasing = elector.releasing(),
                        .wants_active = elector.wants_active(),
                        .faulty = own_fault};
        }
        const auto orders = plan_sync_group(views, group.faulty);
        if (orders.empty()) {
            break;
        }
        for (const vrrp::MemberOrder& each : orders) {
            order(group, each);
        }
    }
    group.planning = false;
    tell_group(group);
}

void Election::Impl::order(Group& group, const vrrp::MemberOrder& member_order) {
    using Kind = vrrp::MemberOrder::Kind;
    Instance& member = *group.members[member_order.member];
    switch (member_order.kind) {
        case Kind::Claim:
            member.router->group_claim();
            break;
        case Kind::Release:
            member.router->group_release();
            break;
        case Kind::Fault:
            group.faulty = true;
            member.group_fault =
                "another member of sync group " + group.settings.name + " is faulty";
            apply_faults(member);
            break;
        case Kind::FaultEnded:
            group.faulty = false;
            member.group_fault.clear();
            apply_faults(member);
            break;
    }
}

/// A group is told after its members, when its state changed.
void Election::Impl::tell_group(Group& group) {
    const auto all = [&](vrrp::State state) {
        return std::all_of(group.members.begin(), group.members.end(), [&](const Instance* each) {
            return each->router->elector().state() == state;
        });
    };
    const auto any = [&](vrrp::State state) {
        return std::any_of(group.members.begin(), group.members.end(), [&](const Instance* each) {
            return each->router->elector().state() == state;
        });
    };
    const NotifyEvent event = all(vrrp::State::Active)       ? NotifyEvent::Master
                              : all(vrrp::State::Initialize) ? NotifyEvent::Stop
                              : any(vrrp::State::Fault)      ? NotifyEvent::Fault
                                                             : NotifyEvent::Backup;
    const bool first = !group.told;
    if (group.told == event || (first && event == NotifyEvent::Stop)) {
        return;
    }
    group.told = event;
    observer.on_group_event(group.settings.name, event);
}

}  // namespace tandem::daemon
