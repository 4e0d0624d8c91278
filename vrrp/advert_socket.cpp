#include "vrrp/advert_socket.hpp"

#include "vrrp/send_packet.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <boost/asio/error.hpp>

#include <linux/filter.h>
#include <linux/pkt_sched.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::vrrp {

namespace {

using boost::system::error_code;

/// Adverts are read as they arrive; what is older than this many bytes of them is of no use.
constexpr int kReceiveBufferSize = 64 * 1024;

error_code last_error() {
    return {errno, boost::system::system_category()};
}

/// Sets socket options until one fails, and remembers why.
class OptionSetter {
  public:
    explicit OptionSetter(int fd) : fd_{fd} {}

    template <typename Value>
    void set(int level, int name, const Value& value) {
        set(level, name, &value, sizeof value);
    }
    void set(int level, int name, const void* value, socklen_t size) {
        if (!error_ && ::setsockopt(fd_, level, name, value, size) == -1) {
            error_ = last_error();
        }
    }
    [[nodiscard]] error_code error() const { return error_; }

  private:
    int fd_;
    error_code error_;
};

in_addr to_in_addr(const IpAddress& address) {
    const auto bytes = address.to_v4().to_bytes();
    in_addr out{};
    std::memcpy(&out, bytes.data(), bytes.size());
    return out;
}

in6_addr to_in6_addr(const IpAddress& address) {
    const auto bytes = address.to_v6().to_bytes();
    in6_addr out{};
    std::memcpy(&out, bytes.data(), bytes.size());
    return out;
}

IpAddress from_in6_addr(const in6_addr& address) {
    boost::asio::ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), &address, bytes.size());
    return boost::asio::ip::address_v6{bytes};
}

void configure_ipv4(OptionSetter& options, const AdvertSocket::Options& wanted) {
    // Without this a socket hears every group that any process of the host has joined. For IPv6 the
    // filter sees to it.
    options.set(IPPROTO_IP, IP_MULTICAST_ALL, 0);
    options.set(IPPROTO_IP, IP_MULTICAST_LOOP, 0);
    options.set(IPPROTO_IP, IP_MULTICAST_TTL, static_cast<int>(kTimeToLive));
    options.set(IPPROTO_IP, IP_TTL, static_cast<int>(wanted.unicast_ttl));
    options.set(IPPROTO_IP, IP_TOS, kTrafficClass);
    if (wanted.multicast_group) {
        ip_mreqn group{};
        group.imr_multiaddr = to_in_addr(*wanted.multicast_group);
        group.imr_ifindex = static_cast<int>(wanted.interface_index);
        options.set(IPPROTO_IP, IP_ADD_MEMBERSHIP, group);
    }
}

void configure_ipv6(OptionSetter& options, const AdvertSocket::Options& wanted) {
    options.set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    options.set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, static_cast<int>(kTimeToLive));
    options.set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, static_cast<int>(wanted.unicast_ttl));
    options.set(IPPROTO_IPV6, IPV6_TCLASS, kTrafficClass);
    // An IPv6 raw socket delivers no IP header: hop limit and destination come as control messages.
    options.set(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    options.set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (wanted.multicast_group) {
        ipv6_mreq group{};
        group.ipv6mr_multiaddr = to_in6_addr(*wanted.multicast_group);
        group.ipv6mr_interface = wanted.interface_index;
        options.set(IPPROTO_IPV6, IPV6_JOIN_GROUP, group);
    }
}

/// Offsets from here on count from the IP header, also where the packet begins behind it.
constexpr auto kNetworkHeader = static_cast<std::uint32_t>(SKF_NET_OFF);

std::uint32_t word_at(const boost::asio::ip::address_v6::bytes_type& bytes, std::size_t offset) {
    return static_cast<std::uint32_t>(bytes[offset]) << 24U |
           static_cast<std::uint32_t>(bytes[offset + 1]) << 16U |
           static_cast<std::uint32_t>(bytes[offset + 2]) << 8U | bytes[offset + 3];
}

/// A program of the classic packet filter, which the kernel runs over each packet; `ld len` and so
/// on in the words of bpf_asm.
class Filter {
  public:
    /// Where a comparison goes on. The last two stand for the end of the program until finish().
    enum Target : std::uint8_t { Next = 0, Drop = 254, Accept = 255 };

