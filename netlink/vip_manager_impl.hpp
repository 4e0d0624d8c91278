// Private parts of VipManager: its state, shared by vip_manager.cpp (following and correcting),
// vip_requests.cpp (addresses on and off), vip_routes.cpp (virtual routes), vip_timers.cpp
// (leases), vip_announce.cpp and vip_conflict.cpp.
#pragma once

#include "netlink/announce_queue.hpp"
#include "netlink/announcer.hpp"
#include "netlink/conflict.hpp"
#include "netlink/conflict_watch.hpp"
#include "netlink/route_plan.hpp"
#include "netlink/socket.hpp"
#include "netlink/tables.hpp"
#include "netlink/vip_manager.hpp"
#include "netlink/vip_plan.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace tandem::netlink {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Kind = Notice::Kind;

/// Pause before something that failed or was put off is tried again.
inline constexpr std::chrono::seconds kRetryDelay{1};
/// Least time between two readings of whether an interface forwards, unless its link has changed.
inline constexpr std::chrono::seconds kForwardingInterval{1};
/// Least time between two readings of the whole tables.
inline constexpr std::chrono::milliseconds kResyncInterval{100};

/// What is remembered about one virtual address or route.
struct Record {
    CorrectionLimiter limiter;
    /// The limit was reached and reported.
    bool contested = false;
    /// The last request failed and was reported.
    bool failing = false;
    /// Addresses: put on by this manager and not taken off since.
    bool added = false;
    /// Addresses: the interface that it was added to last, which may have another name by now.
    unsigned index = 0;
    /// Repairs since `repairs_since`, for the alarm.
    unsigned repairs = 0;
    std::chrono::steady_clock::time_point repairs_since{};
};

struct Group : std::enable_shared_from_this<Group> {
    Group(AddressGroup group, std::size_t group_number, boost::asio::io_context& context)
        : number(group_number),
          config(std::move(group)),
          records(config.addresses.size()),
          route_records(config.routes.size()),
          own(config.addresses.size()),
          conflicts(config.addresses.size()),
          lease_timer(context),
          second_burst_timer(context),
          announce_timer(context) {
        for (VirtualAddress& address : config.addresses) {
            address.address = without_scope_id(address.address);
        }
    }

    [[nodiscard]] bool has_lease() const { return config.lease.count() > 0; }
    /// The lease ran out because this thread did not run; the kernel has ended the addresses.
    [[nodiscard]] bool lapsed(Clock::time_point now) const {
        return acquired && has_lease() && now - last_refresh >= config.lease;
    }
    void cancel_timers() {
        recovering = false;
        lease_timer.cancel();
        second_burst_timer.cancel();
        announce_timer.cancel();
    }

    /// Unlike that of any other group, for as long as the manager lives.
    const std::size_t number;
    AddressGroup config;
    std::vector<Record> records;
    std::vector<Record> route_records;
    /// One per address: not zero for one that is the host's own, which is not managed.
    std::vector<std::uint8_t> own;
    /// One per address.
    std::vector<ConflictMonitor> conflicts;
    /// See VipManager::prepare_release().
    bool leaving = false;
    bool acquired = false;
    /// The lease ran out and lease_timer puts the addresses back.
    bool recovering = false;
    Clock::time_point last_refresh;
    boost::asio::steady_timer lease_timer;
    boost::asio::steady_timer second_burst_timer;
    /// Of the burst that second_burst_timer brings.
    unsigned second_burst_repeat = 0;
    boost::asio::steady_timer announce_timer;
};

/// A switch port that has come up may drop what it is sent until it forwards: 30 s with classic
/// spanning tree. Announced once more at these times after the link came up.
inline constexpr std::array<std::chrono::seconds, 4> kSettleTimes{
    std::chrono::seconds{1}, std::chrono::seconds{3}, std::chrono::seconds{10},
    std::chrono::seconds{30}};

