// Inside of Election, shared by its four source files: election.cpp (life cycle, control, planned
// failover), election_addresses.cpp (what routers ask for), election_faults.cpp (interfaces,
// tracking, sync groups), election_reconfigure.cpp (another configuration). Everything here runs on
// the election thread.
#pragma once

#include "netlink/sighting.hpp"
#include "netlink/vip_manager.hpp"
#include "proxy/daemon/alarms.hpp"
#include "proxy/daemon/election.hpp"
#include "proxy/daemon/messages.hpp"
#include "proxy/daemon/self_check.hpp"
#include "vrrp/sync_group.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace tandem::daemon {

struct Election::Impl : vrrp::RouterEnvironment {
    using Clock = std::chrono::steady_clock;

    struct Group;

    /// A priority and what is tracked, of a configuration that counts when every object has been
    /// heard of: a weight that is not known yet must not move the addresses.
    struct PendingTracking {
        std::uint8_t priority = 0;
        std::vector<vrrp::TrackedObject> tracked;
        std::vector<vrrp::TrackStatus> statuses;
    };

    /// Shared with handlers in flight, which do nothing when it is gone.
    struct Instance : std::enable_shared_from_this<Instance> {
        /// What holds now.
        config::InstanceSettings settings;
        /// What was configured last: `settings`, but for what is pending.
        config::InstanceSettings configured;
        std::optional<PendingTracking> pending;
        /// For the guardian; no other instance has it.
        std::uint32_t number = 0;
        std::unique_ptr<vrrp::Router> router;
        Group* group = nullptr;
        std::optional<vrrp::Reason> reason;
        std::chrono::system_clock::time_point since = std::chrono::system_clock::now();
        Clock::time_point active_since;
        std::uint64_t priority_zero_sent = 0;
        /// Of its advertisements; once an interface was usable.
        std::optional<vrrp::IpAddress> own_source;

        // Faults, each for people; empty: none.
        std::string interface_fault = "interface not seen yet";
        /// An interface of a virtual address, beside that of the advertisements, with its link
        /// down.
        std::string lost_link;
        std::vector<std::string> tracking_faults;
        SelfCheck self_check;
        SelfVerdict self;
        std::string group_fault;
        /// One per settings.tracked.
        std::vector<vrrp::TrackStatus> tracked;
        /// Every object that could be a fault has been heard of, so the router was started.
        bool started = false;

        /// Last state told to programs.
        std::optional<NotifyEvent> told;

        /// A tracked object failed, and with nopreempt the peer would not take over by itself: the
        /// effective priority before that.
        std::optional<std::uint8_t> gives_up_below;

        Alarms alarms;
        /// Which frame carried a packet; open while the interface is usable.
        netlink::Sightings sightings;

        /// A release in progress: the relay is resetting connections, or the kernel refused to
        /// take an address off and its lease is waited for.
        std::function<void()> on_released;
        /// Tells the answers of the release in progress from late ones of an earlier release.
        std::uint64_t release = 0;
        /// Connections open when the release began.
        std::uint64_t connections = 0;
        bool waiting_for_relay = false;
        std::unique_ptr<boost::asio::steady_timer> release_timer;

        [[nodiscard]] const std::string& name() const { return settings.election.name; }
        /// A fault of this instance alone that leaves its advertisements alone.
        [[nodiscard]] bool own_fault() const {
            return !lost_link.empty() || !tracking_faults.empty() || !self.faults.empty();
        }
        /// An object whose failure would be a fault has not been heard of yet.
        [[nodiscard]] bool waits_for_result() const;
    };

    struct Group {
        config::SyncGroupSettings settings;
        std::vector<Instance*> members;
        /// What plan_sync_group() ordered last.
        bool faulty = false;
        bool planning = false;
        /// Last state told to programs.
        std::optional<NotifyEvent> told;
    };

    Impl(config::Model model, Options options_in, relay::Engine& engine_in,
         ElectionObserver& observer_in);

    Instance* find(const std::string& name);
    void report(const Message& message, Fields fields) {
        observer.on_election_message(message, std::move(fields));
    }

    // vrrp::RouterEnvironment: election_addresses.cpp
    bool acquire_addresses(const std::string& name) override;
    void release_addresses(const std::string& name, std::function<void()> done) override;
    void announce_addresses(const std::string& name) override { vips.announce(name); }
    void on_transition(const std::string& name, const vrrp::StateChanged& change) override;
    void on_lower_claim(const std::string& name, const vrrp::LowerClaimHeard& claim) override;
    void on_concern(const std::string& name, const vrrp::Concern& concern) override;
    void on_group_event(const std::string& name) override;
    void on_replay_marks(const std::string& name,
                         const std::vector<vrrp::ReplayMark>& marks) override;
    void on_release_advertisements(const std::string& name) override;
    void on_peer_advertisement(const std::string& name,
                               const vrrp::ReceivedAdvertisement& advert) override;
    /// The nodes of a pair take different halves of the source ports.
    void share_ports(const Instance& instance, const vrrp::IpAddress& peer);
    void on_send_error(const std::string& name, const std::string& text) override;
    void on_notice(const netlink::Notice& notice);
    void on_route(const netlink::RouteNotice& notice);