    void add(int code, std::uint32_t operand = 0) {
        instructions_[size_++] = {static_cast<std::uint16_t>(code), 0, 0, operand};
    }
    void compare(int code, std::uint32_t operand, Target if_true, Target if_false) {
        instructions_[size_++] = {static_cast<std::uint16_t>(BPF_JMP | BPF_K | code), if_true,
                                  if_false, operand};
    }
    /// @param offset of an IPv6 address in the network header.
    void compare_address(std::uint32_t offset, const IpAddress& address, Target if_equal,
                         Target if_different) {
        const auto bytes = address.to_v6().to_bytes();
        for (std::uint8_t word = 0; word < 4; ++word) {
            const bool last = word == 3;
            const auto next = static_cast<Target>(6 - 2 * word);  // behind the fourth comparison
            add(BPF_LD | BPF_W | BPF_ABS, kNetworkHeader + offset + word * 4U);
            compare(BPF_JEQ, word_at(bytes, word * std::size_t{4}), last ? if_equal : Next,
                    if_different == Next ? next : if_different);
        }
    }
    void finish() {
        for (std::size_t i = 0; i < size_; ++i) {
            resolve(instructions_[i].jt, i);
            resolve(instructions_[i].jf, i);
        }
        add(BPF_RET | BPF_K, 0);
        add(BPF_RET | BPF_K, 0xffffffff);
    }
    void attach(OptionSetter& options) {
        const sock_fprog program{.len = static_cast<unsigned short>(size_),
                                 .filter = instructions_.data()};
        options.set(SOL_SOCKET, SO_ATTACH_FILTER, program);
    }

  private:
    /// Jumps are relative to the next instruction.
    void resolve(std::uint8_t& jump, std::size_t from) const {
        if (jump == Drop || jump == Accept) {
            jump = static_cast<std::uint8_t>(size_ - from - (jump == Drop ? 1 : 0));
        }
    }

    std::array<sock_filter, 32> instructions_{};
    std::size_t size_ = 0;
};

/// An unbound IPv6 raw socket hears every group of the host, also with IPV6_MULTICAST_ALL off.
void add_group_check(Filter& filter, const std::optional<IpAddress>& group) {
    constexpr std::uint32_t kDestinationOffset = 24;
    constexpr std::uint32_t kMulticast = 0xff;
    filter.add(BPF_LD | BPF_B | BPF_ABS, kNetworkHeader + kDestinationOffset);
    if (!group) {
        filter.compare(BPF_JEQ, kMulticast, Filter::Drop, Filter::Next);
        return;
    }
    constexpr auto kBehindComparison = static_cast<Filter::Target>(8);
    filter.compare(BPF_JEQ, kMulticast, Filter::Next, kBehindComparison);
    filter.compare_address(kDestinationOffset, *group, Filter::Next, Filter::Drop);
}

/// Drops what is our own, for another virtual router, or for a group that we did not join. What is
/// too short to have a VRID comes through, to be counted. An IPv4 raw socket's filter sees the IP
/// header first, an IPv6 one's only what follows it.
Filter make_filter(const AdvertSocket::Options& wanted) {
    constexpr std::uint32_t kVirtualRouterIdOffset = 1;
    Filter filter;
    if (wanted.family == Family::Ipv4) {
        filter.add(BPF_LD | BPF_W | BPF_ABS, 12);
        filter.compare(BPF_JEQ, wanted.source.to_v4().to_uint(), Filter::Drop, Filter::Next);
        filter.add(BPF_LDX | BPF_B | BPF_MSH, 0);  // x = length of the IP header
    } else {
        filter.compare_address(8, wanted.source, Filter::Drop, Filter::Next);
        add_group_check(filter, wanted.multicast_group);
        filter.add(BPF_LDX | BPF_W | BPF_IMM, 0);
    }
    if (wanted.virtual_router_id != 0) {
        filter.add(BPF_LD | BPF_W | BPF_LEN);
        filter.add(BPF_ALU | BPF_SUB | BPF_X);
        filter.compare(BPF_JGT, kVirtualRouterIdOffset, Filter::Next, Filter::Accept);
        filter.add(BPF_LD | BPF_B | BPF_IND, kVirtualRouterIdOffset);
        filter.compare(BPF_JEQ, wanted.virtual_router_id, Filter::Accept, Filter::Drop);
    } else {
        filter.add(BPF_JMP | BPF_JA, 1);  // over "drop"
    }
    filter.finish();
    return filter;
}

/// A new socket hears every interface until it is bound to one. What it heard by then is dropped,
/// and nothing comes in meanwhile.
void discard_early_packets(int fd) {
    std::array<char, 1> byte{};
    while (::recv(fd, byte.data(), byte.size(), 0) != -1 || errno == EINTR) {
    }
}

error_code configure(int fd, const AdvertSocket::Options& wanted) {
    OptionSetter options{fd};
    Filter nothing;
    nothing.finish();  // begins with the verdict "drop"
    nothing.attach(options);
    options.set(SOL_SOCKET, SO_BINDTODEVICE, wanted.interface.c_str(),
                static_cast<socklen_t>(wanted.interface.size()));
    options.set(SOL_SOCKET, SO_RCVBUF, kReceiveBufferSize);
    if (wanted.family == Family::Ipv4) {
        configure_ipv4(options, wanted);
    } else {
        configure_ipv6(options, wanted);
    }
    // After the TOS, which sets it as well. Nothing above it is allowed to everyone.
    options.set(SOL_SOCKET, SO_PRIORITY, TC_PRIO_INTERACTIVE);
    discard_early_packets(fd);
    make_filter(wanted).attach(options);
    return options.error();
}

