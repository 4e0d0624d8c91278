// Requests to the kernel as bytes; what it answers is read in message.cpp.
#include "netlink/message.hpp"

#include <cstring>
#include <optional>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

namespace tandem::netlink {

namespace {

/// MNL_ALIGN without its sign conversions: messages and attributes start at multiples of four.
constexpr std::size_t align(std::size_t length) {
    return (length + MNL_ALIGNTO - 1) / MNL_ALIGNTO * MNL_ALIGNTO;
}

/// A request being built. The buffer is larger than any request of this file.
class Request {
  public:
    Request(std::uint16_t type, unsigned flags, std::uint32_t sequence, std::size_t capacity)
        : bytes_(capacity), header_(mnl_nlmsg_put_header(bytes_.data())) {
        header_->nlmsg_type = type;
        header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        header_->nlmsg_seq = sequence;
    }

    template <typename Fixed>
    void put_fixed_header(const Fixed& fixed) {
        std::memcpy(mnl_nlmsg_put_extra_header(header_, sizeof(fixed)), &fixed, sizeof(fixed));
    }
    void put(std::uint16_t type, std::size_t length, const void* data) {
        mnl_attr_put_check(header_, bytes_.size(), type, length, data);
    }
    void put_address(std::uint16_t type, const IpAddress& address) {
        if (address.is_v4()) {
            const auto bytes = address.to_v4().to_bytes();
            put(type, bytes.size(), bytes.data());
        } else {
            const auto bytes = address.to_v6().to_bytes();
            put(type, bytes.size(), bytes.data());
        }
    }
    void put_integer(std::uint16_t type, std::uint32_t value) { put(type, sizeof(value), &value); }
    Bytes finish() {
        bytes_.resize(header_->nlmsg_len);
        return std::move(bytes_);
    }