    static void add_winner(Instance& instance, vrrp::Reason reason, Fields& fields);
    /// Runs `action` unless the release in progress ends or moves on before.
    void after(Instance& instance, Clock::duration delay, std::function<void()> action);
    void remove_addresses(Instance& instance, std::uint64_t reset);
    void finish_release(Instance& instance, std::uint64_t reset);
    void tell_priority_zero(Instance& instance);
    /// What the guardian does for the instance if this process dies while it is active.
    void leave_will(const Instance& instance);
    void revoke_will(const Instance& instance);

    // Faults: election_faults.cpp
    void on_interface(const std::string& name, const std::optional<netlink::InterfaceState>& state);
    void apply_interface(Instance& instance, const std::optional<netlink::InterfaceState>& state);
    [[nodiscard]] std::string find_interface_fault(
        const Instance& instance, const std::optional<netlink::InterfaceState>& state) const;
    void apply_address_links(Instance& instance);
    void on_tracked(vrrp::TrackKind kind, const std::string& name, const vrrp::TrackStatus& status);
    void apply_tracking(Instance& instance);
    /// Every SelfCheck::kInterval.
    void check_self();
    void apply_self(Instance& instance, SelfVerdict verdict);
    void apply_priority(Instance& instance, std::uint8_t priority);
    void give_up_soon();
    void apply_faults(Instance& instance);
    void start_when_known(Instance& instance);
    void run_group(Group& group);
    void order(Group& group, const vrrp::MemberOrder& member_order);
    void tell_group(Group& group);

    /// Once a second: what the sightings hold grows old.
    void forget_sightings();

    // Another configuration: election_reconfigure.cpp
    Instance& add_instance(const config::InstanceSettings& wanted);
    void make_groups(const std::vector<config::SyncGroupSettings>& wanted);
    /// Runs the action when neither a failover nor a reconfiguration is in progress.
    void when_settled(std::function<void()> action);
    void run_waiting();
    void reconfigure(config::Model model, std::function<void()> done);
    [[nodiscard]] std::vector<vrrp::IpAddress> addresses_to_go(const config::Model& model) const;
    void carry_out(const config::Model& model);
    void change_instance(Instance& instance, const config::InstanceSettings& wanted);
    void change_tracking(Instance& instance, const config::InstanceSettings& wanted);
    void adopt_pending(Instance& instance);
    [[nodiscard]] vrrp::TrackStatus known_status(const vrrp::TrackedObject& object) const;
    void begin_anew(Instance& instance, const config::InstanceSettings& wanted);
    void leave(Instance& instance);
    void finish_reconfigure();
    void use_addresses();
    void look_at_interfaces(Instance& instance);
    [[nodiscard]] std::unique_ptr<vrrp::Router> make_router(
        const config::InstanceSettings& settings);

    // Planned failover and control: election.cpp
    void with_groups_waiting(const std::function<void()>& orders);
    void run(FailoverActions actions);
    void execute(FailoverActions& actions);
    void arm_failover_timer();
    [[nodiscard]] std::vector<InstanceView> views() const;
    void begin_failover(FailoverCommand command, std::function<void(FailoverResult)> handler);
    [[nodiscard]] std::vector<std::string> with_group_members(
        const std::vector<std::string>& names) const;
    [[nodiscard]] std::vector<InstanceSnapshot> snapshots() const;
    [[nodiscard]] std::vector<CurrentState> states_told() const;
    [[nodiscard]] InstanceSnapshot snapshot(const Instance& instance) const;
    void resume(const std::vector<std::string>& names, const ResumeHandler& handler);
    void begin_shutdown(std::function<void()> done);

    Options options;
    relay::Engine& engine;
    ElectionObserver& observer;
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        context.get_executor()};
    std::vector<std::shared_ptr<Instance>> instances;
    std::vector<std::unique_ptr<Group>> groups;
    netlink::VipManager vips;
    GuardianLink guardian;
    std::map<std::string, std::optional<netlink::InterfaceState>> interfaces;
    /// For what packets of others can cause: a flood of them must not fill the queue to the control
    /// thread.
    LogLimiter logs;
    FailoverMachine failover;
    std::function<void(FailoverResult)> failover_handler;
    boost::asio::steady_timer failover_timer;
    boost::asio::steady_timer sighting_timer{context};
    boost::asio::steady_timer self_timer{context};
    bool started = false;
    bool stopping = false;

    /// Set while a reconfiguration is in progress.
    struct Reconfiguration {
        config::Model model;
        std::function<void()> done;
        /// Instances that give their addresses up, and one for the rest of the work.
        std::size_t left = 1;
    };
    std::optional<Reconfiguration> reconfiguration;
    std::vector<std::function<void()>> settled_actions;
    boost::asio::steady_timer patience_timer{context};
    std::thread thread;
};

vrrp::TrackStatus status_of(const std::optional<netlink::InterfaceState>& state);

std::vector<netlink::AddressGroup> address_groups(
    const std::vector<config::InstanceSettings>& instances);

/// Every interface whose link or addresses matter.
std::vector<std::string> interfaces_of(const std::vector<config::InstanceSettings>& instances);

}  // namespace tandem::daemon
