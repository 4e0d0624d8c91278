// Inside of Election, shared by its three source files: election.cpp (life cycle, control, planned
// failover), election_addresses.cpp (what routers ask for), election_faults.cpp (interfaces,
// tracking, sync groups). Everything here runs on the election thread.
#pragma once

#include "netlink/sighting.hpp"
#include "netlink/vip_manager.hpp"
#include "proxy/daemon/alarms.hpp"
#include "proxy/daemon/election.hpp"
#include "proxy/daemon/messages.hpp"
#include "proxy/daemon/self_check.hpp"
#include "vrrp/sync_group.hpp"

#include <map>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace tandem::daemon {

struct Election::Impl : vrrp::RouterEnvironment {
    using Clock = std::chrono::steady_clock;

    struct Group;

    struct Instance {
        config::InstanceSettings settings;
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
    [[nodiscard]] std::uint32_t position_of(const Instance& instance) const;

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
    std::vector<std::unique_ptr<Instance>> instances;
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
    std::thread thread;
};

/// Every interface whose link or addresses matter.
std::vector<std::string> interfaces_of(const std::vector<config::InstanceSettings>& instances);

}  // namespace tandem::daemon