  private:
    Bytes bytes_;
    nlmsghdr* header_;
};

/// Headers and every attribute of a route request: 28 + 3 × 20 + 4 × 8, rounded up.
constexpr std::size_t kRouteRequestCapacity = 128;

/// Headers and every attribute of an address request without its label: 24 + 3 × 20 + 8 + 20 + 8.
constexpr std::size_t kAddressRequestCapacity = 128;

ifaddrmsg address_header(unsigned index, const IpAddress& address, std::uint8_t prefix_length) {
    ifaddrmsg fixed{};
    fixed.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
    fixed.ifa_prefixlen = prefix_length;
    fixed.ifa_index = index;
    return fixed;
}

/// IP6_RT_PRIO_USER: what the kernel makes of no metric.
constexpr std::uint32_t kIpv6DefaultMetric = 1024;

std::uint8_t discarding_type(RouteType type) {
    switch (type) {
        case RouteType::Blackhole:
            return RTN_BLACKHOLE;
        case RouteType::Unreachable:
            return RTN_UNREACHABLE;
        case RouteType::Prohibit:
            return RTN_PROHIBIT;
        case RouteType::Unicast:
            break;
    }
    return RTN_UNICAST;
}

rtmsg route_header(const Route& route) {
    rtmsg fixed{};
    fixed.rtm_family = route.destination.is_v4() ? AF_INET : AF_INET6;
    fixed.rtm_dst_len = route.prefix_length;
    // A larger table is in RTA_TABLE only.
    fixed.rtm_table = route.table < 256 ? static_cast<std::uint8_t>(route.table) : std::uint8_t{0};
    fixed.rtm_protocol = kRouteProtocol;
    fixed.rtm_type = route.type;
    return fixed;
}

/// What tells one route from another.
void put_route_key(Request& request, const Route& route) {
    if (route.prefix_length > 0) {
        request.put_address(RTA_DST, route.destination);
    }
    request.put_integer(RTA_TABLE, route.table);
    if (route.metric != 0) {
        request.put_integer(RTA_PRIORITY, route.metric);
    }
    if (route.gateway) {
        request.put_address(RTA_GATEWAY, *route.gateway);
    }
    if (route.index != 0) {
        request.put_integer(RTA_OIF, route.index);
    }
}

}  // namespace

Bytes build_dump(std::uint32_t sequence, DumpKind kind) {
    const auto request = [sequence](std::uint16_t type, const auto& fixed) {
        Request built{type, NLM_F_DUMP, sequence, kAddressRequestCapacity};
        built.put_fixed_header(fixed);
        return built.finish();
    };
    if (kind == DumpKind::Links) {
        return request(RTM_GETLINK, ifinfomsg{});
    }
    if (kind == DumpKind::Addresses) {
        return request(RTM_GETADDR, ifaddrmsg{});
    }
    if (kind == DumpKind::Neighbours) {
        return request(RTM_GETNEIGH, ndmsg{});
    }
    rtmsg routes{};
    routes.rtm_family = kind == DumpKind::Ipv4Routes ? AF_INET : AF_INET6;
    routes.rtm_protocol = kRouteProtocol;
    return request(RTM_GETROUTE, routes);
}

Bytes build_add_address(std::uint32_t sequence, unsigned index, const VirtualAddress& address,
                        std::chrono::seconds lease) {
    Request request{RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sequence,
                    kAddressRequestCapacity + align(address.label.size())};
    const bool v4 = address.address.is_v4();
    ifaddrmsg fixed = address_header(index, address.address, address.prefix_length);
    fixed.ifa_scope = address.scope;
    request.put_fixed_header(fixed);
    request.put_address(IFA_LOCAL, address.address);
    request.put_address(IFA_ADDRESS, address.address);
    if (v4 && address.broadcast && address.broadcast->is_v4()) {
        request.put_address(IFA_BROADCAST, *address.broadcast);
    }
    if (v4 && !address.label.empty()) {
        request.put(IFA_LABEL, address.label.size() + 1, address.label.c_str());
    }
    const std::uint32_t flags = v4 || address.duplicate_address_detection ? 0 : IFA_F_NODAD;
    request.put(IFA_FLAGS, sizeof(flags), &flags);

    ifa_cacheinfo lifetimes{};
    lifetimes.ifa_valid = lease.count() > 0 && lease.count() < kForever
                              ? static_cast<std::uint32_t>(lease.count())
                              : kForever;
    lifetimes.ifa_prefered = v4 ? lifetimes.ifa_valid : 0;
    request.put(IFA_CACHEINFO, sizeof(lifetimes), &lifetimes);
    request.put(IFA_PROTO, sizeof(kAddressProtocol), &kAddressProtocol);
    return request.finish();
}

Bytes build_remove_address(std::uint32_t sequence, unsigned index, const IpAddress& address,
                           std::uint8_t prefix_length) {
    Request request{RTM_DELADDR, NLM_F_ACK, sequence, kAddressRequestCapacity};
    request.put_fixed_header(address_header(index, address, prefix_length));
    request.put_address(IFA_LOCAL, address);
    request.put_address(IFA_ADDRESS, address);
    return request.finish();
}

Route route_entry(const VirtualRoute& route, unsigned index) {
    const bool v4 = route.destination.is_v4();
    Route entry{.destination = without_scope_id(route.destination),
                .prefix_length = route.prefix_length,
                .table = route.table,
                .metric = route.metric};
    if (!v4 && entry.metric == 0) {
        entry.metric = kIpv6DefaultMetric;
    }
    if (route.type != RouteType::Unicast) {
        entry.type = discarding_type(route.type);
        entry.scope = v4 ? route.scope.value_or(RT_SCOPE_UNIVERSE) : std::uint8_t{0};
        return entry;
    }
    entry.type = RTN_UNICAST;
    if (v4) {
        entry.scope = route.scope.value_or(route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    }
    if (route.gateway) {
        entry.gateway = without_scope_id(*route.gateway);
    }
    if (route.source) {
        entry.source = without_scope_id(*route.source);
    }
    entry.index = index;
    entry.onlink = route.onlink;
    return entry;
}

Bytes build_add_route(std::uint32_t sequence, const Route& route, std::chrono::seconds lease,
                      RouteRequest request_kind) {
    const unsigned exclusive = request_kind == RouteRequest::Add ? NLM_F_EXCL : 0;
    Request request{RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | exclusive, sequence,
                    kRouteRequestCapacity};
    rtmsg fixed = route_header(route);
    fixed.rtm_scope = route.scope;
    fixed.rtm_flags = route.onlink ? RTNH_F_ONLINK : 0;
    request.put_fixed_header(fixed);
    put_route_key(request, route);
    if (route.source) {
        request.put_address(RTA_PREFSRC, *route.source);
    }
    if (!route.destination.is_v4() && lease.count() > 0 && lease.count() < kForever) {
        request.put_integer(RTA_EXPIRES, static_cast<std::uint32_t>(lease.count()));
    }
    return request.finish();
}

Bytes build_remove_route(std::uint32_t sequence, const Route& route) {
    Request request{RTM_DELROUTE, NLM_F_ACK, sequence, kRouteRequestCapacity};
    rtmsg fixed = route_header(route);
    // Any scope.
    fixed.rtm_scope = RT_SCOPE_NOWHERE;
    request.put_fixed_header(fixed);
    put_route_key(request, route);
    return request.finish();
}

}  // namespace tandem::netlink
