// From one configuration to another while the election goes on. What stays as it was is not
// touched; the order is: connections of addresses that go, then the addresses, then everything
// else.
#include "proxy/daemon/election_impl.hpp"
#include "proxy/daemon/reload_plan.hpp"
#include "proxy/relay/engine.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include <boost/asio/post.hpp>

namespace tandem::daemon {
namespace {

namespace asio = boost::asio;

/// How long addresses that go wait for the relay to reset their connections.
constexpr std::chrono::milliseconds kRelayPatience{250};

const config::InstanceSettings* find_settings(const config::Model& model, const std::string& name) {
    const auto found = std::ranges::find_if(
        model.instances, [&](const auto& each) { return each.election.name == name; });
    return found == model.instances.end() ? nullptr : &*found;
}

bool is_known(const vrrp::TrackStatus& status) {
    return status.up.has_value();
}

}  // namespace

std::vector<netlink::AddressGroup> address_groups(
    const std::vector<config::InstanceSettings>& instances) {
    std::vector<netlink::AddressGroup> groups;
    for (const auto& instance : instances) {
        groups.push_back({instance.election.name, instance.addresses, instance.announce,
                          instance.lease, instance.routes});
    }
    return groups;
}

// What there is

std::unique_ptr<vrrp::Router> Election::Impl::make_router(
    const config::InstanceSettings& settings) {
    const auto marks = options.replay_marks.find(settings.election.name);
    return std::make_unique<vrrp::Router>(
        context, settings.election, *this,
        marks == options.replay_marks.end() ? std::vector<vrrp::ReplayMark>{} : marks->second);
}

Election::Impl::Instance& Election::Impl::add_instance(const config::InstanceSettings& wanted) {
    auto instance = std::make_shared<Instance>();
    const auto taken = [this](std::uint32_t number) {
        return std::ranges::any_of(instances,
                                   [number](const auto& each) { return each->number == number; });
    };
    while (taken(instance->number)) {
        ++instance->number;
    }
    instance->settings = wanted;
    instance->configured = wanted;
    for (const vrrp::TrackedObject& object : wanted.tracked) {
        instance->tracked.push_back(known_status(object));
    }
    instance->release_timer = std::make_unique<asio::steady_timer>(context);
    instance->router = make_router(wanted);
    instances.push_back(std::move(instance));
    return *instances.back();
}

/// A group that is as it was keeps what is known of it; of any other the faults are found anew.
void Election::Impl::make_groups(const std::vector<config::SyncGroupSettings>& wanted) {
    const auto before = std::exchange(groups, {});
    for (const auto& instance : instances) {
        instance->group = nullptr;
    }
    for (const config::SyncGroupSettings& settings : wanted) {
        auto group = std::make_unique<Group>();
        group->settings = settings;
        const auto same = std::ranges::find_if(
            before, [&](const auto& each) { return each->settings.name == settings.name; });
        if (same != before.end()) {
            group->told = (*same)->told;
            group->faulty = (*same)->settings.members == settings.members && (*same)->faulty;
        }
        for (const std::string& name : settings.members) {
            Instance* member = find(name);
            member->group = group.get();
            group->members.push_back(member);
        }
        groups.push_back(std::move(group));
    }
    for (const auto& instance : instances) {
        if (instance->group == nullptr || !instance->group->faulty) {
            instance->group_fault.clear();
        }
    }
}

// One at a time

void Election::Impl::when_settled(std::function<void()> action) {
    settled_actions.push_back(std::move(action));
    run_waiting();
}

void Election::Impl::run_waiting() {
    asio::post(context, [this] {
        if (settled_actions.empty() || failover.in_progress() || reconfiguration) {
            return;
        }
        const auto next = std::move(settled_actions.front());
        settled_actions.erase(settled_actions.begin());
        next();
        run_waiting();
    });
}

void Election::Impl::reconfigure(config::Model model, std::function<void()> done) {
    if (stopping) {
        done();
        return;
    }
    const auto gone = addresses_to_go(model);
    reconfiguration = Reconfiguration{std::move(model), std::move(done)};
    if (gone.empty()) {
        carry_out(reconfiguration->model);
        return;
    }
    // Once: the relay's answer or the end of the patience, whichever comes first.
    const auto go_on = [this, first = std::make_shared<bool>(true)] {
        if (std::exchange(*first, false) && reconfiguration) {
            patience_timer.cancel();
            carry_out(reconfiguration->model);
        }
    };
    patience_timer.expires_after(kRelayPatience);
    patience_timer.async_wait([go_on](boost::system::error_code error) {
        if (!error) {
            go_on();
        }
    });
    engine.disconnect_addresses(
        gone, [this, go_on](std::uint64_t /*reset*/) { asio::post(context, go_on); });
}

/// Addresses that are on, of instances that stay, and that no instance will have.
std::vector<vrrp::IpAddress> Election::Impl::addresses_to_go(const config::Model& model) const {
    std::set<vrrp::IpAddress> kept;
    for (const auto& instance : model.instances) {
        for (const auto& address : instance.addresses) {
            kept.insert(address.address);
        }
    }
    std::vector<vrrp::IpAddress> gone;
    for (const auto& instance : instances) {
        const bool stays = find_settings(model, instance->name()) != nullptr;
        for (const auto& address : instance->settings.addresses) {
            if (stays && vips.acquired(instance->name()) && !kept.contains(address.address)) {
                gone.push_back(address.address);
            }
        }
    }
    return gone;
}

void Election::Impl::carry_out(const config::Model& model) {
    std::vector<Instance*> leaving;
    std::vector<std::pair<Instance*, const config::InstanceSettings*>> changed;
    for (const auto& instance : instances) {
        const auto* wanted = find_settings(model, instance->name());
        if (wanted == nullptr || begins_anew(instance->configured, *wanted)) {
            leaving.push_back(instance.get());
        } else if (!(instance->configured == *wanted)) {
            changed.emplace_back(instance.get(), wanted);
        }
    }
    std::vector<Instance*> added;
    for (const auto& wanted : model.instances) {
        if (find(wanted.election.name) == nullptr) {
            added.push_back(&add_instance(wanted));
        }
    }
    make_groups(model.groups);
    // The groups are planned when every member is as it will be.
    with_groups_waiting([&] {
        for (const auto& [instance, wanted] : changed) {
            change_instance(*instance, *wanted);
        }
        use_addresses();
        for (const auto& [instance, wanted] : changed) {
            look_at_interfaces(*instance);
        }
        for (Instance* instance : added) {
            look_at_interfaces(*instance);
            apply_tracking(*instance);
        }
    });
    for (const auto& instance : instances) {
        apply_faults(*instance);
    }
    reconfiguration->left += leaving.size();
    with_groups_waiting([&] {
        for (Instance* instance : leaving) {
            leave(*instance);
        }
    });
    finish_reconfigure();
}

// One instance

void Election::Impl::change_instance(Instance& instance, const config::InstanceSettings& wanted) {
    instance.configured = wanted;
    const std::uint8_t priority = instance.settings.election.priority;
    auto tracked = std::move(instance.settings.tracked);
    instance.settings = wanted;
    // These two change together, when everything is known.
    instance.settings.election.priority = priority;
    instance.settings.tracked = std::move(tracked);
    instance.router->reconfigure(wanted.election);
    change_tracking(instance, wanted);
}

void Election::Impl::change_tracking(Instance& instance, const config::InstanceSettings& wanted) {
    PendingTracking pending{wanted.election.priority, wanted.tracked, {}};
    for (const vrrp::TrackedObject& object : wanted.tracked) {
        pending.statuses.push_back(known_status(object));
    }
    instance.pending = std::move(pending);
    adopt_pending(instance);
}

/// An instance that does not take part yet has nothing to lose: it waits with the new list.
void Election::Impl::adopt_pending(Instance& instance) {
    if (!instance.pending ||
        (instance.started && !std::ranges::all_of(instance.pending->statuses, is_known))) {
        return;
    }
    PendingTracking pending = std::move(*instance.pending);
    instance.pending.reset();
    instance.settings.election.priority = pending.priority;
    instance.settings.tracked = std::move(pending.tracked);
    instance.tracked = std::move(pending.statuses);
    apply_tracking(instance);
}

/// Of an object that another instance tracks already, which is not reported again.
vrrp::TrackStatus Election::Impl::known_status(const vrrp::TrackedObject& object) const {
    const auto find_in = [&object](const auto& objects, const auto& statuses) {
        for (std::size_t i = 0; i < objects.size(); ++i) {
            if (objects[i].kind == object.kind && objects[i].name == object.name) {
                return statuses[i];
            }
        }
        return vrrp::TrackStatus{};
    };
    for (const auto& instance : instances) {
        const auto status = find_in(instance->settings.tracked, instance->tracked);
        if (is_known(status)) {
            return status;
        }
        if (instance->pending) {
            const auto next = find_in(instance->pending->tracked, instance->pending->statuses);
            if (is_known(next)) {
                return next;
            }
        }
    }
    if (object.kind == vrrp::TrackKind::Interface) {
        const auto seen = interfaces.find(object.name);
        return seen == interfaces.end() ? vrrp::TrackStatus{} : status_of(seen->second);
    }
    return {};
}

/// As if an interface had just been reported; one that is not known yet will be.
void Election::Impl::look_at_interfaces(Instance& instance) {
    const auto own = interfaces.find(instance.settings.election.interface);
    if (own != interfaces.end()) {
        apply_interface(instance, own->second);
    }
    if (vips.acquired(instance.name())) {
        leave_will(instance);
    }
}

void Election::Impl::begin_anew(Instance& instance, const config::InstanceSettings& wanted) {
    instance.sightings.close();
    instance.configured = wanted;
    instance.settings = wanted;
    instance.pending.reset();
    instance.tracked.clear();
    for (const vrrp::TrackedObject& object : wanted.tracked) {
        instance.tracked.push_back(known_status(object));
    }
    instance.own_source.reset();
    instance.interface_fault = "interface not seen yet";
    instance.lost_link.clear();
    instance.tracking_faults.clear();
    instance.gives_up_below.reset();
    instance.started = false;
    instance.router = make_router(wanted);
}

/// Gives its addresses up; then it is forgotten, or begins anew.
void Election::Impl::leave(Instance& instance) {
    instance.router->shutdown([this, here = instance.weak_from_this()] {
        // Not from within the router's own callback: it goes with the instance.
        asio::post(context, [this, here] {
            const auto same = here.lock();
            if (!same || !reconfiguration || stopping) {
                return;
            }
            if (const auto* wanted = find_settings(reconfiguration->model, same->name())) {
                begin_anew(*same, *wanted);
                use_addresses();
                look_at_interfaces(*same);
                apply_tracking(*same);
            } else {
                std::erase(instances, same);
                use_addresses();
            }
            finish_reconfigure();
        });
    });
}

// All of them

/// The addresses of an instance that leaves stay until it has.
void Election::Impl::use_addresses() {
    std::vector<config::InstanceSettings> settings;
    std::vector<config::InstanceSettings> configured;
    for (const auto& instance : instances) {
        settings.push_back(instance->settings);
        configured.push_back(instance->configured);
    }
    auto watched = interfaces_of(settings);
    const auto pending = interfaces_of(configured);
    watched.insert(watched.end(), pending.begin(), pending.end());
    std::erase_if(interfaces, [&](const auto& each) {
        return std::ranges::find(watched, each.first) == watched.end();
    });
    if (const auto error = vips.reconfigure(address_groups(settings), watched)) {
        report(messages::kAddressesNotFollowed, {{"error", error.message()}});
    }
}

void Election::Impl::finish_reconfigure() {
    if (--reconfiguration->left > 0) {
        return;
    }
    const auto done = std::move(reconfiguration->done);
    reconfiguration.reset();
    done();
    give_up_soon();
    run_waiting();
}

}  // namespace tandem::daemon
