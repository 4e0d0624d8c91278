#include "proxy/daemon/election_impl.hpp"
#include "proxy/daemon/realtime.hpp"
#include "proxy/relay/engine.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <boost/asio/post.hpp>

namespace tandem::daemon {
namespace asio = boost::asio;

Election::Impl::Impl(config::Model model, Options options_in, relay::Engine& engine_in,
                     ElectionObserver& observer_in)
    : options(std::move(options_in)),
      engine(engine_in),
      observer(observer_in),
      vips(context, address_groups(model.instances), interfaces_of(model.instances),
           {[this](const netlink::Notice& notice) { on_notice(notice); },
            [this](const std::string& name, const auto& state) { on_interface(name, state); },
            [this](const netlink::RouteNotice& notice) { on_route(notice); }}),
      guardian(context, options.guardian_channel, [this] { report(messages::kGuardianGone, {}); }),
      failover_timer(context) {
    for (const auto& each : model.instances) {
        add_instance(each);
    }
    make_groups(model.groups);
}

Election::Impl::Instance* Election::Impl::find(const std::string& name) {
    const auto found = std::find_if(instances.begin(), instances.end(),
                                    [&](const auto& each) { return each->name() == name; });
    return found == instances.end() ? nullptr : found->get();
}

// Planned failover

/// Orders to several members of a group are given before the group is planned: each then gives up
/// in two steps, addresses off before it falls silent, instead of being released by the plan.
void Election::Impl::with_groups_waiting(const std::function<void()>& orders) {
    std::vector<Group*> waiting;
    for (const auto& group : groups) {
        if (!std::exchange(group->planning, true)) {
            waiting.push_back(group.get());
        }
    }
    orders();
    for (Group* group : waiting) {
        group->planning = false;
        run_group(*group);
    }
}

void Election::Impl::run(FailoverActions actions) {
    with_groups_waiting([&] { execute(actions); });
    arm_failover_timer();
}

void Election::Impl::execute(FailoverActions& actions) {
    for (auto& action : actions) {
        if (auto* start = std::get_if<StartFailover>(&action)) {
            find(start->instance)->router->failover(start->hold_until);
        } else if (auto* back = std::get_if<StartTakeBack>(&action)) {
            find(back->instance)->router->take_back();
        } else if (auto* finish = std::get_if<Finish>(&action)) {
            const auto handler = std::exchange(failover_handler, nullptr);
            report(messages::kFailoverEnded, {{"message", finish->result.message}});
            handler(std::move(finish->result));
            give_up_soon();
            run_waiting();
        }
    }
}

void Election::Impl::arm_failover_timer() {
    const auto deadline = failover.next_deadline();
    if (!deadline) {
        failover_timer.cancel();
        return;
    }
    failover_timer.expires_at(*deadline);
    failover_timer.async_wait([this](boost::system::error_code error) {
        if (!error) {
            run(failover.on_deadline(Clock::now()));
        }
    });
}

std::vector<InstanceView> Election::Impl::views() const {
    std::vector<InstanceView> out;
    for (const auto& instance : instances) {
        const vrrp::Elector& elector = instance->router->elector();
        const vrrp::InstanceConfig& config = instance->settings.election;
        InstanceView view;
        view.name = config.name;
        view.state = elector.state();
        view.releasing = elector.releasing();
        view.version = config.version;
        view.advertisement_interval = config.advertisement_interval;
        view.active_down_interval = elector.active_down_interval();
        if (elector.last_peer()) {
            view.peer = elector.last_peer()->source;
        }
        view.connections = engine.active_connections(config.name);
        out.push_back(std::move(view));
    }
    return out;
}

void Election::Impl::begin_failover(FailoverCommand command,
                                    std::function<void(FailoverResult)> handler) {
    command.instances = with_group_members(command.instances);
    const auto now = Clock::now();
    if (failover.in_progress()) {
        // Answered directly: the handler in place belongs to the command in progress.
        FailoverActions actions = failover.on_command(command, views(), now);
        handler(std::move(std::get<Finish>(actions.front()).result));
        return;
    }
    failover_handler = std::move(handler);
    run(failover.on_command(command, views(), now));
}

/// A sync group moves as one. Empty stays empty: all instances.
std::vector<std::string> Election::Impl::with_group_members(
    const std::vector<std::string>& names) const {
    std::vector<std::string> all = names;
    const auto add = [&](const std::string& name) {
        if (std::find(all.begin(), all.end(), name) == all.end()) {
            all.push_back(name);
        }
    };
    for (const auto& group : groups) {
        const auto& members = group->settings.members;
        const bool concerned = std::any_of(names.begin(), names.end(), [&](const auto& name) {
            return std::find(members.begin(), members.end(), name) != members.end();
        });
        if (concerned) {
            std::for_each(members.begin(), members.end(), add);
        }
    }
    return all;
}

// Control

std::vector<InstanceSnapshot> Election::Impl::snapshots() const {
    std::vector<InstanceSnapshot> out;
    for (const auto& instance : instances) {
        out.push_back(snapshot(*instance));
    }
    return out;
}

std::vector<CurrentState> Election::Impl::states_told() const {
    std::vector<CurrentState> out;
    for (const auto& instance : instances) {
        if (instance->told) {
            out.push_back({NotifyKind::Instance, instance->name(), *instance->told,
                           instance->router->elector().priority()});
        }
    }
    for (const auto& group : groups) {
        if (group->told) {
            out.push_back({NotifyKind::Group, group->settings.name, *group->told, 0});
        }
    }
    return out;
}

InstanceSnapshot Election::Impl::snapshot(const Instance& instance) const {
    const vrrp::Elector& elector = instance.router->elector();
    const auto now = Clock::now();
    InstanceSnapshot shot;
    shot.config = instance.settings.election;
    shot.addresses = instance.settings.addresses;
    shot.lease = instance.settings.lease;
    shot.state = elector.state();
    shot.reason = instance.reason;
    shot.since = instance.since;
    shot.addresses_present = vips.acquired(instance.settings.election.name);
    shot.holding = elector.holding();
    if (const auto until = elector.hold_until()) {
        shot.hold_until =
            std::chrono::system_clock::now() +
            std::chrono::duration_cast<std::chrono::system_clock::duration>(*until - now);
    }
    shot.active_down_interval = elector.active_down_interval();
    shot.peer = elector.last_peer();
    if (const auto heard = elector.last_peer_heard()) {
        shot.peer_heard_ago = std::chrono::duration_cast<Milliseconds>(now - *heard);
    }
    shot.effective_priority = elector.priority();
    shot.sync_group = instance.group != nullptr ? instance.group->settings.name : std::string{};
    if (!instance.interface_fault.empty()) {
        shot.faults.push_back(instance.interface_fault);
    }
    shot.faults.insert(shot.faults.end(), instance.self.faults.begin(), instance.self.faults.end());
    shot.no_upstream = instance.self.no_upstream;
    if (!instance.lost_link.empty()) {
        shot.faults.push_back("link down on " + instance.lost_link);
    }
    shot.faults.insert(shot.faults.end(), instance.tracking_faults.begin(),
                       instance.tracking_faults.end());
    if (!instance.group_fault.empty()) {
        shot.faults.push_back(instance.group_fault);
    }
    shot.tracked = instance.settings.tracked;
    shot.tracked_status = instance.tracked;
    shot.alarms = instance.alarms.list();
    shot.counters = instance.router->counters();
    shot.lateness_recent = shot.counters.lateness.recent(now);
    return shot;
}

void Election::Impl::resume(const std::vector<std::string>& names, const ResumeHandler& handler) {
    for (const std::string& name : names) {
        if (find(name) == nullptr) {
            handler({}, name);
            return;
        }
    }
    const auto chosen = with_group_members(names);
    std::vector<std::string> resumed;
    for (const auto& instance : instances) {
        const std::string& name = instance->name();
        const bool named =
            chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end();
        if (named && instance->router->elector().holding()) {
            instance->router->resume();
            resumed.push_back(name);
        }
    }
    handler(std::move(resumed), {});
}

void Election::Impl::begin_shutdown(std::function<void()> done) {
    stopping = true;
    auto remaining = std::make_shared<std::size_t>(instances.size());
    auto finish = [this, remaining, done = std::move(done)] {
        if (*remaining > 0 && --*remaining > 0) {
            return;
        }
        vips.stop();
        done();
    };
    if (instances.empty()) {
        finish();
        return;
    }
    with_groups_waiting([&] {
        for (const auto& instance : instances) {
            instance->router->shutdown(finish);
        }
    });
}

Election::Election(const config::Model& model, Options options, relay::Engine& engine,
                   ElectionObserver& observer)
    : impl_(std::make_unique<Impl>(model, std::move(options), engine, observer)) {}

Election::~Election() {
    impl_->context.stop();
    if (impl_->thread.joinable()) {
        impl_->thread.join();
    }
}

boost::system::error_code Election::start() {
    // The thread does not run yet: everything up to here happens before it.
    if (const auto error = impl_->vips.start()) {
        return error;
    }
    asio::post(impl_->context, [this] {
        impl_->started = true;
        impl_->guardian.start();
        impl_->forget_sightings();
        impl_->check_self();
        for (const auto& instance : impl_->instances) {
            impl_->apply_tracking(*instance);
        }
    });
    impl_->thread = std::thread([this] {
        if (const std::string problem = use_realtime_priority(impl_->options.realtime_priority,
                                                              impl_->options.realtime_limit);
            !problem.empty()) {
            impl_->report(messages::kNoRealtime, {{"error", problem}});
        }
        impl_->context.run();
    });
    return {};
}

void Election::ready() {
    asio::post(impl_->context, [this] { impl_->guardian.tell_ready(); });
}

void Election::shutdown(std::function<void()> done) {
    asio::post(impl_->context, [this, done = std::move(done)]() mutable {
        impl_->begin_shutdown(std::move(done));
    });
}

void Election::tell_states(std::function<void()> done) {
    asio::post(impl_->context, [this, done = std::move(done)] {
        impl_->observer.on_states(impl_->states_told());
        done();
    });
}

void Election::snapshot(std::function<void(std::vector<InstanceSnapshot>)> handler) {
    asio::post(impl_->context,
               [this, handler = std::move(handler)] { handler(impl_->snapshots()); });
}

GuardianState Election::guardian_state() const {
    return impl_->guardian.state();
}

void Election::failover(FailoverCommand command, std::function<void(FailoverResult)> handler) {
    asio::post(impl_->context, [this, command = std::move(command), handler = std::move(handler)] {
        // With a failover in progress this is answered at once.
        if (impl_->reconfiguration) {
            impl_->when_settled(
                [this, command, handler] { impl_->begin_failover(command, handler); });
        } else {
            impl_->begin_failover(command, handler);
        }
    });
}

void Election::resume(std::vector<std::string> instances, ResumeHandler handler) {
    asio::post(impl_->context, [this, names = std::move(instances), handler = std::move(handler)] {
        impl_->resume(names, handler);
    });
}

void Election::reconfigure(config::Model model, std::function<void()> done) {
    asio::post(impl_->context, [this, model = std::move(model), done = std::move(done)]() mutable {
        impl_->when_settled([this, model = std::move(model), done = std::move(done)] {
            impl_->reconfigure(model, done);
        });
    });
}

void Election::tracked(vrrp::TrackKind kind, std::string name, vrrp::TrackStatus status) {
    asio::post(impl_->context, [this, kind, name = std::move(name), status = std::move(status)] {
        impl_->on_tracked(kind, name, status);
    });
}

}  // namespace tandem::daemon