/// Hop limit and destination of an IPv6 packet; false when one is missing.
bool read_ipv6_control(msghdr& header, Datagram& datagram) {
    bool have_hop_limit = false;
    bool have_destination = false;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != IPPROTO_IPV6) {
            continue;
        }
        if (control->cmsg_type == IPV6_HOPLIMIT && control->cmsg_len >= CMSG_LEN(sizeof(int))) {
            int hop_limit = 0;
            std::memcpy(&hop_limit, CMSG_DATA(control), sizeof hop_limit);
            datagram.time_to_live = static_cast<std::uint8_t>(hop_limit);
            have_hop_limit = true;
        }
        if (control->cmsg_type == IPV6_PKTINFO &&
            control->cmsg_len >= CMSG_LEN(sizeof(in6_pktinfo))) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            datagram.destination = from_in6_addr(info.ipi6_addr);
            have_destination = true;
        }
    }
    return have_hop_limit && have_destination;
}

}  // namespace

AdvertSocket::AdvertSocket(boost::asio::io_context& context) : descriptor_{context} {}

boost::system::error_code AdvertSocket::open(const Options& options) {
    close();
    const bool ipv4 = options.family == Family::Ipv4;
    if (options.source.is_v4() != ipv4 ||
        (options.multicast_group && options.multicast_group->is_v4() != ipv4)) {
        return boost::asio::error::address_family_not_supported;
    }
    const int family = ipv4 ? AF_INET : AF_INET6;
    const int fd = ::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, kIpProtocol);
    if (fd == -1) {
        return last_error();
    }
    error_code error = configure(fd, options);
    if (!error) {
        descriptor_.assign(fd, error);
    }
    if (error) {
        ::close(fd);
        return error;
    }
    options_ = options;
    return {};
}

void AdvertSocket::close() {
    error_code ignored;
    descriptor_.close(ignored);
}

void AdvertSocket::allow_lost_source() {
    const int on = 1;
    const bool ipv4 = options_.family == Family::Ipv4;
    ::setsockopt(descriptor_.native_handle(), ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                 ipv4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &on, sizeof on);
}

bool AdvertSocket::is_open() const {
    return descriptor_.is_open();
}

void AdvertSocket::async_wait_readable(std::function<void(boost::system::error_code)> handler) {
    descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read, std::move(handler));
}

AdvertSocket::Received AdvertSocket::receive() {
    Received received;
    if (!is_open()) {
        return received;
    }
    sockaddr_in6 source{};
    iovec data{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
    alignas(cmsghdr) std::array<char, 128> control{};
    msghdr header{};
    header.msg_name = &source;
    header.msg_namelen = sizeof source;
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();

    const ssize_t size = ::recvmsg(descriptor_.native_handle(), &header, 0);
    if (size == -1) {
        if (errno != EAGAIN && errno != EINTR) {
            received.status = ReceiveStatus::Failed;
            received.error = last_error();
        }
        return received;
    }
    const std::span<const std::uint8_t> packet{buffer_.data(), static_cast<std::size_t>(size)};
    received.status = ReceiveStatus::Malformed;
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        return received;
    }
    if (options_.family == Family::Ipv4) {
        if (const auto datagram = split_ipv4(packet)) {
            received.datagram = *datagram;
            received.status = ReceiveStatus::Packet;
        }
        return received;
    }
    received.datagram.source = from_in6_addr(source.sin6_addr);
    received.datagram.packet = packet;
    if (read_ipv6_control(header, received.datagram)) {
        received.status = ReceiveStatus::Packet;
    }
    return received;
}

boost::system::error_code AdvertSocket::send(std::span<const std::uint8_t> packet,
                                             const IpAddress& destination) {
    if (!is_open()) {
        return boost::asio::error::bad_descriptor;
    }
    if (destination.is_v4() != (options_.family == Family::Ipv4)) {
        return boost::asio::error::address_family_not_supported;
    }
    return send_packet(descriptor_.native_handle(), packet,
                       {options_.source, destination, options_.interface_index});
}

std::uint32_t AdvertSocket::overflow_drops() const {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof memory;
    // native_handle() is not const; a closed descriptor gives an error.
    const int fd = const_cast<boost::asio::posix::stream_descriptor&>(descriptor_).native_handle();
    if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) == -1) {
        return 0;
    }
    return memory[SK_MEMINFO_DROPS];
}

}  // namespace tandem::vrrp