/// Neighbours that hear of a takeover in a frame of their own; who else there is hears the
/// broadcast.
inline constexpr int kMaxNeighbours = 256;

/// So many repairs in so long: somebody fights for the address.
inline constexpr unsigned kContestedRepairs = 5;
inline constexpr std::chrono::seconds kContestedTime{10};

/// What was last seen and said of an interface.
struct WatchedInterface {
    bool reported = false;
    std::optional<InterfaceState> state;
    /// The link as neighbours know it; announcements follow a change.
    std::optional<Link> link;
    /// When the link came up, and how many of kSettleTimes are over since.
    Clock::time_point up_since{};
    std::size_t settle_step = kSettleTimes.size();
    /// Whether the interface forwards IPv6, as of then; nullopt: to be read. The kernel keeps it in
    /// a file, and a burst of announcements must not wait for files.
    bool forwards_ipv6 = false;
    std::optional<Clock::time_point> forwards_ipv6_read;
};

class VipManager::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(boost::asio::io_context& context, std::vector<AddressGroup> groups,
         const std::vector<std::string>& watched_interfaces, Callbacks callbacks,
         int monitor_receive_buffer);

    error_code start();
    void stop();
    error_code reconfigure(std::vector<AddressGroup> groups,
                           const std::vector<std::string>& watched_interfaces);
    error_code acquire(Group& group, bool peer_known);
    void prepare_release(Group& group);
    void probe(const Group& group);
    error_code release(Group& group);
    void announce_again(Group& group);
    error_code announce_own(const std::string& interface, const IpAddress& address);
    [[nodiscard]] std::vector<Bytes> removal_requests(const Group& group) const;

    Group* find_group(const std::string& name);
    [[nodiscard]] std::optional<InterfaceState> interface_state(const std::string& name) const {
        return tables_.interface_state(name, virtual_addresses_);
    }
    [[nodiscard]] bool is_own_address(const IpAddress& address) const {
        return tables_.own_addresses(virtual_addresses_).contains(without_scope_id(address));
    }

  private:
    // Another configuration.
    Group& add_group(AddressGroup config);
    void change_group(Group& group, AddressGroup config);
    void take_off_what_is_no_more(Group& group, const AddressGroup& wanted);
    void keep_on(Group& group, std::size_t position);
    void put_on(Group& group, const std::vector<std::size_t>& positions);
    void use_schedule(Group& group, const AddressGroup& before);
    void watch_interfaces(const std::vector<std::string>& names);
    void find_virtual_addresses();
    [[nodiscard]] std::set<IpAddress> configured_addresses() const;
    error_code open_conflict_watch();
    error_code open_monitor();

    // Following the kernel.
    error_code synchronise();
    void mark_own(Group& group, std::size_t position);
    bool drain();
    void wait_for_changes();
    void reconcile_soon();
    void reconcile_after(Clock::duration delay);
    void on_retry_timer();
    void reconcile();
    void report_interfaces();
    void arm_settle_timer();
    void on_settle_timer();
    void count_repair(Group& group, std::size_t position);
    void announce_after_link_change(const std::string& interface, const Link* link,
                                    WatchedInterface& watched);

    // Correcting differences.
    std::vector<Operation> plan() const;
    std::span<const Address> entries_at(const VirtualAddress& address) const;
    void find_own_addresses();
    void follow_own_addresses();
    void note_own(Group& group, std::size_t position, bool own);
    void remove_stale();
    void correct(const Operation& operation, Clock::time_point now);
    bool within_limit(const Operation& operation, Clock::time_point now);
    void execute_correction(const Operation& operation);

    // Requests for one address.
    RequestSocket::Answer add(Group& group, std::size_t position, unsigned index);
    RequestSocket::Answer remove(Group& group, std::size_t position, unsigned index,
                                 std::uint8_t prefix_length);
    error_code add_all(Group& group);
    error_code add_first(Group& group, std::size_t position);
    error_code remove_other_lengths(Group& group, std::size_t position, unsigned index);
    /// Interface of an address, which stays on it when it gets another name; zero: none yet.
    [[nodiscard]] unsigned index_of(const Group& group, std::size_t position) const;
    error_code remove_all(Group& group);
    error_code remove_one(Group& group, std::size_t position);

    // Routes.
    bool has_routes() const;
    error_code read_routes(std::vector<Message>& messages);
    bool refresh_routes();
    std::vector<RouteOperation> plan_route_changes() const;
    void remove_stale_routes();
    void correct_routes(Clock::time_point now);
    void correct_route(const RouteOperation& operation, Clock::time_point now);
    bool add_route(const RouteOperation& operation);
    bool remove_route(Group& group, std::size_t position, const Route& route);
    void add_routes(Group& group);
    void remove_routes(Group& group);
    void remove_unless_shared(Group& group, std::size_t position);
    void renew_routes(Group& group);
    void notify_route(RouteNotice::Kind kind, const VirtualRoute& route, std::string text) const;

    // Lease.
    void arm(boost::asio::steady_timer& timer, Clock::duration delay, Group& group,
             void (Impl::*action)(Group&));
    void arm(boost::asio::steady_timer& timer, Clock::time_point when, void (Impl::*action)());
    void arm_lease_timer(Group& group);
    void on_lease_timer(Group& group);
    void recover_lapsed_soon(Group& group);
    void recover_lapsed(Group& group);

    // Announcements.
    void announce(Group& group);
    void announce_to_neighbours(const Group& group);
    void queue_announcements(Group& group, std::size_t position, unsigned repeat);
    void queue_all(Group& group, unsigned repeat);
    /// @return whether any address of the group is on the interface.
    bool queue_on_interface(Group& group, const std::string& interface, unsigned repeat);
    void arm_second_burst(Group& group, Clock::duration delay, unsigned repeat);
    bool forwards_ipv6(const std::string& interface, Clock::time_point now);
    void send_queued();
    void on_second_burst(Group& group);
    void arm_refresh(Group& group);
    void on_announce_timer(Group& group);

    // Conflicts.
    void on_claim(unsigned index, const NeighbourClaim& claim);
    void judge(Group& group, std::size_t position, const ConflictMonitor::Verdict& verdict);
    void begin_watching_claims(Group& group, bool peer_known);
    void arm_conflict_timer();
    void on_conflict_timer();

    void notify(Kind kind, const VirtualAddress& address, std::string text) const;

    boost::asio::io_context& context_;
    Callbacks callbacks_;
    int monitor_receive_buffer_;
    bool running_ = false;
    RequestSocket requests_;
    MonitorSocket monitor_;
    bool monitors_routes_ = false;
    Announcer announcer_;
    AnnounceQueue announcements_;
    ConflictWatch conflict_watch_;
    boost::asio::steady_timer conflict_timer_;
    boost::asio::steady_timer settle_timer_;
    boost::asio::steady_timer announce_timer_;
    Tables tables_;
    /// Shared with handlers in flight, which do nothing when the group is gone.
    std::vector<std::shared_ptr<Group>> groups_;
    std::size_t next_group_ = 0;
    std::map<std::string, WatchedInterface> interfaces_;
    std::set<IpAddress> virtual_addresses_;
    /// As they were when the interfaces were last reported.
    std::set<IpAddress> own_addresses_;
    boost::asio::steady_timer retry_timer_;
    /// When retry_timer_ runs out; nullopt: it does not run.
    std::optional<Clock::time_point> retry_at_;
    bool reconcile_posted_ = false;
    /// Notifications were lost and the tables must be read again.
    bool resync_needed_ = false;
    Clock::time_point last_resync_{};
    /// The kernel may have dropped routes without a word.
    bool routes_stale_ = false;
    Clock::time_point last_route_reading_{};
};

}  // namespace tandem::netlink
