#include "netlink/sighting.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

namespace tandem::netlink {

using boost::system::error_code;

namespace {

using SystemClock = std::chrono::system_clock;

/// From errno.
error_code last_error() {
    return {errno, boost::system::system_category()};
}

constexpr std::size_t kIpv4HeaderLength = 20;
constexpr std::size_t kIpv6HeaderLength = 40;
constexpr std::uint8_t kVrrpProtocol = 112;
/// Position of the protocol (IPv4) or next header (IPv6) in the IP header.
constexpr std::uint32_t kIpv4Protocol = 9;
constexpr std::uint32_t kIpv6NextHeader = 6;

/// Passes packets whose byte at `position` says VRRP, with enough of them to read the source.
error_code attach_filter(int socket, std::uint32_t position) {
    constexpr std::uint32_t kPassed = kIpv6HeaderLength;
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, position),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kVrrpProtocol, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, kPassed),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == -1) {
        return last_error();
    }
    return {};
}

/// Protocol 0 receives nothing until the filter is there and the socket is bound. A socket for one
/// protocol, unlike one for all, costs nothing for each packet that is sent.
error_code open_one(FileDescriptor& descriptor, unsigned interface_index, std::uint16_t ether_type,
                    std::uint32_t protocol_position) {
    descriptor.reset(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!descriptor.is_open()) {
        return last_error();
    }
    if (const error_code error = attach_filter(descriptor.get(), protocol_position)) {
        return error;
    }
    const int buffer = Sightings::kReceiveBuffer;
    ::setsockopt(descriptor.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    const int on = 1;
    if (::setsockopt(descriptor.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == -1) {
        return last_error();
    }
    sockaddr_ll local{};
    local.sll_family = AF_PACKET;
    local.sll_protocol = htons(ether_type);
    local.sll_ifindex = static_cast<int>(interface_index);
    if (::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(local)) == -1) {
        return last_error();
    }
    return {};
}

/// One packet of the queue.
struct Sighting {
    std::optional<IpAddress> source;
    std::optional<Sightings::MacAddress> sender;
    SystemClock::time_point arrival;
};

/// When the kernel took the packet off the wire; the epoch when it does not say.
SystemClock::time_point arrival_of(msghdr& header) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
            return SystemClock::time_point{std::chrono::seconds{stamp.tv_sec} +
                                           std::chrono::nanoseconds{stamp.tv_nsec}};
        }
    }
    return {};
}

/// Takes the next packet off the queue; nullopt: there is none.
std::optional<Sighting> next_sighting(int socket) {
    std::array<std::uint8_t, kIpv6HeaderLength> packet{};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(timespec))> control{};
    sockaddr_ll sender{};
    iovec vector{packet.data(), packet.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof(sender);
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t length = ::recvmsg(socket, &header, MSG_DONTWAIT);
    if (length == -1) {
        return std::nullopt;
    }
    Sighting sighting;
    sighting.arrival = arrival_of(header);
    const bool from_outside =
        sender.sll_pkttype != PACKET_OUTGOING && sender.sll_pkttype != PACKET_LOOPBACK;
    Sightings::MacAddress mac{};
    if (from_outside && sender.sll_halen == mac.size()) {
        std::copy_n(std::begin(sender.sll_addr), mac.size(), mac.begin());
        sighting.sender = mac;
        sighting.source =
            vrrp_packet_source(std::span{packet}.first(static_cast<std::size_t>(length)));
    }
    return sighting;
}

}  // namespace

std::optional<IpAddress> vrrp_packet_source(std::span<const std::uint8_t> packet) {
    if (packet.empty()) {
        return std::nullopt;
    }
    const unsigned version = packet[0] >> 4U;
    if (version == 4 && packet.size() >= kIpv4HeaderLength &&
        packet[kIpv4Protocol] == kVrrpProtocol) {
        boost::asio::ip::address_v4::bytes_type bytes{};
        std::copy_n(packet.begin() + 12, bytes.size(), bytes.begin());
        return boost::asio::ip::address_v4{bytes};
    }
    if (version == 6 && packet.size() >= kIpv6HeaderLength &&
        packet[kIpv6NextHeader] == kVrrpProtocol) {
        boost::asio::ip::address_v6::bytes_type bytes{};
        std::copy_n(packet.begin() + 8, bytes.size(), bytes.begin());
        return boost::asio::ip::address_v6{bytes};
    }
    return std::nullopt;
}

error_code Sightings::open(unsigned interface_index) {
    close();
    error_code error = open_one(ipv4_, interface_index, ETH_P_IP, kIpv4Protocol);
    if (!error) {
        error = open_one(ipv6_, interface_index, ETH_P_IPV6, kIpv6NextHeader);
    }
    if (error) {
        close();
    }
    return error;
}

void Sightings::close() {
    ipv4_.reset();
    ipv6_.reset();
}

std::optional<Sightings::MacAddress> Sightings::find(const IpAddress& source) {
    const IpAddress wanted = without_scope_id(source);
    const FileDescriptor& socket = source.is_v4() ? ipv4_ : ipv6_;
    // The wall clock is what the kernel stamps packets with.
    const auto oldest = SystemClock::now() - kFreshness;
    std::optional<MacAddress> found;
    for (int packets = 0; packets < kDrainLimit; ++packets) {
        const auto sighting = next_sighting(socket.get());
        if (!sighting) {
            break;
        }
        if (sighting->source == wanted && sighting->arrival >= oldest) {
            found = sighting->sender;
        }
    }
    forget();
    return found;
}

void Sightings::forget() {
    for (const FileDescriptor* socket : {&ipv4_, &ipv6_}) {
        for (int packets = 0; packets < kDrainLimit; ++packets) {
            if (!next_sighting(socket->get())) {
                break;
            }
        }
    }
}

}  // namespace tandem::netlink
