#include "netlink/conflict_watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::netlink {

using boost::system::error_code;

namespace {

error_code last_error() {
    return {errno, boost::system::system_category()};
}

/// Comparisons that one filter has at most; with more addresses everything comes through and is
/// compared here.
constexpr std::size_t kMaxCompared = 200;

std::uint32_t last_word(const IpAddress& address) {
    if (address.is_v4()) {
        return address.to_v4().to_uint();
    }
    const auto bytes = address.to_v6().to_bytes();
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + 12, sizeof word);
    return ntohl(word);
}

/// Passes packets whose word at `offset` is one of `words`.
error_code attach_filter(int socket, std::uint32_t offset,
                         const std::vector<std::uint32_t>& words) {
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)};
    if (words.size() > kMaxCompared) {
        program.clear();
    }
    for (std::size_t i = 0; !program.empty() && i < words.size(); ++i) {
        const auto to_accept = static_cast<std::uint8_t>(words.size() - i);
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, words[i], to_accept, 0));
    }
    if (!program.empty()) {
        program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffff));
    const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                            .filter = program.data()};
    if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == -1) {
        return last_error();
    }
    const int buffer = ConflictWatch::kReceiveBuffer;
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    return {};
}

/// Protocol 0 receives nothing until the filter is there and the socket is bound.
error_code open_arp(FileDescriptor& socket, const std::vector<std::uint32_t>& addresses) {
    constexpr std::uint32_t kSenderAddress = 14;
    socket.reset(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.is_open()) {
        return last_error();
    }
    if (const error_code error = attach_filter(socket.get(), kSenderAddress, addresses)) {
        return error;
    }
    sockaddr_ll local{};
    local.sll_family = AF_PACKET;
    local.sll_protocol = htons(ETH_P_ARP);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) == -1) {
        return last_error();
    }
    return {};
}

error_code open_ndp(FileDescriptor& socket, const std::vector<std::uint32_t>& addresses) {
    constexpr std::uint32_t kTargetEnd = 20;
    socket.reset(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6));
    if (!socket.is_open()) {
        return last_error();
    }
    icmp6_filter types{};
    ICMP6_FILTER_SETBLOCKALL(&types);
    ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &types);
    const int on = 1;
    const int fd = socket.get();
    if (::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &types, sizeof types) == -1 ||
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) == -1 ||
        ::setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == -1) {
        return last_error();
    }
    return attach_filter(fd, kTargetEnd, addresses);
}

/// What an IPv6 raw socket tells beside the message.
struct Ipv6Facts {
    unsigned interface_index = 0;
    int hop_limit = 0;
};

Ipv6Facts read_control(msghdr& header) {
    Ipv6Facts facts;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != IPPROTO_IPV6) {
            continue;
        }
        if (control->cmsg_type == IPV6_HOPLIMIT) {
            std::memcpy(&facts.hop_limit, CMSG_DATA(control), sizeof facts.hop_limit);
        } else if (control->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            facts.interface_index = info.ipi6_ifindex;
        }
    }
    return facts;
}

/// Any other error is told once and gone, such as that an interface went down.
bool more_to_read(int error) {
    return error != EAGAIN;
}

}  // namespace

error_code ConflictWatch::open(const std::set<IpAddress>& addresses, Callback callback) {
    std::vector<std::uint32_t> v4;
    std::vector<std::uint32_t> v6;
    for (const IpAddress& address : addresses) {
        (address.is_v4() ? v4 : v6).push_back(last_word(address));
    }
    FileDescriptor arp;
    FileDescriptor ndp;
    if (!v4.empty()) {
        if (const error_code error = open_arp(arp, v4)) {
            return error;
        }
    }
    if (!v6.empty()) {
        if (const error_code error = open_ndp(ndp, v6)) {
            return error;
        }
    }
    close();
    callback_ = std::move(callback);
    life_ = std::make_shared<int>();
    if (arp.is_open()) {
        arp_.assign(arp.release());
        wait(arp_, &ConflictWatch::read_arp);
    }
    if (ndp.is_open()) {
        ndp_.assign(ndp.release());
        wait(ndp_, &ConflictWatch::read_advertisement);
    }
    return {};
}

void ConflictWatch::close() {
    life_.reset();
    error_code ignored;
    arp_.close(ignored);
    ndp_.close(ignored);
}

void ConflictWatch::wait(boost::asio::posix::stream_descriptor& socket,
                         bool (ConflictWatch::*read_one)()) {
    socket.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this, &socket, read_one, life = std::weak_ptr{life_}](error_code error) {
                          if (error || life.expired()) {
                              return;
                          }
                          int taken = 0;
                          while (taken < kMaxPerTurn && !life.expired() && (this->*read_one)()) {
                              ++taken;
                          }
                          if (!life.expired()) {
                              wait(socket, read_one);
                          }
                      });
}

/// @return false: nothing more now.
bool ConflictWatch::read_arp() {
    std::array<std::uint8_t, 64> packet{};
    sockaddr_ll sender{};
    socklen_t size = sizeof sender;
    const ssize_t length = ::recvfrom(arp_.native_handle(), packet.data(), packet.size(), 0,
                                      reinterpret_cast<sockaddr*>(&sender), &size);
    if (length == -1) {
        return more_to_read(errno);
    }
    if (sender.sll_pkttype == PACKET_OUTGOING || sender.sll_pkttype == PACKET_LOOPBACK) {
        return true;
    }
    if (const auto claim = parse_arp(std::span{packet}.first(static_cast<std::size_t>(length)))) {
        callback_(static_cast<unsigned>(sender.sll_ifindex), *claim);
    }
    return true;
}

bool ConflictWatch::read_advertisement() {
    constexpr int kFromThisLink = 255;
    std::array<std::uint8_t, 256> message{};
    alignas(cmsghdr) std::array<std::byte, 128> control{};
    iovec vector{message.data(), message.size()};
    msghdr header{};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t length = ::recvmsg(ndp_.native_handle(), &header, 0);
    if (length == -1) {
        return more_to_read(errno);
    }
    const Ipv6Facts facts = read_control(header);
    if (facts.hop_limit != kFromThisLink || (header.msg_flags & MSG_TRUNC) != 0) {
        return true;
    }
    if (const auto claim =
            parse_advertisement(std::span{message}.first(static_cast<std::size_t>(length)))) {
        callback_(facts.interface_index, *claim);
    }
    return true;
}

}  // namespace tandem::netlink
