// The socket on a real link: what stands on the wire, what is heard and what is not.
#include "vrrp/advert_socket.hpp"

#include "tests/unit/vrrp/allocation_counter.hpp"
#include "tests/unit/vrrp/link_fixture.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::vrrp {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Status = AdvertSocket::ReceiveStatus;

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kIpv6Header = 40;

InstanceConfig make_config(Family family) {
    InstanceConfig config;
    config.version = Version::V3;
    config.family = family;
    config.virtual_router_id = 51;
    config.addresses = {
        boost::asio::ip::make_address(family == Family::Ipv4 ? "198.51.100.100" : "fe80::100")};
    return config;
}

/// Every VRRP frame that passes one interface.
class Capture {
  public:
    explicit Capture(unsigned interface_index)
        : fd_{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))} {
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(interface_index);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    ~Capture() { ::close(fd_); }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    /// Empty when there is none now.
    [[nodiscard]] Bytes next() const {
        while (true) {
            Bytes frame(4096);
            const ssize_t size = ::recv(fd_, frame.data(), frame.size(), 0);
            if (size == -1) {
                return {};
            }
            frame.resize(static_cast<std::size_t>(size));
            if (is_vrrp(frame)) {
                return frame;
            }
        }
    }

  private:
    static bool is_vrrp(const Bytes& frame) {
        if (frame.size() < kEthernetHeader + 20) {
            return false;
        }
        const bool ipv4 = frame[12] == 0x08 && frame[13] == 0x00;
        const bool ipv6 = frame[12] == 0x86 && frame[13] == 0xdd;
        return (ipv4 && frame[kEthernetHeader + 9] == kIpProtocol) ||
               (ipv6 && frame[kEthernetHeader + 6] == kIpProtocol);
    }

    int fd_;
};

/// Sends what AdvertSocket would not.
class PlainSocket {
  public:
    PlainSocket(Family family, const LinkEnd& end)
        : family_{family},
          index_{end.index},
          fd_{::socket(family == Family::Ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC,
                       kIpProtocol)} {
        EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, end.interface.c_str(),
                               static_cast<socklen_t>(end.interface.size())),
                  0);
    }
    ~PlainSocket() { ::close(fd_); }
    PlainSocket(const PlainSocket&) = delete;
    PlainSocket& operator=(const PlainSocket&) = delete;

    void set(int level, int name, int value) const {
        ASSERT_EQ(::setsockopt(fd_, level, name, &value, sizeof value), 0) << std::strerror(errno);
    }
    void set_time_to_live(int value) const {
        if (family_ == Family::Ipv4) {
            set(IPPROTO_IP, IP_MULTICAST_TTL, value);
            set(IPPROTO_IP, IP_TTL, value);
        } else {
            set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, value);
            set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, value);
        }
    }
    /// Two no-operations and the end of the list: a header of 24 bytes.
    void add_ip_options() const {
        const std::array<std::uint8_t, 4> options{1, 1, 1, 0};
        ASSERT_EQ(::setsockopt(fd_, IPPROTO_IP, IP_OPTIONS, options.data(), options.size()), 0);
    }
    void bind_to(const IpAddress& source) const {
        const auto [address, size] = socket_address(source);
        ASSERT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0)
            << std::strerror(errno);
    }
    void send(const Bytes& packet, const IpAddress& destination) const {
        const auto [address, size] = socket_address(destination);
        ASSERT_EQ(::sendto(fd_, packet.data(), packet.size(), 0,
                           reinterpret_cast<const sockaddr*>(&address), size),
                  static_cast<ssize_t>(packet.size()))
            << std::strerror(errno);
    }

  private:
    [[nodiscard]] std::pair<sockaddr_storage, socklen_t> socket_address(
        const IpAddress& address) const {
        sockaddr_storage storage{};
        if (address.is_v4()) {
            sockaddr_in ipv4{};
            ipv4.sin_family = AF_INET;
            ipv4.sin_addr.s_addr = htonl(address.to_v4().to_uint());
            std::memcpy(&storage, &ipv4, sizeof ipv4);
            return {storage, sizeof ipv4};
        }
        sockaddr_in6 ipv6{};
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_scope_id = index_;
        const auto bytes = address.to_v6().to_bytes();
        std::memcpy(&ipv6.sin6_addr, bytes.data(), bytes.size());
        std::memcpy(&storage, &ipv6, sizeof ipv6);
        return {storage, sizeof ipv6};
    }

    Family family_;
    unsigned index_;
    int fd_;
};

