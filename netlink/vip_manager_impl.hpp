// Private parts of VipManager: its state, shared by vip_manager.cpp (following and correcting) and
// vip_timers.cpp (leases and announcements).
#pragma once

#include "netlink/announcer.hpp"
#include "netlink/socket.hpp"
#include "netlink/tables.hpp"
#include "netlink/vip_manager.hpp"
#include "netlink/vip_plan.hpp"

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

/// What is remembered about one virtual address.
struct AddressRecord {
    CorrectionLimiter limiter;
    /// The limit was reached and reported.
    bool contested = false;
    /// The last request failed and was reported.
    bool failing = false;
};

struct Group {
    Group(AddressGroup group, boost::asio::io_context& context)
        : config(std::move(group)),
          records(config.addresses.size()),
          own(config.addresses.size()),
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

    AddressGroup config;
    std::vector<AddressRecord> records;
    /// One per address: not zero for one that is the host's own, which is not managed.
    std::vector<std::uint8_t> own;
    bool acquired = false;
    /// The lease ran out and lease_timer puts the addresses back.
    bool recovering = false;
    Clock::time_point last_refresh;
    boost::asio::steady_timer lease_timer;
    boost::asio::steady_timer second_burst_timer;
    boost::asio::steady_timer announce_timer;
};

/// What was last seen and said of an interface.
struct WatchedInterface {
    bool reported = false;
    std::optional<InterfaceState> state;
    /// The link as neighbours know it; announcements follow a change.
    std::optional<Link> link;
};

class VipManager::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(boost::asio::io_context& context, std::vector<AddressGroup> groups,
         const std::vector<std::string>& watched_interfaces, Callbacks callbacks,
         int monitor_receive_buffer);

    error_code start();
    void stop();
    error_code acquire(Group& group);
    error_code release(Group& group);
    void announce(Group& group);

    Group* find_group(const std::string& name);
    [[nodiscard]] std::optional<InterfaceState> interface_state(const std::string& name) const {
        return tables_.interface_state(name, virtual_addresses_);
    }
    [[nodiscard]] bool is_own_address(const IpAddress& address) const {
        return tables_.own_addresses(virtual_addresses_).contains(without_scope_id(address));
    }

  private:
    // Following the kernel.
    error_code synchronise();
    bool drain();
    void wait_for_changes();
    void reconcile_soon();
    void reconcile_after(Clock::duration delay);
    void reconcile();
    void report_interfaces();
    void announce_after_link_change(const std::string& interface, const Link* link,
                                    WatchedInterface& watched);

    // Correcting differences.
    std::vector<Operation> plan() const;
    void find_own_addresses();
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
    error_code remove_all(Group& group);
    void add_or_report(Group& group, std::size_t position, unsigned index);

    // Lease and announcements.
    void arm(boost::asio::steady_timer& timer, Clock::duration delay, Group& group,
             void (Impl::*action)(Group&));
    void arm_lease_timer(Group& group);
    void on_lease_timer(Group& group);
    void recover_lapsed_soon(Group& group);
    void recover_lapsed(Group& group);
    void send_announcements(Group& group, std::size_t position, unsigned repeat);
    void announce_all(Group& group, unsigned repeat);
    void on_second_burst(Group& group);
    void on_announce_timer(Group& group);

    void notify(Kind kind, const VirtualAddress& address, std::string text) const;

    boost::asio::io_context& context_;
    Callbacks callbacks_;
    int monitor_receive_buffer_;
    bool running_ = false;
    RequestSocket requests_;
    MonitorSocket monitor_;
    Announcer announcer_;
    Tables tables_;
    /// Never resized after construction: handlers hold references to its elements.
    std::vector<Group> groups_;
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
};

}  // namespace tandem::netlink
