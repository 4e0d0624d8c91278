#include "proxy/daemon/election.hpp"

#include "netlink/vip_manager.hpp"
#include "proxy/daemon/realtime.hpp"
#include "proxy/relay/engine.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace tandem::daemon {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

/// How long the addresses wait for the relay to reset its connections. Longer would keep two nodes
/// answering for longer than the peer's takeover allows (I1).
constexpr Milliseconds kRelayPatience{250};

std::vector<netlink::AddressGroup> address_groups(
    const std::vector<config::InstanceSettings>& instances) {
    std::vector<netlink::AddressGroup> groups;
    for (const auto& instance : instances) {
        groups.push_back(
            {instance.election.name, instance.addresses, instance.announce, instance.lease});
    }
    return groups;
}

std::vector<std::string> interfaces_of(const std::vector<config::InstanceSettings>& instances) {
    std::vector<std::string> names;
    for (const auto& instance : instances) {
        names.push_back(instance.election.interface);
    }
    return names;
}

const Message& message_of(netlink::Notice::Kind kind) {
    using Kind = netlink::Notice::Kind;
    switch (kind) {
        case Kind::AddressRepaired:
            return messages::kAddressRepaired;
        case Kind::AddressFailed:
            return messages::kAddressFailed;
        case Kind::RemoveFailed:
            return messages::kRemoveFailed;
        case Kind::StaleRemoved:
            return messages::kStaleRemoved;
        case Kind::AnnounceFailed:
            return messages::kAnnounceFailed;
        case Kind::Overrun:
            return messages::kNetlinkOverrun;
    }
    return messages::kNetlinkOverrun;
}

const Message& message_of(vrrp::State state) {
    switch (state) {
        case vrrp::State::Initialize:
            return messages::kEnteringInitialize;
        case vrrp::State::Backup:
            return messages::kEnteringBackup;
        case vrrp::State::Active:
            return messages::kEnteringActive;
        case vrrp::State::Fault:
            return messages::kEnteringFault;
    }
    return messages::kEnteringFault;
}

