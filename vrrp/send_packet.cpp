#include "vrrp/send_packet.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace tandem::vrrp {
namespace {

/// Control messages of one packet, and the room they need.
class Control {
  public:
    explicit Control(msghdr& header) : header_{header} {
        header.msg_control = room_.data();
        header.msg_controllen = 0;
    }
    template <typename Value>
    void add(int level, int type, const Value& value) {
        cmsghdr message{};
        message.cmsg_level = level;
        message.cmsg_type = type;
        message.cmsg_len = CMSG_LEN(sizeof value);
        char* const begin = room_.data() + header_.msg_controllen;
        std::memcpy(begin, &message, sizeof message);
        std::memcpy(begin + CMSG_LEN(0), &value, sizeof value);
        header_.msg_controllen += CMSG_SPACE(sizeof value);
    }

  private:
    msghdr& header_;
    alignas(cmsghdr)
        std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))> room_{};
};

sockaddr_in to_ipv4(const PacketRoute& route, Control& control) {
    sockaddr_in destination{};
    destination.sin_family = AF_INET;
    destination.sin_addr.s_addr = htonl(route.destination.to_v4().to_uint());
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(route.interface_index);
    info.ipi_spec_dst.s_addr = htonl(route.source.to_v4().to_uint());
    control.add(IPPROTO_IP, IP_PKTINFO, info);
    if (route.hop_limit) {
        control.add(IPPROTO_IP, IP_TTL, static_cast<int>(*route.hop_limit));
    }
    return destination;
}

sockaddr_in6 to_ipv6(const PacketRoute& route, Control& control) {
    const auto destination_bytes = route.destination.to_v6().to_bytes();
    const auto source_bytes = route.source.to_v6().to_bytes();
    sockaddr_in6 destination{};
    destination.sin6_family = AF_INET6;
    std::memcpy(&destination.sin6_addr, destination_bytes.data(), destination_bytes.size());
    destination.sin6_scope_id = route.interface_index;
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, source_bytes.data(), source_bytes.size());
    info.ipi6_ifindex = route.interface_index;
    control.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
    if (route.hop_limit) {
        control.add(IPPROTO_IPV6, IPV6_HOPLIMIT, static_cast<int>(*route.hop_limit));
    }
    return destination;
}

}  // namespace

boost::system::error_code send_packet(int socket, std::span<const std::uint8_t> packet,
                                      const PacketRoute& route) {
    iovec data{};
    data.iov_base = const_cast<std::uint8_t*>(packet.data());  // sendmsg() only reads it
    data.iov_len = packet.size();
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    Control control{header};
    sockaddr_in ipv4{};
    sockaddr_in6 ipv6{};
    if (route.destination.is_v4()) {
        ipv4 = to_ipv4(route, control);
        header.msg_name = &ipv4;
        header.msg_namelen = sizeof ipv4;
    } else {
        ipv6 = to_ipv6(route, control);
        header.msg_name = &ipv6;
        header.msg_namelen = sizeof ipv6;
    }
    if (::sendmsg(socket, &header, 0) == -1) {
        return {errno, boost::system::system_category()};
    }
    return {};
}

}  // namespace tandem::vrrp
