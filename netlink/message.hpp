// rtnetlink codec: requests as bytes, bytes as messages (rtnetlink(7), netlink(7)). Pure, libmnl.
#pragma once

#include "netlink/config.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace tandem::netlink {

using Bytes = std::vector<std::byte>;
using MacAddress = std::array<std::uint8_t, 6>;

/// IFA_PROTO of the addresses that tandem adds ("ip address" shows it as proto). Kernels before
/// 5.18 ignore the attribute. Free to choose; keepalived uses 18.
inline constexpr std::uint8_t kAddressProtocol = 116;

/// rtm_protocol of the routes that tandem adds ("ip route" shows it as proto). Nobody else's routes
/// bear it; 116 is free in /etc/iproute2/rt_protos and in the kernel's list.
inline constexpr std::uint8_t kRouteProtocol = 116;

/// IFA_CACHEINFO lifetime that never ends.
inline constexpr std::uint32_t kForever = 0xffffffff;

/// One interface, from RTM_NEWLINK.
struct Link {
    unsigned index = 0;
    std::string name;
    /// IFF_UP: administratively up.
    bool up = false;
    /// up, and IFLA_OPERSTATE says up or unknown (drivers without operational state).
    bool running = false;
    /// ARPHRD_*; announcements exist for ARPHRD_ETHER only.
    std::uint16_t hardware_type = 0;
    /// All zero when the hardware address is not six bytes long.
    MacAddress mac{};
    friend bool operator==(const Link&, const Link&) = default;
};

/// One address of an interface, from RTM_NEWADDR or RTM_DELADDR.
struct Address {
    unsigned index = 0;
    /// The local address (IFA_LOCAL, or IFA_ADDRESS where there is no IFA_LOCAL); scope id zero.
    IpAddress address;
    std::uint8_t prefix_length = 0;
    std::uint8_t scope = 0;
    /// IFA_F_*.
    std::uint32_t flags = 0;
    /// Seconds left when the message was made; kForever: no end.
    std::uint32_t valid_lifetime = kForever;
    std::uint32_t preferred_lifetime = kForever;
    /// IFA_PROTO; zero when the kernel does not tell.
    std::uint8_t protocol = 0;
    friend bool operator==(const Address&, const Address&) = default;
};

/// One route of tandem (protocol kRouteProtocol), from RTM_NEWROUTE or RTM_DELROUTE.
struct Route {
    IpAddress destination;
    std::uint8_t prefix_length = 0;
    std::uint32_t table = 0;
    std::uint32_t metric = 0;
    /// RTN_*.
    std::uint8_t type = 0;
    std::uint8_t scope = 0;
    std::optional<IpAddress> gateway{};
    std::optional<IpAddress> source{};
    /// Outgoing interface; zero: none (IPv4 routes that discard; several next hops).
    unsigned index = 0;
    bool onlink = false;
    friend bool operator==(const Route&, const Route&) = default;
};

/// One entry of a neighbour table with a known hardware address, from RTM_NEWNEIGH.
struct Neighbour {
    unsigned index = 0;
    IpAddress address;
    MacAddress mac{};
    friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

struct NeighbourPresent {
    Neighbour neighbour;
};
struct LinkPresent {
    Link link;
};
struct LinkGone {
    unsigned index = 0;
};
struct AddressPresent {
    Address address;
};
struct AddressGone {
    Address address;
};
struct RoutePresent {
    Route route;
};
struct RouteGone {
    Route route;
};
/// NLMSG_ERROR: the answer to a request with NLM_F_ACK.
struct Acknowledgement {
    /// errno as a positive number; zero: done.
    int error = 0;
    /// The kernel's own words (NLMSGERR_ATTR_MSG), often empty.
    std::string text;
};
/// NLMSG_DONE: the end of a dump.
struct DumpEnd {
    /// errno as a positive number; zero: complete.
    int error = 0;
};

struct Message {
    /// Sequence number of the request this answers; zero for a notification.
    std::uint32_t sequence = 0;
    /// NLM_F_DUMP_INTR: the kernel's tables changed during the dump, entries may be missing.
    bool dump_interrupted = false;
    std::variant<LinkPresent, LinkGone, AddressPresent, AddressGone, RoutePresent, RouteGone,
                 NeighbourPresent, Acknowledgement, DumpEnd>
        body;
};

/// What a datagram held.
struct Batch {
    std::vector<Message> messages;
    /// A message was cut short, had an impossible length or lacked what it must have. `messages`
    /// has those that could be read.
    bool malformed = false;
};

/// Reads one datagram. Never reads outside `bytes`. Messages of other types and families, routes of
/// other programs and unknown attributes are skipped without being an error.
/// @pre bytes.data() is aligned for nlmsghdr (4 bytes).
Batch parse_messages(std::span<const std::byte> bytes);

enum class DumpKind : std::uint8_t { Links, Addresses, Ipv4Routes, Ipv6Routes, Neighbours };

/// RTM_GETLINK or RTM_GETADDR for everything, all families; RTM_GETROUTE for one family, of all
/// tables, with the protocol kRouteProtocol. A kernel that does not filter (before 4.20, or a
/// socket without NETLINK_GET_STRICT_CHK) answers with every route.
Bytes build_dump(std::uint32_t sequence, DumpKind kind);

/// RTM_NEWADDR that adds the address or, when it is there, renews its lifetime: NLM_F_CREATE and
/// NLM_F_REPLACE make the first request and every refresh the same bytes.
///
/// - `lease` becomes valid_lft; zero: forever. The kernel's unit is the second.
/// - IPv4: preferred_lft = valid_lft. The kernel does not look at it; a virtual address is not
///   picked as a source by default because it comes after the primary address of the interface.
/// - IPv6: preferred_lft = 0 (deprecated), so that source address selection (RFC 6724 rule 3)
///   leaves it alone. keepalived does so for /128; here for every length, since the relay always
///   binds the virtual address explicitly and nothing else should use it.
/// - IPv6: IFA_F_NODAD unless the address asks for detection: the peer may still hold the address
///   for a moment, and one lost detection would leave the address unusable.
/// - IFA_F_NOPREFIXROUTE is not set: an address with a real prefix length brings its connected
///   route, as with keepalived; /32 and /128 have none anyway.
Bytes build_add_address(std::uint32_t sequence, unsigned index, const VirtualAddress& address,
                        std::chrono::seconds lease);

/// RTM_DELADDR. The kernel matches address and prefix length.
Bytes build_remove_address(std::uint32_t sequence, unsigned index, const IpAddress& address,
                           std::uint8_t prefix_length);

/// The route as the kernel reports it. `index`: of route.interface; zero: none is named.
Route route_entry(const VirtualRoute& route, unsigned index);

/// What a request does with a route that is there already.
enum class RouteRequest : std::uint8_t {
    Add,    ///< EEXIST when any route has that destination, table and metric, also a foreign one
    Renew,  ///< IPv6: a new RTA_EXPIRES, and EEXIST; adds the route when it is not there
};

/// RTM_NEWROUTE with the protocol kRouteProtocol. `lease`, IPv6 only, becomes RTA_EXPIRES; zero: no
/// end. An expired route is not used any more; the kernel takes it off the list some time later
/// (net.ipv6.route.gc_interval).
Bytes build_add_route(std::uint32_t sequence, const Route& route, std::chrono::seconds lease,
                      RouteRequest request = RouteRequest::Add);

/// RTM_DELROUTE for this route of protocol kRouteProtocol, never for one of another program.
Bytes build_remove_route(std::uint32_t sequence, const Route& route);

}  // namespace tandem::netlink
