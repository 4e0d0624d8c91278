// Keeps virtual addresses on or off the interfaces and announces them. Shell over vip_plan.
#pragma once

#include "netlink/config.hpp"
#include "netlink/interface_state.hpp"
#include "netlink/message.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

namespace tandem::netlink {

/// What happened that an operator should see. The daemon writes it to the log and the event list.
struct Notice {
    enum class Kind : std::uint8_t {
        AddressRepaired,   ///< a virtual address was removed behind our back and put back
        AddressFailed,     ///< an address could not be added, or is the host's own and not managed
        RemoveFailed,      ///< the kernel refused to remove an address
        StaleRemoved,      ///< an address of an earlier life was removed
        AnnounceFailed,    ///< gratuitous ARP or neighbour advertisement could not be sent
        Overrun,           ///< the kernel dropped notifications; everything was read again
        AddressConflict,   ///< another machine claims the address; see ConflictMonitor
        AddressContested,  ///< somebody on this host keeps removing the address
    };
    Kind kind{};
    IpAddress address;
    std::string interface;
    /// Detail for people, such as the text of an errno.
    std::string text;
    /// Of AddressConflict and AddressContested: the group of the address. Of a conflict: what the
    /// intruder says its hardware address is.
    std::string group{};
    std::optional<MacAddress> mac{};
};

/// What happened to a virtual route that an operator should see.
struct RouteNotice {
    enum class Kind : std::uint8_t {
        Repaired,      ///< it was removed or changed behind our back, or could be added at last
        Failed,        ///< could not be added; tried again once a second
        RemoveFailed,  ///< the kernel refused to remove it; tried again once a second
        StaleRemoved,  ///< one of an earlier life, or not as configured, was removed
    };
    Kind kind{};
    /// As "ip route" writes it, such as "default via 203.0.113.1 dev eth1 table 100".
    std::string route;
    /// Detail for people, such as the text of an errno.
    std::string text;
};

/// A set of addresses and routes that move together: those of one vrrp_instance.
struct AddressGroup {
    std::string name;
    std::vector<VirtualAddress> addresses;
    AnnounceSchedule schedule;
    /// Lifetime given to each address in the kernel, refreshed at a third of it; whole seconds.
    /// Zero: no lease, the address stays until removed.
    std::chrono::seconds lease{3};
    /// On after the addresses, off before them. IPv6 routes have the lease, too (RTA_EXPIRES).
    std::vector<VirtualRoute> routes{};
};

/// Holds the virtual addresses of every group on or off the interfaces.
///
/// Drive it: start(), then acquire() and release() as the election decides; stop() at the end. All
/// calls and callbacks on the election thread. Requests to the kernel are synchronous (rtnetlink
/// answers within the send), so acquire() and release() are done when they return.
///
/// The state is level-triggered: whenever the kernel reports a change, desired and actual
/// addresses are compared. An address of an acquired group that is missing is put back and
/// announced; one of a group that is not acquired is removed, since a node that is not active must
/// not answer. Each address may be corrected forty times at once and then twenty times a second, so
/// a fight with another program stays bounded.
///
/// Routes are handled the same way, with three differences. One that cannot be added never counts
/// against its group. Every route with protocol kRouteProtocol is taken for one of ours: what is
/// not configured is removed at start. And IPv4 knows no lease for a route: when this process is
/// killed, a route with a virtual address as its source ends with that address, any other stays
/// until the next start.
///
/// The lease is extended by a timer on the io_context alone: when the loop hangs, the kernel ends
/// the address (measured: lease + 0.1 s for IPv4, up to lease + 1 s for IPv6). A loop that comes
/// back after its lease ran out neither refreshes, repairs nor announces at once; it waits
/// kLapsedGrace, so that the election, whose timer is late as well, can step down first.
class VipManager {
  public:
    /// Socket buffer for notifications, bytes. When it overflows everything is read again.
    static constexpr int kMonitorReceiveBuffer = 1 << 20;
    /// Between noticing that a lease ran out unrefreshed and putting the addresses back.
    static constexpr std::chrono::milliseconds kLapsedGrace{20};

    struct Callbacks {
        /// May be called from within any function of the manager: it must not call back.
        std::function<void(const Notice&)> on_notice;
        /// Called after start() for each known interface of a group or watched name, and on change;
        /// nullopt: no such interface. Also when an own address of any interface came or went: the
        /// answer of is_own_address() may have changed. Always called from the io_context, never
        /// from within start(), acquire() or release(); it may call any function of the manager.
        std::function<void(const std::string& interface, const std::optional<InterfaceState>&)>
            on_interface;
        /// As on_notice.
        std::function<void(const RouteNotice&)> on_route{};
    };