class AdvertSocketTest : public LinkFixture, public ::testing::WithParamInterface<Family> {
  protected:
    static bool ipv4() { return GetParam() == Family::Ipv4; }

    [[nodiscard]] AdvertSocket::Options multicast_options(const LinkEnd& end) const {
        return {.family = GetParam(),
                .interface = end.interface,
                .interface_index = end.index,
                .source = end.address(GetParam()),
                .multicast_group = multicast_group(GetParam()),
                .virtual_router_id = 51};
    }
    [[nodiscard]] AdvertSocket::Options unicast_options(const LinkEnd& end) const {
        AdvertSocket::Options options = multicast_options(end);
        options.multicast_group.reset();
        return options;
    }
    void open(AdvertSocket& socket, const LinkEnd& end, const AdvertSocket::Options& options) {
        inside(end, [&] {
            const auto error = socket.open(options);
            ASSERT_FALSE(error) << error.message();
        });
    }
    /// From the other end (a) to `destination`.
    [[nodiscard]] Bytes message(const IpAddress& destination) const {
        return encode(config_, 200, a_.address(GetParam()), destination);
    }
    /// @return whether a packet came within the bound.
    bool receive(AdvertSocket& socket, AdvertSocket::Received& received) {
        return wait_for([&] {
            received = socket.receive();
            return received.status != Status::WouldBlock;
        });
    }

