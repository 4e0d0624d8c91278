#include "netlink/message.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

namespace tandem::netlink {

namespace {

namespace ip = boost::asio::ip;

using Payload = std::span<const std::byte>;

/// MNL_ALIGN without its sign conversions: messages and attributes start at multiples of four.
constexpr std::size_t align(std::size_t length) {
    return (length + MNL_ALIGNTO - 1) / MNL_ALIGNTO * MNL_ALIGNTO;
}

/// Value of an integer attribute; nullopt when its length is not that of Integer.
template <typename Integer>
std::optional<Integer> read_integer(Payload payload) {
    if (payload.size() != sizeof(Integer)) {
        return std::nullopt;
    }
    Integer value{};
    std::memcpy(&value, payload.data(), sizeof(value));
    return value;
}

/// Text up to the first NUL or the end of the attribute.
std::string read_text(Payload payload) {
    const auto end = std::find(payload.begin(), payload.end(), std::byte{0});
    std::string text;
    std::transform(payload.begin(), end, std::back_inserter(text),
                   [](std::byte byte) { return static_cast<char>(byte); });
    return text;
}

std::optional<IpAddress> read_address(std::uint8_t family, Payload payload) {
    if (family == AF_INET && payload.size() == sizeof(ip::address_v4::bytes_type)) {
        ip::address_v4::bytes_type bytes{};
        std::memcpy(bytes.data(), payload.data(), bytes.size());
        return IpAddress{ip::address_v4{bytes}};
    }
    if (family == AF_INET6 && payload.size() == sizeof(ip::address_v6::bytes_type)) {
        ip::address_v6::bytes_type bytes{};
        std::memcpy(bytes.data(), payload.data(), bytes.size());
        return IpAddress{ip::address_v6{bytes}};
    }
    return std::nullopt;
}

/// mnl_nlmsg_ok() compares as int and so takes a length of 2^31 or more for a negative one.
bool message_fits(const nlmsghdr* header, int remaining) {
    return mnl_nlmsg_ok(header, remaining) &&
           header->nlmsg_len <= static_cast<std::uint32_t>(remaining);
}

/// Calls visit(type, payload) for each attribute after the first `offset` bytes of the payload.
/// @return false when the attributes do not fill the message exactly.
template <typename Visit>
bool for_each_attribute(const nlmsghdr* header, std::size_t offset, Visit visit) {
    const std::size_t aligned = align(offset);
    const std::size_t payload_length = mnl_nlmsg_get_payload_len(header);
    if (aligned >= payload_length) {
        return true;
    }
    const auto* position = static_cast<const std::byte*>(mnl_nlmsg_get_payload(header)) + aligned;
    auto remaining = static_cast<int>(payload_length - aligned);
    const auto* attribute = reinterpret_cast<const nlattr*>(position);
    while (mnl_attr_ok(attribute, remaining)) {
        visit(mnl_attr_get_type(attribute),
              Payload{static_cast<const std::byte*>(mnl_attr_get_payload(attribute)),
                      mnl_attr_get_payload_len(attribute)});
        // The last attribute may lack its padding; then this becomes negative.
        remaining -= static_cast<int>(align(mnl_attr_get_len(attribute)));
        attribute = mnl_attr_next(attribute);
    }
    return remaining <= 0;
}

/// Copies the fixed header of a message; nullopt when the message is too short for it.
template <typename Header>
std::optional<Header> read_fixed_header(const nlmsghdr* header) {
    if (mnl_nlmsg_get_payload_len(header) < sizeof(Header)) {
        return std::nullopt;
    }
    Header fixed{};
    std::memcpy(&fixed, mnl_nlmsg_get_payload(header), sizeof(fixed));
    return fixed;
}

/// Result of reading one message: nothing (not for us), a body, or malformed.
struct Reading {
    std::optional<decltype(Message::body)> body;
    bool malformed = false;
};

constexpr bool kMalformed = true;

/// Drivers without operational states report unknown (RFC 2863, Linux operstates.rst).
bool is_operational(std::optional<std::uint8_t> state) {
    constexpr std::array<std::uint8_t, 2> kUsable{IF_OPER_UNKNOWN, IF_OPER_UP};
    return state && std::ranges::find(kUsable, *state) != kUsable.end();
}

Reading read_link(const nlmsghdr* header) {
    const auto fixed = read_fixed_header<ifinfomsg>(header);
    if (!fixed || fixed->ifi_index <= 0) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    // A port that leaves a bridge is announced as RTM_DELLINK of family AF_BRIDGE; the interface
    // itself stays.
    if (fixed->ifi_family != AF_UNSPEC) {
        return {};
    }
    const auto index = static_cast<unsigned>(fixed->ifi_index);
    if (header->nlmsg_type == RTM_DELLINK) {
        return {.body = LinkGone{index}};
    }
    Link link;
    link.index = index;
    link.up = (fixed->ifi_flags & IFF_UP) != 0;
    link.hardware_type = fixed->ifi_type;
    bool operational = (fixed->ifi_flags & IFF_RUNNING) != 0;
    const bool whole =
        for_each_attribute(header, sizeof(ifinfomsg), [&](std::uint16_t type, Payload payload) {
            if (type == IFLA_IFNAME) {
                link.name = read_text(payload);
            } else if (type == IFLA_ADDRESS && payload.size() == link.mac.size()) {
                std::memcpy(link.mac.data(), payload.data(), link.mac.size());
            } else if (type == IFLA_OPERSTATE) {
                operational = is_operational(read_integer<std::uint8_t>(payload));
            }
        });
    if (!whole || link.name.empty() || link.name.size() >= IFNAMSIZ) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    link.running = link.up && operational;
    return {.body = LinkPresent{std::move(link)}};
}

/// Attributes of an address message as they come; the caller decides which address is the local.
struct AddressAttributes {
    std::optional<IpAddress> local;
    std::optional<IpAddress> address;
    std::optional<std::uint32_t> flags;
    std::optional<std::uint8_t> protocol;
    std::optional<ifa_cacheinfo> lifetimes;
};

void read_address_attribute(std::uint8_t family, std::uint16_t type, Payload payload,
                            AddressAttributes& attributes) {
    if (type == IFA_LOCAL) {
        attributes.local = read_address(family, payload);
    } else if (type == IFA_ADDRESS) {
        attributes.address = read_address(family, payload);
    } else if (type == IFA_FLAGS) {
        attributes.flags = read_integer<std::uint32_t>(payload);
    } else if (type == IFA_PROTO) {
        attributes.protocol = read_integer<std::uint8_t>(payload);
    } else if (type == IFA_CACHEINFO) {
        attributes.lifetimes = read_integer<ifa_cacheinfo>(payload);
    }
}

Reading read_address_message(const nlmsghdr* header) {
    const auto fixed = read_fixed_header<ifaddrmsg>(header);
    if (!fixed) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    if (fixed->ifa_family != AF_INET && fixed->ifa_family != AF_INET6) {
        return {};
    }
    AddressAttributes attributes;
    const bool whole =
        for_each_attribute(header, sizeof(ifaddrmsg), [&](std::uint16_t type, Payload payload) {
            read_address_attribute(fixed->ifa_family, type, payload, attributes);
        });
    const auto& local = attributes.local ? attributes.local : attributes.address;
    const unsigned longest = fixed->ifa_family == AF_INET ? 32 : 128;
    if (!whole || !local || fixed->ifa_index == 0 || fixed->ifa_prefixlen > longest) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    Address address{.index = fixed->ifa_index,
                    .address = *local,
                    .prefix_length = fixed->ifa_prefixlen,
                    .scope = fixed->ifa_scope,
                    // The header has room for the first eight flags only.
                    .flags = attributes.flags.value_or(fixed->ifa_flags),
                    .protocol = attributes.protocol.value_or(0)};
    if (attributes.lifetimes) {
        address.valid_lifetime = attributes.lifetimes->ifa_valid;
        address.preferred_lifetime = attributes.lifetimes->ifa_prefered;
    }
    if (header->nlmsg_type == RTM_DELADDR) {
        return {.body = AddressGone{std::move(address)}};
    }
    return {.body = AddressPresent{std::move(address)}};
}

/// What has no hardware address (yet) is nothing, such as an entry that was not answered.
Reading read_neighbour(const nlmsghdr* header) {
    const auto fixed = read_fixed_header<ndmsg>(header);
    if (!fixed) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    if (fixed->ndm_ifindex <= 0 ||
        (fixed->ndm_family != AF_INET && fixed->ndm_family != AF_INET6)) {
        return {};
    }
    Neighbour neighbour;
    neighbour.index = static_cast<unsigned>(fixed->ndm_ifindex);
    std::optional<IpAddress> address;
    bool has_mac = false;
    const bool whole =
        for_each_attribute(header, sizeof(ndmsg), [&](std::uint16_t type, Payload payload) {
            if (type == NDA_DST) {
                address = read_address(fixed->ndm_family, payload);
            } else if (type == NDA_LLADDR && payload.size() == neighbour.mac.size()) {
                std::memcpy(neighbour.mac.data(), payload.data(), neighbour.mac.size());
                has_mac = true;
            }
        });
    if (!whole) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    const bool known = (fixed->ndm_state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP)) == 0;
    if (!address || !has_mac || !known) {
        return {};
    }
    neighbour.address = *address;
    return {.body = NeighbourPresent{neighbour}};
}

/// Attributes of a route message as they come.
struct RouteAttributes {
    std::optional<IpAddress> destination;
    std::optional<IpAddress> gateway;
    std::optional<IpAddress> source;
    std::optional<std::uint32_t> table;
    std::optional<std::uint32_t> metric;
    std::optional<std::uint32_t> index;
    bool bad_destination = false;
};

void read_route_attribute(std::uint8_t family, std::uint16_t type, Payload payload,
                          RouteAttributes& attributes) {
    if (type == RTA_DST) {
        attributes.destination = read_address(family, payload);
        attributes.bad_destination = !attributes.destination;
    } else if (type == RTA_GATEWAY) {
        attributes.gateway = read_address(family, payload);
    } else if (type == RTA_PREFSRC) {
        attributes.source = read_address(family, payload);
    } else if (type == RTA_TABLE) {
        attributes.table = read_integer<std::uint32_t>(payload);
    } else if (type == RTA_PRIORITY) {
        attributes.metric = read_integer<std::uint32_t>(payload);
    } else if (type == RTA_OIF) {
        attributes.index = read_integer<std::uint32_t>(payload);
    }
}

Reading read_route(const nlmsghdr* header) {
    const auto fixed = read_fixed_header<rtmsg>(header);
    if (!fixed) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    const bool v4 = fixed->rtm_family == AF_INET;
    // A cloned route is a cache entry made from ours.
    if ((!v4 && fixed->rtm_family != AF_INET6) || fixed->rtm_protocol != kRouteProtocol ||
        (fixed->rtm_flags & RTM_F_CLONED) != 0) {
        return {};
    }
    RouteAttributes attributes;
    const bool whole =
        for_each_attribute(header, sizeof(rtmsg), [&](std::uint16_t type, Payload payload) {
            read_route_attribute(fixed->rtm_family, type, payload, attributes);
        });
    const bool no_destination = fixed->rtm_dst_len > 0 && !attributes.destination;
    if (!whole || attributes.bad_destination || no_destination ||
        fixed->rtm_dst_len > (v4 ? 32 : 128)) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    const IpAddress any = v4 ? IpAddress{ip::address_v4::any()} : IpAddress{ip::address_v6::any()};
    Route route{.destination = attributes.destination.value_or(any),
                .prefix_length = fixed->rtm_dst_len,
                // The header has room for the first 256 tables only.
                .table = attributes.table.value_or(fixed->rtm_table),
                .metric = attributes.metric.value_or(0),
                .type = fixed->rtm_type,
                .scope = fixed->rtm_scope,
                .gateway = attributes.gateway,
                .source = attributes.source,
                // An IPv6 route that discards is reported with the loopback interface.
                .index = fixed->rtm_type == RTN_UNICAST ? attributes.index.value_or(0) : 0,
                .onlink = (fixed->rtm_flags & RTNH_F_ONLINK) != 0};
    if (header->nlmsg_type == RTM_DELROUTE) {
        return {.body = RouteGone{std::move(route)}};
    }
    return {.body = RoutePresent{std::move(route)}};
}

/// The kernel reports errno negated; anything else is not from a kernel.
std::optional<int> positive_errno(int error) {
    if (error > 0 || error == std::numeric_limits<int>::min()) {
        return std::nullopt;
    }
    return -error;
}

Reading read_acknowledgement(const nlmsghdr* header) {
    const auto fixed = read_fixed_header<nlmsgerr>(header);
    const auto error = fixed ? positive_errno(fixed->error) : std::nullopt;
    if (!error) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    Acknowledgement acknowledgement;
    acknowledgement.error = *error;
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
        std::size_t offset = sizeof(nlmsgerr);
        // Without NETLINK_CAP_ACK the kernel puts the whole request between header and text.
        if ((header->nlmsg_flags & NLM_F_CAPPED) == 0 && fixed->msg.nlmsg_len > sizeof(nlmsghdr)) {
            offset += fixed->msg.nlmsg_len - sizeof(nlmsghdr);
        }
        for_each_attribute(header, offset, [&](std::uint16_t type, Payload payload) {
            if (type == NLMSGERR_ATTR_MSG) {
                acknowledgement.text = read_text(payload);
            }
        });
    }
    return {.body = std::move(acknowledgement)};
}