    VipManager(boost::asio::io_context& context, std::vector<AddressGroup> groups,
               std::vector<std::string> watched_interfaces, Callbacks callbacks,
               int monitor_receive_buffer = kMonitorReceiveBuffer);
    /// Does what stop() does.
    ~VipManager();
    VipManager(const VipManager&) = delete;
    VipManager& operator=(const VipManager&) = delete;

    /// Opens the sockets, reads links and addresses, removes the configured virtual addresses that
    /// an earlier life left behind, follows changes. A virtual address that is the host's own
    /// (is_own_entry) is reported once and not managed: never given a lease, repaired or removed,
    /// but announced; acquire() counts it as held. So the owner of an address (priority 255) keeps
    /// it, and a typo does not cut the host off.
    /// On error nothing is open and it may be called again.
    boost::system::error_code start();
    /// Stops timers and sockets; addresses that are still on are removed first. May be repeated.
    void stop();

    /// Another configuration while everything goes on. Groups are the same when their names are,
    /// addresses and routes when they are equal in everything. Nothing happens to what is as it
    /// was. Of a group that is acquired, what is no more is taken off, then what is new is put on
    /// and announced. A group that is no more is released first if it is acquired. A new one is not
    /// acquired. A removal that the kernel refuses is reported once, and ends with the lease.
    /// on_interface is called for interfaces that were not watched before. Not from within a
    /// callback. Errors: notifications for addresses or routes that were not followed before cannot
    /// be had; everything else is done all the same.
    boost::system::error_code reconfigure(std::vector<AddressGroup> groups,
                                          const std::vector<std::string>& watched_interfaces);
    /// Asks the links who has the addresses of a group that is not acquired: a machine that does
    /// not speak VRRP answers, and acquire() reports it. Costs no time: call it when the election
    /// begins, which waits anyway.
    void probe(const std::string& group);
    /// The group is about to be released, because another node takes over: from now on nothing is
    /// announced, and its claims are no conflict. acquire() or release() ends this.
    void prepare_release(const std::string& group);
    /// Adds every address of the group with its lease and announces it. An address that is there
    /// already is success. One that cannot be added, because its interface is missing or down or
    /// the kernel refuses, is reported and tried again when the interface changes or once a second:
    /// one bad line must not cost the group its other addresses. An error only when none is on;
    /// the group is not acquired then. Errors: those of the kernel; no_such_device, network_down:
    /// an interface is missing or administratively down; invalid_argument: no such group;
    /// bad_file_descriptor: not started.
    /// @param peer_known another node of the pair has been heard of. When none was, and somebody
    /// claims an address, that is reported.
    boost::system::error_code acquire(const std::string& group, bool peer_known = true);
    /// Removes every address of the group. An address that is not there is success. After an error
    /// the removal is tried again once a second.
    boost::system::error_code release(const std::string& group);
    /// Evidence that neighbours may have learned another node, such as an advertisement of lower
    /// priority: one burst of the lower-priority schedule now and its second burst. Nothing happens
    /// for a group that is not acquired.
    void announce(const std::string& group);
    /// One announcement of an address of the host itself, such as the source of unicast
    /// advertisements after the interface was at fault, so that what neighbours know of it is
    /// fresh. Success without a frame while the link is down or when it is not Ethernet. Errors:
    /// no_such_device; address_not_available: the interface does not have the address.
    boost::system::error_code announce_own(const std::string& interface, const IpAddress& address);

    /// What release() would ask the kernel, as bytes for RequestSocket::repeat(): for somebody who
    /// asks when this process cannot. Right for as long as the interfaces keep their indexes; call
    /// it before acquire() and after on_interface. Empty for a group that does not exist.
    [[nodiscard]] std::vector<Bytes> removal_requests(const std::string& group) const;

    /// False for a group that does not exist.
    [[nodiscard]] bool acquired(const std::string& group) const;
    /// As last reported by the kernel; nullopt: no such interface.
    [[nodiscard]] std::optional<InterfaceState> interface_state(const std::string& name) const;
    /// Whether any interface of the host has this address and it is usable as a source. A
    /// configured virtual address is not the host's own. As last reported by the kernel.
    [[nodiscard]] bool is_own_address(const IpAddress& address) const;

  private:
    class Impl;
    /// Shared with the handlers that wait on the io_context, which may outlive the manager.
    std::shared_ptr<Impl> impl_;
};

}  // namespace tandem::netlink