    InstanceConfig config_ = make_config(GetParam());
    IpAddress group_ = multicast_group(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Families, AdvertSocketTest, ::testing::Values(Family::Ipv4, Family::Ipv6),
                         [](const auto& family) {
                             return family.param == Family::Ipv4 ? "Ipv4" : "Ipv6";
                         });

TEST_P(AdvertSocketTest, F01F02F04F07FrameOnTheWire) {
    std::optional<Capture> capture;
    inside(b_, [&] { capture.emplace(b_.index); });
    AdvertSocket socket{context_};
    open(socket, a_, multicast_options(a_));
    const Bytes packet = message(group_);
    ASSERT_FALSE(socket.send(packet, group_));
    Bytes frame;
    ASSERT_TRUE(wait_for([&] {
        frame = capture->next();
        return !frame.empty();
    }));
    const Bytes to(frame.begin(), frame.begin() + 6);
    const std::span<const std::uint8_t> ip = std::span{frame}.subspan(kEthernetHeader);
    if (ipv4()) {
        EXPECT_EQ(to, (Bytes{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}));
        EXPECT_EQ(ip[1], 0xc0);
        EXPECT_EQ(ip[9], 112);
        const auto datagram = split_ipv4(ip);
        ASSERT_TRUE(datagram);
        EXPECT_EQ(datagram->time_to_live, 255);
        EXPECT_EQ(datagram->source, a_.ipv4);
        EXPECT_EQ(datagram->destination, group_);
        EXPECT_TRUE(std::ranges::equal(datagram->packet, packet));
    } else {
        EXPECT_EQ(to, (Bytes{0x33, 0x33, 0x00, 0x00, 0x00, 0x12}));
        const unsigned first_two = ip[0] * 256U + ip[1];
        EXPECT_EQ(first_two >> 4U & 0xffU, 0xc0U);  // traffic class
        EXPECT_EQ(ip[6], 112);
        EXPECT_EQ(ip[7], 255);
        EXPECT_TRUE(std::ranges::equal(ip.subspan(8, 16), a_.ipv6.to_v6().to_bytes()));
        EXPECT_TRUE(std::ranges::equal(ip.subspan(24, 16), group_.to_v6().to_bytes()));
        EXPECT_TRUE(std::ranges::equal(ip.subspan(kIpv6Header), packet));
    }
}

TEST_P(AdvertSocketTest, F03NotHeardByItsOwnHost) {
    AdvertSocket sender{context_};
    AdvertSocket neighbour{context_};
    AdvertSocket same_host{context_};
    open(sender, a_, multicast_options(a_));
    open(neighbour, b_, multicast_options(b_));
    auto options = multicast_options(a_);
    options.source = ipv4() ? a_.other_ipv4 : IpAddress{boost::asio::ip::address_v6::loopback()};
    open(same_host, a_, options);
    ASSERT_FALSE(sender.send(message(group_), group_));
    AdvertSocket::Received received;
    ASSERT_TRUE(receive(neighbour, received));
    EXPECT_EQ(received.status, Status::Packet);
    EXPECT_EQ(same_host.receive().status, Status::WouldBlock);
}

TEST_P(AdvertSocketTest, V01TheTimeToLiveIsThatOfThePacket) {
    AdvertSocket socket{context_};
    open(socket, b_, multicast_options(b_));
    for (const int ttl : {255, 64, 1}) {
        inside(a_, [&] {
            const PlainSocket far{GetParam(), a_};
            far.set_time_to_live(ttl);
            far.bind_to(a_.address(GetParam()));
            far.send(message(group_), group_);
        });
        AdvertSocket::Received received;
        ASSERT_TRUE(receive(socket, received));
        ASSERT_EQ(received.status, Status::Packet);
        EXPECT_EQ(received.datagram.time_to_live, ttl);
        EXPECT_EQ(received.datagram.destination, group_);
        EXPECT_EQ(without_zone(received.datagram.source), a_.address(GetParam()));
        const auto result = decode(received.datagram, config_, b_.address(GetParam()));
        EXPECT_EQ(std::holds_alternative<Discard>(result), ttl != 255);
    }
}

TEST_P(AdvertSocketTest, UnicastTimeToLiveIsAnOptionAndMulticastStays255) {
    AdvertSocket socket{context_};
    AdvertSocket multicast_listener{context_};
    AdvertSocket unicast_listener{context_};
    auto options = multicast_options(a_);
    options.unicast_ttl = 42;
    open(socket, a_, options);
    open(unicast_listener, b_, unicast_options(b_));
    open(multicast_listener, b_, multicast_options(b_));
    const IpAddress peer = b_.address(GetParam());
    ASSERT_FALSE(socket.send(message(peer), peer));
    AdvertSocket::Received received;
    ASSERT_TRUE(receive(unicast_listener, received));
    EXPECT_EQ(received.datagram.time_to_live, 42);
    EXPECT_EQ(received.datagram.destination, peer);
    ASSERT_TRUE(receive(multicast_listener, received));
    ASSERT_FALSE(socket.send(message(group_), group_));
    ASSERT_TRUE(receive(multicast_listener, received));
    EXPECT_EQ(received.datagram.time_to_live, 255);
    EXPECT_EQ(received.datagram.destination, group_);
    // Groups that another socket of the host has joined are not heard (IP_MULTICAST_ALL).
    EXPECT_EQ(unicast_listener.receive().status, Status::WouldBlock);
}

TEST_P(AdvertSocketTest, AnotherGroupInsteadOfTheStandardOne) {
    const IpAddress group = boost::asio::ip::make_address(ipv4() ? "224.0.0.99" : "ff02::99");
    std::optional<Capture> capture;
    inside(b_, [&] { capture.emplace(b_.index); });
    AdvertSocket sender{context_};
    AdvertSocket listener{context_};
    AdvertSocket standard_listener{context_};
    open(sender, a_, multicast_options(a_));
    auto options = multicast_options(b_);
    options.multicast_group = group;
    open(listener, b_, options);
    open(standard_listener, b_, multicast_options(b_));
    ASSERT_FALSE(sender.send(message(group), group));
    AdvertSocket::Received received;
    ASSERT_TRUE(receive(listener, received));
    EXPECT_EQ(received.datagram.destination, group);
    EXPECT_EQ(standard_listener.receive().status, Status::WouldBlock);
    const Bytes frame = capture->next();
    ASSERT_GT(frame.size(), kEthernetHeader);
    EXPECT_EQ(frame[0], ipv4() ? 0x01 : 0x33);
    EXPECT_EQ(frame[5], ipv4() ? 0x63 : 0x99);
}

TEST_P(AdvertSocketTest, V06OtherVirtualRoutersAreDroppedInTheKernel) {
    AdvertSocket sender{context_};
    AdvertSocket listener{context_};
    AdvertSocket listener_to_all{context_};
    open(sender, a_, multicast_options(a_));
    open(listener, b_, multicast_options(b_));
    auto options = multicast_options(b_);
    options.virtual_router_id = 0;
    open(listener_to_all, b_, options);
    const Bytes ours = message(group_);
    Bytes other = ours;
    other[1] = 52;
    const Bytes too_short{0x31};
    for (const Bytes& packet : {other, too_short, ours}) {
        ASSERT_FALSE(sender.send(packet, group_));
    }
    for (const Bytes& packet : {other, too_short, ours}) {
        AdvertSocket::Received received;
        ASSERT_TRUE(receive(listener_to_all, received));
        EXPECT_TRUE(std::ranges::equal(received.datagram.packet, packet));
    }
    for (const Bytes& packet : {too_short, ours}) {
        AdvertSocket::Received received;
        ASSERT_TRUE(receive(listener, received));
        EXPECT_TRUE(std::ranges::equal(received.datagram.packet, packet));
    }
    EXPECT_EQ(listener.receive().status, Status::WouldBlock);
}

TEST_P(AdvertSocketTest, V13OwnPacketsAreDroppedInTheKernel) {
    // The other end takes our address, as a looping switch would.
    inside(b_, [&] {
        run_command("ip addr add " + a_.address(GetParam()).to_string() +
                    (ipv4() ? "/32" : "/128 nodad") + " dev vb");
    });
    inside(a_, [&] {
        if (ipv4()) {
            run_command("echo 1 > /proc/sys/net/ipv4/conf/va/accept_local");
        }
    });
    AdvertSocket listener{context_};
    AdvertSocket other_source{context_};
    open(listener, a_, multicast_options(a_));
    auto options = multicast_options(a_);
    options.source = ipv4() ? a_.other_ipv4 : IpAddress{boost::asio::ip::make_address("fe80::77")};
    open(other_source, a_, options);
    AdvertSocket sender{context_};
    auto spoofing = multicast_options(b_);
    spoofing.source = a_.address(GetParam());
    open(sender, b_, spoofing);
    ASSERT_FALSE(sender.send(message(group_), group_));
    AdvertSocket::Received received;
    ASSERT_TRUE(receive(other_source, received));
    EXPECT_EQ(without_zone(received.datagram.source), a_.address(GetParam()));
    EXPECT_EQ(listener.receive().status, Status::WouldBlock);
}

TEST_P(AdvertSocketTest, AddressesThatDifferFromOursInOneWordOnlyAreHeard) {
    AdvertSocket listener{context_};
    open(listener, b_, multicast_options(b_));
    const std::vector<const char*> sources =
        ipv4() ? std::vector{"198.51.100.13", "198.51.99.12", "199.51.100.12"}
               : std::vector{"fe80::13", "fe80::1:0:12", "fe80::1:0:0:12", "fe80:0:1::12"};
    for (const char* text : sources) {
        const IpAddress source = boost::asio::ip::make_address(text);
        inside(a_, [&] {
            run_command("ip addr add " + std::string{text} + (ipv4() ? "/24" : "/128 nodad") +
                        " dev va");
            run_command("echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter");
        });
        inside(b_, [&] {
            run_command(
                "echo 0 | tee /proc/sys/net/ipv4/conf/all/rp_filter "
                "/proc/sys/net/ipv4/conf/vb/rp_filter > /dev/null");
            if (ipv4()) {
                run_command("ip route replace " + std::string{text} + "/32 dev vb");
            }
        });
        AdvertSocket sender{context_};
        auto options = multicast_options(a_);
        options.source = source;
        open(sender, a_, options);
        ASSERT_FALSE(sender.send(message(group_), group_)) << text;
        AdvertSocket::Received received;
        ASSERT_TRUE(receive(listener, received)) << text;
        EXPECT_EQ(without_zone(received.datagram.source), source);
    }
}

TEST_P(AdvertSocketTest, LongestPacketArrivesWhole) {
    AdvertSocket sender{context_};
    AdvertSocket listener{context_};
    open(sender, a_, multicast_options(a_));
    open(listener, b_, multicast_options(b_));
    // Longer than the link's MTU for IPv6: it is fragmented.
    config_.addresses.assign(255, config_.addresses.front());
    Bytes packet = message(group_);
    packet.resize(packet.size() + kTrailerSize, 0x77);
    ASSERT_FALSE(sender.send(packet, group_));
    AdvertSocket::Received received;
    ASSERT_TRUE(receive(listener, received));
    ASSERT_EQ(received.status, Status::Packet);
    EXPECT_TRUE(std::ranges::equal(received.datagram.packet, packet));

    packet.resize(kMaxPacketSize + kMaxIpv4HeaderSize + 1, 0x77);
    ASSERT_FALSE(sender.send(packet, group_));
    ASSERT_TRUE(receive(listener, received));
    EXPECT_EQ(received.status, Status::Malformed);
}

TEST_P(AdvertSocketTest, FloodIsBoundedAndCounted) {
    AdvertSocket sender{context_};
    AdvertSocket listener{context_};
    open(sender, a_, multicast_options(a_));
    open(listener, b_, multicast_options(b_));
    const Bytes ours = message(group_);
    Bytes other = ours;
    other[1] = 52;
    constexpr std::uint32_t kPackets = 2000;
    for (std::uint32_t i = 0; i < kPackets; ++i) {
        ASSERT_FALSE(sender.send(other, group_));
    }
    for (std::uint32_t i = 0; i < kPackets; ++i) {
        ASSERT_FALSE(sender.send(ours, group_));
    }
    std::uint32_t heard = 0;
    EXPECT_TRUE(wait_for([&] {
        while (heard + listener.overflow_drops() < kPackets &&
               listener.receive().status == Status::Packet) {
            ++heard;
        }
        return heard + listener.overflow_drops() >= kPackets;
    }));
    EXPECT_EQ(heard + listener.overflow_drops(), kPackets);
    EXPECT_GT(listener.overflow_drops(), 0U);
    EXPECT_GT(heard, 10U);
}

TEST_P(AdvertSocketTest, RefusesWhatDoesNotFitItsFamily) {
    AdvertSocket socket{context_};
    auto options = multicast_options(a_);
    const Family other = ipv4() ? Family::Ipv6 : Family::Ipv4;
    options.multicast_group = multicast_group(other);
    EXPECT_EQ(socket.open(options), boost::asio::error::address_family_not_supported);
    options = multicast_options(a_);
    options.source = a_.address(other);
    EXPECT_EQ(socket.open(options), boost::asio::error::address_family_not_supported);
    EXPECT_FALSE(socket.is_open());
    EXPECT_EQ(socket.send(message(group_), group_), boost::asio::error::bad_descriptor);
    EXPECT_EQ(socket.receive().status, Status::WouldBlock);
    EXPECT_EQ(socket.overflow_drops(), 0U);
    open(socket, a_, multicast_options(a_));
    EXPECT_EQ(socket.send(message(group_), multicast_group(other)),
              boost::asio::error::address_family_not_supported);
}

// Between the timer and the wire stands no allocator.
TEST_P(AdvertSocketTest, HotPathAllocatesNothing) {
    AdvertSocket sender{context_};
    AdvertSocket listener{context_};
    open(sender, a_, multicast_options(a_));
    open(listener, b_, multicast_options(b_));
    auto buffer = std::make_unique<PacketBuffer>();
    const auto source = a_.address(GetParam());
    const auto own = b_.address(GetParam());
    AdvertSocket::Received received;
    int accepted = 0;
    const std::size_t before = allocations();
    for (int i = 0; i < 10; ++i) {
        const auto packet = encode_into(*buffer, config_, 200, source);
        set_checksum(packet, config_, source, group_);
        const auto error = sender.send(packet, group_);
        do {
            received = listener.receive();
        } while (!error && received.status == Status::WouldBlock);
        const auto result = decode(received.datagram, config_, own);
        accepted += std::holds_alternative<DecodedAdvertisement>(result) ? 1 : 0;
    }
    EXPECT_EQ(allocations(), before);
    EXPECT_EQ(accepted, 10);
}

class AdvertSocketIpv4Test : public AdvertSocketTest {};
INSTANTIATE_TEST_SUITE_P(Family, AdvertSocketIpv4Test, ::testing::Values(Family::Ipv4));

TEST_P(AdvertSocketIpv4Test, V14HeaderWithOptions) {
    AdvertSocket socket{context_};
    open(socket, b_, multicast_options(b_));
    Bytes other = message(group_);
    other[1] = 52;
    inside(a_, [&] {
        const PlainSocket plain{Family::Ipv4, a_};
        plain.set_time_to_live(255);
        plain.add_ip_options();
        plain.send(other, group_);
        plain.send(message(group_), group_);
    });
    AdvertSocket::Received received;
    ASSERT_TRUE(receive(socket, received));
    ASSERT_EQ(received.status, Status::Packet);
    EXPECT_TRUE(std::ranges::equal(received.datagram.packet, message(group_)));
    EXPECT_EQ(socket.receive().status, Status::WouldBlock);
}

}  // namespace
}  // namespace tandem::vrrp