Reading read_dump_end(const nlmsghdr* header) {
    const auto fixed = read_fixed_header<int>(header);
    const auto error = fixed ? positive_errno(*fixed) : std::nullopt;
    if (!error) {
        return {.body = std::nullopt, .malformed = kMalformed};
    }
    return {.body = DumpEnd{*error}};
}

Reading read_message(const nlmsghdr* header) {
    switch (header->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            return read_link(header);
        case RTM_NEWADDR:
        case RTM_DELADDR:
            return read_address_message(header);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            return read_route(header);
        case RTM_NEWNEIGH:
            return read_neighbour(header);
        case NLMSG_ERROR:
            return read_acknowledgement(header);
        case NLMSG_DONE:
            return read_dump_end(header);
        default:
            return {};
    }
}

}  // namespace

Batch parse_messages(std::span<const std::byte> bytes) {
    Batch batch;
    auto remaining =
        static_cast<int>(std::min<std::size_t>(bytes.size(), std::numeric_limits<int>::max()));
    const auto* header = reinterpret_cast<const nlmsghdr*>(bytes.data());
    while (message_fits(header, remaining)) {
        Reading reading = read_message(header);
        batch.malformed = batch.malformed || reading.malformed;
        if (reading.body) {
            batch.messages.push_back(
                {.sequence = header->nlmsg_seq,
                 .dump_interrupted = (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0,
                 .body = *std::move(reading.body)});
        }
        header = mnl_nlmsg_next(header, &remaining);
    }
    batch.malformed = batch.malformed || remaining > 0;
    return batch;
}

}  // namespace tandem::netlink
