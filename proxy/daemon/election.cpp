#include "proxy/daemon/election.hpp"

#include "netlink/vip_manager.hpp"
#include "proxy/daemon/realtime.hpp"
#include "proxy/relay/engine.hpp"

#include <algorithm>
#include <map>
#include <set>
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

/// Interfaces whose link decides over an instance beside the one that carries its advertisements:
/// a virtual address on a dead link is of no use, and track_interface says so of others.
std::set<std::string> needed_links(const config::InstanceSettings& instance) {
    std::set<std::string> names;
    for (const auto& address : instance.addresses) {
        names.insert(address.interface);
    }
    for (const auto& tracked : instance.track_interfaces) {
        if (tracked.weight == 0) {
            names.insert(tracked.name);
        }
    }
    names.erase(instance.election.interface);
    return names;
}

std::vector<std::string> interfaces_of(const std::vector<config::InstanceSettings>& instances) {
    std::vector<std::string> names;
    for (const auto& instance : instances) {
        names.push_back(instance.election.interface);
        const auto needed = needed_links(instance);
        names.insert(names.end(), needed.begin(), needed.end());
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
        std::uint64_t priority_zero_sent = 0;
        /// A release in progress: the relay is resetting connections, or the kernel refused to
        /// take an address off and its lease is waited for.
        std::function<void()> on_released;
        /// Tells the answers of the release in progress from late ones of an earlier release.
        std::uint64_t release = 0;
        /// Connections open when the release began.
        std::uint64_t connections = 0;
        bool waiting_for_relay = false;
        std::unique_ptr<asio::steady_timer> release_timer;
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
            instance->release_timer = std::make_unique<asio::steady_timer>(context);
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
            run(failover.on_unavailable(name, Clock::now()));
            return false;
        }
        report(messages::kAddressesAdded, {{"instance", name}});
        run(failover.on_active_here(name, Clock::now()));
        return true;
    }

    void release_addresses(const std::string& name, std::function<void()> done) override {
        Instance& instance = *find(name);
        instance.on_released = std::move(done);
        instance.connections = engine.active_connections(name);
        const std::uint64_t release = ++instance.release;
        instance.waiting_for_relay = true;
        after(instance, kRelayPatience, [this, &instance] {
            if (!instance.waiting_for_relay) {
                return;  // the relay's answer and the timer came in the same turn
            }
            // Whatever is still open dies with the address: counted as reset.
            report(messages::kReleaseLate, {{"instance", instance.settings.election.name},
                                            {"connections", std::to_string(instance.connections)}});
            remove_addresses(instance, instance.connections);
        });
        engine.deactivate(name, [this, &instance, release](std::uint64_t reset) {
            asio::post(context, [this, &instance, release, reset] {
                if (instance.release == release && instance.waiting_for_relay) {
                    remove_addresses(instance, reset);
                }
            });
        });
    }

    /// Runs `action` unless the release in progress ends or moves on before.
    void after(Instance& instance, std::chrono::steady_clock::duration delay,
               std::function<void()> action) {
        instance.release_timer->expires_after(delay);
        instance.release_timer->async_wait(
            [&instance, release = instance.release,
             action = std::move(action)](boost::system::error_code error) {
                if (!error && instance.release == release) {
                    action();
                }
            });
    }

    void remove_addresses(Instance& instance, std::uint64_t reset) {
        const std::string& name = instance.settings.election.name;
        instance.waiting_for_relay = false;
        instance.release_timer->cancel();
        // From here on no socket says anything from these addresses.
        engine.silence(name);
        const auto error = vips.release(name);
        if (error && instance.settings.lease.count() > 0) {
            // The address may still answer: saying priority 0 now would make two owners (I1). Its
            // lease ends it.
            after(instance, instance.settings.lease,
                  [this, &instance, reset] { finish_release(instance, reset); });
            return;
        }
        finish_release(instance, reset);
    }

    void finish_release(Instance& instance, std::uint64_t reset) {
        const std::string& name = instance.settings.election.name;
        engine.purge(name);
        // Measured from here: the addresses are off.
        const auto now = Clock::now();
        const auto done = std::exchange(instance.on_released, nullptr);
        report(messages::kAddressesRemoved,
               {{"instance", name}, {"connections_reset", std::to_string(reset)}});
        run(failover.on_released(name, reset, now));
        done();
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
        const std::uint64_t sent = instance.router->counters().priority_zero_sent;
        if (sent != std::exchange(instance.priority_zero_sent, sent)) {
            report(messages::kSentPriorityZero, {{"instance", name}});
        }
        // Active counts for a failover when the addresses are on: acquire_addresses tells that.
        if (change.to == vrrp::State::Fault || change.to == vrrp::State::Initialize) {
            run(failover.on_unavailable(name, Clock::now()));
        }
    }

    void on_discard(const std::string& name, std::string_view reason,
                    const vrrp::IpAddress& source) override {
        // Limited here and not only in the log: a flood of bad packets must not fill the queue to
        // the control thread.
        const auto verdict = discard_limiter.check(name + std::string{reason}, Clock::now());
        if (verdict.pass) {
            report(messages::kAdvertisementDiscarded,
                   {{"instance", name},
                    {"source", source.to_string()},
                    {"discard", std::string{reason}},
                    {"suppressed", std::to_string(verdict.suppressed)}});
        }
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
        interfaces[name] = state;
        for (const auto& instance : instances) {
            const auto own = interfaces.find(instance->settings.election.interface);
            if (own != interfaces.end()) {
                apply_interface(*instance, own->second);
            }
        }
    }

    /// A needed link that is down is a fault. One that does not exist is not: the address waits
    /// for it, and the instance's other addresses are served meanwhile.
    std::string needed_link_fault(const Instance& instance) const {
        for (const std::string& name : needed_links(instance.settings)) {
            const auto seen = interfaces.find(name);
            if (seen != interfaces.end() && seen->second && !seen->second->running) {
                return "link down on " + name;
            }
        }
        return {};
    }

    void apply_interface(Instance& instance, const std::optional<netlink::InterfaceState>& state) {
        const vrrp::InstanceConfig& config = instance.settings.election;
        std::string fault = interface_fault(state, config);
        if (fault.empty() && config.source_address &&
            !vips.is_own_address(*config.source_address)) {
            fault = "source address " + config.source_address->to_string() + " is not on this host";
        }
        if (fault.empty()) {
            fault = needed_link_fault(instance);
        }
        const std::string before = std::exchange(instance.fault, std::move(fault));
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
    std::map<std::string, std::optional<netlink::InterfaceState>> interfaces;
    LogLimiter discard_limiter;
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
