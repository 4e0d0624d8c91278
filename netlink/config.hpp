// Virtual addresses as configured. Plain data: filled by proxy/config, read by netlink.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/asio/ip/address.hpp>

namespace tandem::netlink {

using IpAddress = boost::asio::ip::address;

/// The kernel's addresses carry no scope id; compare without.
inline IpAddress without_scope_id(const IpAddress& address) {
    return address.is_v6() ? boost::asio::ip::address_v6{address.to_v6().to_bytes()} : address;
}

/// One line of virtual_ipaddress or virtual_ipaddress_excluded.
struct VirtualAddress {
    IpAddress address;
    /// 0..32 or 0..128; keepalived's default is the full length (32 or 128).
    std::uint8_t prefix_length = 32;
    /// Interface that carries the address.
    std::string interface;
    /// rt_scope value: 0 global (default), 200 site, 253 link, 254 host.
    std::uint8_t scope = 0;
    /// Interface label such as eth0:1; empty: none. At most 15 bytes.
    std::string label;
    std::optional<IpAddress> broadcast;
    /// IPv6: false adds the address with IFA_F_NODAD (default), true lets the kernel run DAD.
    bool duplicate_address_detection = false;
    bool operator==(const VirtualAddress&) const = default;
};

enum class RouteType : std::uint8_t {
    Unicast,
    Blackhole,    ///< discards silently
    Unreachable,  ///< discards with ICMP host unreachable
    Prohibit,     ///< discards with ICMP administratively prohibited
};

/// One line of virtual_routes. Its family is that of `destination`; a gateway or source of the
/// other family is refused by the kernel. In the kernel it bears the protocol number
/// kRouteProtocol, which is how a route of tandem is told from all others.
struct VirtualRoute {
    RouteType type = RouteType::Unicast;
    /// With prefix_length zero: the default route of the family. Bits after the prefix must be
    /// zero, else the kernel refuses.
    IpAddress destination;
    std::uint8_t prefix_length = 0;
    /// via
    std::optional<IpAddress> gateway;
    /// dev; empty: the kernel finds it from the gateway. Not looked at for the discarding types.
    std::string interface;
    /// src
    std::optional<IpAddress> source;
    /// RT_TABLE_*: 254 is main. Not zero.
    std::uint32_t table = 254;
    /// metric or preference; zero: the kernel's default (IPv4 0, IPv6 1024).
    std::uint32_t metric = 0;
    /// rt_scope value, IPv4 only; nullopt: as "ip route": link without a gateway, else global.
    std::optional<std::uint8_t> scope;
    /// The gateway is a neighbour although no address of the interface says so.
    bool onlink = false;
    bool operator==(const VirtualRoute&) const = default;
};

/// When gratuitous ARP and unsolicited neighbour advertisements are sent (keepalived's garp_*).
struct AnnounceSchedule {
    /// garp_master_repeat: announcements per address in each burst; zero: no burst.
    unsigned repeat = 5;
    /// garp_master_delay: second burst this long after the first; zero: none.
    std::chrono::milliseconds second_burst_delay = std::chrono::seconds{5};
    /// garp_master_refresh: announce again this often while active; zero: never.
    std::chrono::milliseconds refresh{0};
    /// garp_master_refresh_repeat
    unsigned refresh_repeat = 1;
    /// garp_lower_prio_repeat, garp_lower_prio_delay: the two bursts after a sign that neighbours
    /// may have learned another node (VipManager::announce); nullopt: as `repeat` and
    /// `second_burst_delay`.
    std::optional<unsigned> lower_priority_repeat{};
    std::optional<std::chrono::milliseconds> lower_priority_delay{};
    /// vrrp_garp_interval, vrrp_gna_interval: least time between two ARP frames, or two neighbour
    /// advertisements, on one interface; zero: none.
    std::chrono::microseconds arp_interval{0};
    std::chrono::microseconds advertisement_interval{0};
    bool operator==(const AnnounceSchedule&) const = default;
};

}  // namespace tandem::netlink
