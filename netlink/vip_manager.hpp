// Keeps virtual addresses on or off the interfaces and announces them. Shell over vip_plan.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include "netlink/config.hpp"

namespace tandem::netlink {

/// What happened that an operator should see. The daemon writes it to the log and the event list.
struct Notice {
    enum class Kind : std::uint8_t {
        AddressRepaired,   ///< a virtual address was removed behind our back and put back
        AddressFailed,     ///< the kernel refused to add an address
        RemoveFailed,      ///< the kernel refused to remove an address
        StaleRemoved,      ///< an address of an earlier life was removed
        AnnounceFailed,    ///< gratuitous ARP or neighbour advertisement could not be sent
        Overrun,           ///< the kernel dropped notifications; everything was read again
    };
    Kind kind{};
    IpAddress address;
    std::string interface;
    /// Detail for people, such as the text of an errno.
    std::string text;
};

/// State of an interface as seen by netlink.
struct InterfaceState {
    unsigned index = 0;
    /// IFF_UP and carrier (IFF_RUNNING / IFLA_OPERSTATE up or unknown).
    bool running = false;
    /// First IPv4 address that is not a configured virtual address; primary first.
    std::optional<IpAddress> ipv4;
    /// Link-local IPv6 address, not tentative, not a configured virtual address.
    std::optional<IpAddress> ipv6_link_local;
    friend bool operator==(const InterfaceState&, const InterfaceState&) = default;
};

/// A set of addresses that move together: those of one vrrp_instance.
struct AddressGroup {
    std::string name;
    std::vector<VirtualAddress> addresses;
    AnnounceSchedule schedule;
    /// Lifetime given to each address in the kernel, refreshed at a third of it; whole seconds.
    /// Zero: no lease, the address stays until removed.
    std::chrono::seconds lease{3};
};

/// All calls and callbacks on the election thread. Requests to the kernel are synchronous
/// (rtnetlink answers within the send), so acquire() and release() are done when they return.
class VipManager {
  public:
    struct Callbacks {
        std::function<void(const Notice&)> on_notice;
        /// Called after start() for each known interface of a group or watched name, and on change;
        /// nullopt: no such interface.
        std::function<void(const std::string& interface, const std::optional<InterfaceState>&)>
            on_interface;
    };

    VipManager(boost::asio::io_context& context, std::vector<AddressGroup> groups,
               std::vector<std::string> watched_interfaces, Callbacks callbacks);
    ~VipManager();
    VipManager(const VipManager&) = delete;
    VipManager& operator=(const VipManager&) = delete;

    /// Opens the sockets, reads links and addresses, removes every configured virtual address that
    /// is present (leftovers of an earlier life), reports the interfaces, follows changes.
    boost::system::error_code start();
    /// Stops timers and sockets; addresses that are still on are removed first.
    void stop();

    /// Adds every address of the group with its lease and announces it. An address that is there
    /// already is success. On error the addresses of the group that were added are taken off again.
    boost::system::error_code acquire(const std::string& group);
    /// Removes every address of the group. An address that is not there is success.
    boost::system::error_code release(const std::string& group);
    /// One announcement burst now (first burst of the schedule and its second burst).
    void announce(const std::string& group);

    [[nodiscard]] bool acquired(const std::string& group) const;
    [[nodiscard]] std::optional<InterfaceState> interface_state(const std::string& name) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::netlink