// Why an interface cannot carry the instance; empty: it can.
std::string interface_fault(const std::optional<netlink::InterfaceState>& state,
                            const vrrp::InstanceConfig& config) {
    if (!state) {
        return "interface " + config.interface + " does not exist";
    }
    if (!state->running) {
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

struct Election::Impl : vrrp::RouterEnvironment {
    struct Instance {
        config::InstanceSettings settings;
        std::unique_ptr<vrrp::Router> router;
        std::optional<vrrp::Reason> reason;
        std::chrono::system_clock::time_point since = std::chrono::system_clock::now();
        std::string fault = "interface not seen yet";
        /// A release in progress: the relay is resetting connections.
        std::function<void()> on_released;
        std::uint64_t connections_reset = 0;
        std::unique_ptr<asio::steady_timer> relay_timer;
    };

    Impl(std::vector<config::InstanceSettings> settings, Options options_in,
         relay::Engine& engine_in, ElectionObserver& observer_in)
        : options(options_in),
          engine(engine_in),
          observer(observer_in),
          vips(context, address_groups(settings), interfaces_of(settings),
               {[this](const netlink::Notice& notice) { on_notice(notice); },
                [this](const std::string& name, const auto& state) { on_interface(name, state); }}),
          failover_timer(context) {
        for (auto& each : settings) {
            auto instance = std::make_unique<Instance>();
            instance->settings = std::move(each);
            instance->relay_timer = std::make_unique<asio::steady_timer>(context);
            instance->router =
                std::make_unique<vrrp::Router>(context, instance->settings.election, *this);
            instances.push_back(std::move(instance));
        }
    }

    Instance* find(const std::string& name) {
        const auto found = std::find_if(instances.begin(), instances.end(), [&](const auto& each) {
            return each->settings.election.name == name;
        });
        return found == instances.end() ? nullptr : found->get();
    }

    void report(const Message& message, Fields fields) {
        observer.on_election_message(message, std::move(fields));
    }

    // vrrp::RouterEnvironment

    bool acquire_addresses(const std::string& name) override {
        // The gate opens first: a client that follows the announcement must not meet a closed one.
        engine.activate(name);
        if (const auto error = vips.acquire(name)) {
            engine.deactivate(name, [](std::uint64_t) {});
            report(messages::kAddressesNotAdded, {{"instance", name}, {"error", error.message()}});
            return false;
        }
        report(messages::kAddressesAdded, {{"instance", name}});
        return true;
    }

    void release_addresses(const std::string& name, std::function<void()> done) override {
        Instance& instance = *find(name);
        instance.on_released = std::move(done);
        instance.connections_reset = 0;
        instance.relay_timer->expires_after(kRelayPatience);
        instance.relay_timer->async_wait([this, &instance](boost::system::error_code error) {
            if (!error && instance.on_released) {
                report(messages::kReleaseLate, {{"instance", instance.settings.election.name}});
                finish_release(instance, 0);
            }
        });
        engine.deactivate(name, [this, &instance](std::uint64_t reset) {
            asio::post(context, [this, &instance, reset] { finish_release(instance, reset); });
        });
    }

    void finish_release(Instance& instance, std::uint64_t reset) {
        const std::string& name = instance.settings.election.name;
        if (!instance.on_released) {
            return;  // the relay answered after its time
        }
        instance.relay_timer->cancel();
        vips.release(name);
        engine.purge(name);
        instance.connections_reset = reset;
        const auto now = Clock::now();
        const auto done = std::exchange(instance.on_released, nullptr);
        // Measured from here: the addresses are off.
        run(failover.on_released(name, reset, now));
        done();
        report(messages::kAddressesRemoved,
               {{"instance", name}, {"connections_reset", std::to_string(reset)}});
    }

    void announce_addresses(const std::string& name) override { vips.announce(name); }

    void on_transition(const std::string& name, const vrrp::StateChanged& change) override {
        Instance& instance = *find(name);
        instance.reason = change.reason;
        instance.since = std::chrono::system_clock::now();
        if (change.reason == vrrp::Reason::ActiveDown) {
            report(messages::kReceiveTimeout, {{"instance", name}});
        }
        report(message_of(change.to), {{"instance", name},
                                       {"from", std::string{to_string(change.from)}},
                                       {"to", std::string{to_string(change.to)}},
                                       {"reason", std::string{to_string(change.reason)}}});
        if (change.reason == vrrp::Reason::Shutdown || change.reason == vrrp::Reason::Failover) {
            if (change.from == vrrp::State::Active) {
                report(messages::kSentPriorityZero, {{"instance", name}});
            }
        }
        const auto now = Clock::now();
        if (change.to == vrrp::State::Active) {
            run(failover.on_active_here(name, now));
        } else if (change.to != vrrp::State::Backup) {
            run(failover.on_unavailable(name, now));
        }
    }

    void on_discard(const std::string& name, std::string_view reason,
                    const vrrp::IpAddress& source) override {
        report(
            messages::kAdvertisementDiscarded,
            {{"instance", name}, {"source", source.to_string()}, {"discard", std::string{reason}}});
    }

    void on_peer_advertisement(const std::string& name,
                               const vrrp::ReceivedAdvertisement& advert) override {
        if (advert.priority != vrrp::kReleasePriority) {
            run(failover.on_peer_active(name, advert.source, Clock::now()));
        }
    }

    void on_send_error(const std::string& name, const std::string& text) override {
        report(messages::kAdvertisementNotSent, {{"instance", name}, {"error", text}});
    }

    // netlink

    void on_notice(const netlink::Notice& notice) {
        report(message_of(notice.kind), {{"address", notice.address.to_string()},
                                         {"interface", notice.interface},
                                         {"error", notice.text}});
    }

    void on_interface(const std::string& name,
                      const std::optional<netlink::InterfaceState>& state) {
        for (const auto& instance : instances) {
            if (instance->settings.election.interface == name) {
                apply_interface(*instance, state);
            }
        }
    }

    void apply_interface(Instance& instance, const std::optional<netlink::InterfaceState>& state) {
        const vrrp::InstanceConfig& config = instance.settings.election;
        const std::string before = std::exchange(instance.fault, interface_fault(state, config));
        if (!instance.fault.empty()) {
            if (before != instance.fault) {
                report(messages::kInterfaceUnusable, {{"instance", config.name},
                                                      {"interface", config.interface},
                                                      {"fault", instance.fault}});
            }
            instance.router->interface_unusable();
            return;
        }
        if (!before.empty()) {
            report(messages::kInterfaceUsable,
                   {{"instance", config.name}, {"interface", config.interface}});
        }
        const auto& own =
            config.family == vrrp::Family::Ipv4 ? state->ipv4 : state->ipv6_link_local;
        instance.router->interface_usable(
            state->index, config.source_address.value_or(own.value_or(vrrp::IpAddress{})));
    }

    // Planned failover

    void run(FailoverActions actions) {
        for (auto& action : actions) {
            if (auto* start = std::get_if<StartFailover>(&action)) {
                find(start->instance)->router->failover(start->hold_until);
            } else if (auto* back = std::get_if<StartTakeBack>(&action)) {
                find(back->instance)->router->take_back();
            } else if (auto* finish = std::get_if<Finish>(&action)) {
                const auto handler = std::exchange(failover_handler, nullptr);
                report(messages::kFailoverEnded, {{"message", finish->result.message}});
                handler(std::move(finish->result));
            }
        }
        arm_failover_timer();
    }

    void arm_failover_timer() {
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

    std::vector<InstanceView> views() const {
        const auto services = engine.status();
        std::vector<InstanceView> out;
        for (const auto& instance : instances) {
            const vrrp::Elector& elector = instance->router->elector();
            const vrrp::InstanceConfig& config = instance->settings.election;
            InstanceView view;
            view.name = config.name;
            view.state = elector.state();
            view.releasing = elector.releasing();
            view.holding = elector.holding();
            view.version = config.version;
            view.advertisement_interval = config.advertisement_interval;
            view.active_down_interval = elector.active_down_interval();
            if (elector.last_peer()) {
                view.peer = elector.last_peer()->source;
            }
            for (const auto& service : services) {
                view.connections += service.instance == config.name ? service.counters.active : 0;
            }
            out.push_back(std::move(view));
        }
        return out;
    }

    void begin_failover(const FailoverCommand& command,
                        std::function<void(FailoverResult)> handler) {
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

    // Control

    std::vector<InstanceSnapshot> snapshots() const {
        std::vector<InstanceSnapshot> out;
        for (const auto& instance : instances) {
            out.push_back(snapshot(*instance));
        }
        return out;
    }

    InstanceSnapshot snapshot(const Instance& instance) const {
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
        shot.fault = instance.fault;
        shot.counters = instance.router->counters();
        return shot;
    }

    void begin_shutdown(std::function<void()> done) {
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
        for (const auto& instance : instances) {
            instance->router->shutdown(finish);
        }
    }

    Options options;
    relay::Engine& engine;
    ElectionObserver& observer;
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::vector<std::unique_ptr<Instance>> instances;
    netlink::VipManager vips;
    FailoverMachine failover;
    std::function<void(FailoverResult)> failover_handler;
    asio::steady_timer failover_timer;
    std::thread thread;
};

Election::Election(std::vector<config::InstanceSettings> instances, Options options,
                   relay::Engine& engine, ElectionObserver& observer)
    : impl_(std::make_unique<Impl>(std::move(instances), options, engine, observer)) {}

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
        for (const auto& instance : impl_->instances) {
            instance->router->start();
        }
    });
    impl_->thread = std::thread([this] {
        if (const std::string problem = use_realtime_priority(impl_->options.realtime_priority);
            !problem.empty()) {
            impl_->report(messages::kNoRealtime, {{"error", problem}});
        }
        impl_->context.run();
    });
    return {};
}

void Election::shutdown(std::function<void()> done) {
    asio::post(impl_->context, [this, done = std::move(done)]() mutable {
        impl_->begin_shutdown(std::move(done));
    });
}

void Election::snapshot(std::function<void(std::vector<InstanceSnapshot>)> handler) {
    asio::post(impl_->context,
               [this, handler = std::move(handler)] { handler(impl_->snapshots()); });
}

void Election::failover(FailoverCommand command, std::function<void(FailoverResult)> handler) {
    asio::post(impl_->context, [this, command = std::move(command), handler = std::move(handler)] {
        impl_->begin_failover(command, handler);
    });
}

void Election::resume(
    std::vector<std::string> instances,
    std::function<void(std::vector<std::string> resumed, std::string unknown)> handler) {
    asio::post(impl_->context, [this, names = std::move(instances), handler = std::move(handler)] {
        for (const std::string& name : names) {
            if (impl_->find(name) == nullptr) {
                handler({}, name);
                return;
            }
        }
        std::vector<std::string> resumed;
        for (const auto& instance : impl_->instances) {
            const std::string& name = instance->settings.election.name;
            const bool named =
                names.empty() || std::find(names.begin(), names.end(), name) != names.end();
            if (named && instance->router->elector().holding()) {
                instance->router->resume();
                resumed.push_back(name);
            }
        }
        handler(std::move(resumed), {});
    });
}

}  // namespace tandem::daemon
