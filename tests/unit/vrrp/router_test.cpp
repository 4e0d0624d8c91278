// Routers on real sockets: two namespaces, a veth pair, and fake addresses.
#include "vrrp/router.hpp"

#include "tests/unit/vrrp/link_fixture.hpp"
#include "vrrp/advert_socket.hpp"
#include "vrrp/release_sender.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Mode {
    const char* name;
    Version version;
    Family family;
    bool unicast;
    ChecksumForm checksum_form;
};

class RouterTest : public LinkFixture {
  protected:
    InstanceConfig make_config(const LinkEnd& end, std::uint8_t priority) {
        InstanceConfig config;
        config.name = "VI_" + end.interface;
        config.interface = end.interface;
        config.version = mode_.version;
        config.family = mode_.family;
        config.virtual_router_id = 51;
        config.priority = priority;
        config.checksum_form = mode_.checksum_form;
        config.advertisement_interval = interval_;
        config.addresses = {boost::asio::ip::make_address(
            mode_.family == Family::Ipv4 ? "198.51.100.100" : "fe80::100")};
        if (mode_.unicast) {
            config.unicast_peers = {{.address = (&end == &a_ ? b_ : a_).address(mode_.family)}};
        }
        return config;
    }

    std::unique_ptr<Router> make_router(const LinkEnd& end, std::uint8_t priority,
                                        FakeEnvironment& environment) {
        return std::make_unique<Router>(context_, make_config(end, priority), environment);
    }

    void make_usable(Router& router, const LinkEnd& end) {
        inside(end, [&] { router.interface_usable(end.index, end.address(mode_.family)); });
    }

    std::unique_ptr<Router> start_router(const LinkEnd& end, std::uint8_t priority,
                                         FakeEnvironment& environment) {
        auto router = make_router(end, priority, environment);
        make_usable(*router, end);
        router->start();
        return router;
    }

    bool wait_for_state(const Router& router, State state) {
        return wait_for([&] { return router.elector().state() == state; });
    }

    Mode mode_{"", Version::V3, Family::Ipv4, false, ChecksumForm::PseudoHeader};
    Duration interval_ = 20ms;
    FakeEnvironment environment_a_;
    FakeEnvironment environment_b_;
};

class RouterPairTest : public RouterTest, public ::testing::WithParamInterface<Mode> {
  protected:
    void SetUp() override {
        mode_ = GetParam();
        // Version 2 has no less than a second. The test never waits for an active down interval.
        interval_ = mode_.version == Version::V2 ? Duration{1s} : 100ms;
        RouterTest::SetUp();
    }
};

INSTANTIATE_TEST_SUITE_P(
    Modes, RouterPairTest,
    ::testing::Values(
        Mode{"V2", Version::V2, Family::Ipv4, false, ChecksumForm::PseudoHeader},
        Mode{"V3", Version::V3, Family::Ipv4, false, ChecksumForm::PseudoHeader},
        Mode{"V3MessageOnly", Version::V3, Family::Ipv4, false, ChecksumForm::MessageOnly},
        Mode{"V3Ipv6", Version::V3, Family::Ipv6, false, ChecksumForm::PseudoHeader},
        Mode{"V3Unicast", Version::V3, Family::Ipv4, true, ChecksumForm::PseudoHeader},
        Mode{"V3Ipv6Unicast", Version::V3, Family::Ipv6, true, ChecksumForm::PseudoHeader}),
    [](const auto& mode) { return std::string{mode.param.name}; });

// A router that is gone without a word; somebody else says its priority 0 afterwards.
TEST_P(RouterPairTest, SomebodyElseSaysPriorityZeroForADeadRouter) {
    ReleaseSender sender;
    inside(a_, [&] { ASSERT_FALSE(sender.open()); });
    auto b = start_router(b_, 254, environment_b_);
    auto a = start_router(a_, 255, environment_a_);
    ASSERT_TRUE(wait_for_state(*a, State::Active));
    ASSERT_TRUE(wait_for([&] { return !environment_b_.adverts.empty(); }));
    const auto release = a->release_advertisements();
    ASSERT_EQ(release.size(), 1U);
    a.reset();
    ASSERT_FALSE(sender.send(release.front()));
    ASSERT_TRUE(wait_for_state(*b, State::Active));
    EXPECT_EQ(environment_b_.adverts.back().priority, 0);
    EXPECT_EQ(environment_b_.adverts.back().source, a_.address(mode_.family));
    EXPECT_EQ(b->counters().discarded, 0U);
    EXPECT_THAT(environment_b_.log, Contains("active peer-released"));
}

TEST_F(RouterTest, RouterWithoutAnInterfaceHasNoPriorityZeroToSay) {
    EXPECT_THAT(make_router(a_, 200, environment_a_)->release_advertisements(), IsEmpty());
}

// One life of a pair: elect, hand over on stop, take back by priority. Priorities 255 and 254 keep
// the waits of version 2 short.
TEST_P(RouterPairTest, ElectsOneHandsOverAndPreempts) {
    auto b = start_router(b_, 254, environment_b_);
    auto a = start_router(a_, 255, environment_a_);
    ASSERT_TRUE(wait_for_state(*a, State::Active));
    ASSERT_TRUE(wait_for([&] { return !environment_b_.adverts.empty(); }));
    EXPECT_EQ(b->elector().state(), State::Backup);
    EXPECT_EQ(environment_b_.adverts.front().source, a_.address(mode_.family));
    EXPECT_EQ(environment_b_.adverts.front().priority, 255);
    EXPECT_THAT(environment_a_.log, ElementsAre("active address-owner", "acquire"));

    bool stopped = false;
    a->shutdown([&] { stopped = true; });
    ASSERT_TRUE(wait_for_state(*b, State::Active));
    EXPECT_TRUE(stopped);
    EXPECT_EQ(a->counters().priority_zero_sent, 1U);
    EXPECT_EQ(b->counters().priority_zero_received, 1U);
    EXPECT_THAT(environment_b_.log,
                ElementsAre("backup startup", "active peer-released", "acquire"));

    environment_a_.log.clear();
    a->start();
    ASSERT_TRUE(wait_for_state(*b, State::Backup));
    EXPECT_EQ(a->elector().state(), State::Active);
    EXPECT_THAT(environment_b_.log, ElementsAre("backup startup", "active peer-released", "acquire",
                                                "backup higher-priority", "release"));
    EXPECT_EQ(b->counters().discarded, 0U);
    EXPECT_EQ(b->counters().address_list_mismatches, 0U);
    EXPECT_EQ(b->counters().checksum_form_mismatches, 0U);
    EXPECT_THAT(environment_a_.errors, IsEmpty());
    EXPECT_THAT(environment_b_.errors, IsEmpty());
}

TEST_F(RouterTest, SilenceOfTheActiveNodeIsNoticed) {
    auto a = start_router(a_, 200, environment_a_);
    auto b = start_router(b_, 100, environment_b_);
    ASSERT_TRUE(wait_for_state(*a, State::Active));
    ASSERT_TRUE(wait_for([&] { return b->counters().adverts_received >= 3; }));
    EXPECT_EQ(b->elector().state(), State::Backup);
    const auto died = std::chrono::steady_clock::now();
    a.reset();
    ASSERT_TRUE(wait_for_state(*b, State::Active));
    // Not before two intervals: the last advertisement may be one interval old.
    EXPECT_GT(std::chrono::steady_clock::now() - died, 40ms);
    EXPECT_THAT(environment_b_.log, Contains("active active-down"));
    EXPECT_EQ(b->counters().priority_zero_received, 0U);
}

// The tie exists only between active nodes; two address owners are both active at once.
TEST_F(RouterTest, S11EqualPriorityIsDecidedByTheHigherAddress) {
    auto a = start_router(a_, 255, environment_a_);
    auto b = start_router(b_, 255, environment_b_);
    ASSERT_TRUE(wait_for_state(*a, State::Backup));
    EXPECT_EQ(b->elector().state(), State::Active);
    EXPECT_THAT(environment_a_.log, Contains("backup higher-address"));
}

TEST_F(RouterTest, UnusableInterfaceIsAFaultUntilItComesBack) {
    auto a = make_router(a_, 255, environment_a_);
    a->start();
    EXPECT_EQ(a->elector().state(), State::Fault);
    make_usable(*a, a_);
    EXPECT_EQ(a->elector().state(), State::Active);
    EXPECT_EQ(a->counters().adverts_sent, 1U);

    a->interface_unusable();
    EXPECT_EQ(a->elector().state(), State::Fault);
    a->interface_unusable();  // repeating it changes nothing
    make_usable(*a, a_);
    EXPECT_EQ(a->elector().state(), State::Active);
    EXPECT_THAT(environment_a_.log,
                ElementsAre("fault fault", "active fault-cleared", "acquire", "fault fault",
                            "release", "active fault-cleared", "acquire"));
}

TEST_F(RouterTest, X17PriorityZeroIsSaidWhenTheAddressesAreOffAlsoWithoutASourceAddress) {
    auto a = start_router(a_, 255, environment_a_);
    environment_a_.hold_releases = true;
    a->interface_unusable();
    const auto sent = a->counters().adverts_sent;
    ASSERT_EQ(environment_a_.held_releases.size(), 1U);
    inside(a_, [&] {
        run_command("ip addr del " + a_.ipv4.to_string() + "/24 dev " + a_.interface);
        run_command("ip addr flush dev " + a_.interface);
    });
    environment_a_.held_releases.front()();
    EXPECT_EQ(a->counters().adverts_sent, sent + 1);
    EXPECT_EQ(a->counters().priority_zero_sent, 1U);
    EXPECT_EQ(a->counters().adverts_failed, 0U);
}

TEST_F(RouterTest, SocketThatCannotBeOpenedIsAReportedFault) {
    InstanceConfig config = make_config(a_, 255);
    config.interface = "nosuch";
    Router router{context_, config, environment_a_};
    inside(a_, [&] { router.interface_usable(a_.index, a_.ipv4); });
    router.start();
    EXPECT_EQ(router.elector().state(), State::Fault);
    EXPECT_THAT(environment_a_.errors,
                ElementsAre(HasSubstr("opening the advertisement socket on nosuch")));
}

TEST_F(RouterTest, LinkDownIsASendErrorReportedOnce) {
    auto a = start_router(a_, 255, environment_a_);
    inside(a_, [] { run_command("ip link set va down"); });
    ASSERT_TRUE(wait_for([&] { return a->counters().adverts_failed >= 3; }));
    EXPECT_THAT(environment_a_.errors, ElementsAre(HasSubstr("sending an advertisement on va")));
}

TEST_F(RouterTest, GracefulGiveUpSaysPriorityZeroAfterTheRelease) {
    auto b = start_router(b_, 100, environment_b_);
    auto a = start_router(a_, 255, environment_a_);
    ASSERT_TRUE(wait_for([&] { return b->counters().adverts_received > 0; }));
    environment_a_.hold_releases = true;
    bool stopped = false;
    a->shutdown([&] { stopped = true; });
    // It goes on advertising until the addresses are off.
    const auto received = b->counters().adverts_received;
    ASSERT_TRUE(wait_for([&] { return b->counters().adverts_received >= received + 3; }));
    EXPECT_EQ(b->counters().priority_zero_received, 0U);
    EXPECT_FALSE(stopped);
    environment_a_.held_releases.front()();
    EXPECT_TRUE(stopped);
    EXPECT_TRUE(wait_for([&] { return b->counters().priority_zero_received == 1; }));
}

TEST_F(RouterTest, ShutdownBeforeStartIsDoneAtOnce) {
    auto a = make_router(a_, 100, environment_a_);
    bool stopped = false;
    a->shutdown([&] { stopped = true; });
    EXPECT_TRUE(stopped);
}

TEST_F(RouterTest, EventsRaisedInsideACallbackWaitForTheirTurn) {
    auto a = make_router(a_, 255, environment_a_);
    make_usable(*a, a_);
    environment_a_.transition_hook = [&](const StateChanged& change) {
        if (change.to == State::Active) {
            a->failover(std::nullopt);
        }
    };
    a->start();
    // The acquisition that belongs to the startup comes before the release of the failover.
    EXPECT_THAT(environment_a_.log,
                ElementsAre("active address-owner", "acquire", "release", "backup failover"));
    EXPECT_TRUE(a->elector().holding());
}

TEST_F(RouterTest, RouterMayBeDestroyedInsideItsCallbacks) {
    environment_a_.hold_releases = true;
    std::unique_ptr<Router> a = start_router(a_, 255, environment_a_);
    environment_a_.transition_hook = [&](const StateChanged& change) {
        if (change.to == State::Fault) {
            a.reset();
        }
    };
    a->interface_unusable();
    EXPECT_EQ(a, nullptr);
    EXPECT_THAT(environment_a_.log, Not(Contains("release")));

    // Also between a release and its end.
    environment_a_.transition_hook = nullptr;
    a = start_router(a_, 255, environment_a_);
    a->failover(std::nullopt);
    ASSERT_EQ(environment_a_.held_releases.size(), 1U);
    a.reset();
    environment_a_.held_releases.front()();
    run_for(50ms);
}

TEST_F(RouterTest, WaitingAdvertisementsAreReadBeforeTheDeadlineIsActedOn) {
    auto b = start_router(b_, 100, environment_b_);
    ASSERT_EQ(b->elector().state(), State::Backup);
    // Deliver an advertisement while nothing runs, and let the deadline pass.
    AdvertSocket peer{context_};
    const InstanceConfig config = make_config(a_, 200);
    inside(a_, [&] {
        ASSERT_FALSE(peer.open({.family = Family::Ipv4,
                                .interface = "va",
                                .interface_index = a_.index,
                                .source = a_.ipv4,
                                .multicast_group = multicast_group(Family::Ipv4)}));
    });
    const auto group = multicast_group(Family::Ipv4);
    ASSERT_FALSE(peer.send(encode(config, 200, a_.ipv4, group), group));
    const auto deadline = b->elector().next_deadline();
    ASSERT_TRUE(deadline);
    while (std::chrono::steady_clock::now() < *deadline) {
    }
    ASSERT_TRUE(wait_for([&] { return !environment_b_.adverts.empty(); }));
    EXPECT_EQ(b->elector().state(), State::Backup);
    EXPECT_GT(*b->elector().next_deadline(), *deadline + 20ms);
}

TEST_F(RouterTest, PeerWithTheOtherChecksumFormOrAddressesIsHeardAndCounted) {
    auto b = start_router(b_, 100, environment_b_);
    mode_.checksum_form = ChecksumForm::MessageOnly;
    InstanceConfig config = make_config(a_, 255);
    config.addresses.push_back(boost::asio::ip::make_address("198.51.100.200"));
    Router a{context_, config, environment_a_};
    make_usable(a, a_);
    a.start();
    ASSERT_TRUE(wait_for([&] { return b->counters().adverts_received >= 2; }));
    EXPECT_EQ(b->elector().state(), State::Backup);
    EXPECT_EQ(b->counters().checksum_form_mismatches, b->counters().adverts_received);
    EXPECT_EQ(b->counters().address_list_mismatches, b->counters().adverts_received);
    EXPECT_EQ(b->counters().discarded, 0U);
}

// Another cluster with the same virtual router id: giving way would leave our address to nobody.
TEST_F(RouterTest, X10AdvertisementOfOtherAddressesAloneIsNotHeeded) {
    auto b = start_router(b_, 254, environment_b_);
    ASSERT_TRUE(wait_for_state(*b, State::Active));
    mode_.checksum_form = ChecksumForm::MessageOnly;
    InstanceConfig config = make_config(a_, 255);
    config.addresses = {boost::asio::ip::make_address("198.51.100.200")};
    Router a{context_, config, environment_a_};
    make_usable(a, a_);
    a.start();
    ASSERT_TRUE(wait_for([&] { return b->counters().discarded >= 2; }));
    EXPECT_EQ(b->elector().state(), State::Active);
    EXPECT_EQ(b->counters().adverts_received, 0U);
    EXPECT_THAT(environment_b_.concerns, Each(HasSubstr("address-list")))
        << "what else differs decides nothing";
    EXPECT_THAT(environment_b_.concerns, Not(IsEmpty()));
}

// A node that nobody hears must not keep the addresses: its peer takes them.
TEST_F(RouterTest, SourceAddressDeletedEndsActive) {
    auto a = start_router(a_, 255, environment_a_);
    ASSERT_TRUE(wait_for([&] { return a->counters().adverts_sent >= 2; }));
    inside(a_, [&] {
        run_command("ip addr del " + a_.ipv4.to_string() + "/24 dev " + a_.interface);
        run_command("ip addr flush dev " + a_.interface);
    });
    ASSERT_TRUE(wait_for_state(*a, State::Fault));
    EXPECT_THAT(environment_a_.log,
                ElementsAre("active address-owner", "acquire", "fault send-failed", "release"));
    EXPECT_THAT(environment_a_.errors, Not(IsEmpty()));
    inside(a_, [&] {
        run_command("ip addr add " + a_.ipv4.to_string() + "/24 dev " + a_.interface);
        // The new socket is opened in the namespace of this thread.
        ASSERT_TRUE(wait_for([&] { return environment_a_.log.size() >= 5; }));
    });
    EXPECT_EQ(environment_a_.log[4], "backup fault-cleared") << "not active at once";
    ASSERT_TRUE(wait_for_state(*a, State::Active)) << "alone, it claims";
}

TEST_F(RouterTest, FirewallAgainstAdvertisementsEndsActiveAndThePeerKeepsTheAddresses) {
    auto b = start_router(b_, 254, environment_b_);
    auto a = start_router(a_, 255, environment_a_);
    ASSERT_TRUE(wait_for([&] { return b->counters().adverts_received >= 2; }));
    inside(a_, [] {
        run_command(
            "nft 'table ip t { chain o { type filter hook output priority 0; "
            "ip protocol 112 drop; }; }'");
    });
    ASSERT_TRUE(wait_for_state(*a, State::Fault));
    ASSERT_TRUE(wait_for_state(*b, State::Active));
    environment_b_.log.clear();
    // Longer than the pause before another try: the peer is heard and not disturbed.
    inside(a_, [&] { ASSERT_TRUE(wait_for_state(*a, State::Backup)); });
    const auto sent = b->counters().adverts_sent;
    ASSERT_TRUE(wait_for([&] { return b->counters().adverts_sent >= sent + 10; }));
    EXPECT_EQ(a->elector().state(), State::Backup);
    EXPECT_THAT(environment_b_.log, IsEmpty());
}

/// A plain raw socket on one end, to send what AdvertSocket would not and to see the IP header.
class RawSocket {
  public:
    explicit RawSocket(int ttl)
        : fd_{::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kIpProtocol)} {
        EXPECT_NE(fd_, -1);
        EXPECT_EQ(::setsockopt(fd_, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl), 0);
    }
    ~RawSocket() { ::close(fd_); }
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;

    void join(unsigned index) const {
        ip_mreqn group{};
        group.imr_multiaddr.s_addr = htonl(0xe0000012);
        group.imr_ifindex = static_cast<int>(index);
        ASSERT_EQ(::setsockopt(fd_, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
        ASSERT_EQ(::setsockopt(fd_, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group), 0);
    }
    void send(const std::vector<std::uint8_t>& message) const {
        sockaddr_in group{};
        group.sin_family = AF_INET;
        group.sin_addr.s_addr = htonl(0xe0000012);
        ASSERT_EQ(::sendto(fd_, message.data(), message.size(), 0,
                           reinterpret_cast<const sockaddr*>(&group), sizeof group),
                  static_cast<ssize_t>(message.size()));
    }
    /// Empty when there is nothing.
    [[nodiscard]] std::vector<std::uint8_t> receive() const {
        std::vector<std::uint8_t> packet(2048);
        const ssize_t size = ::recv(fd_, packet.data(), packet.size(), 0);
        packet.resize(size == -1 ? 0 : static_cast<std::size_t>(size));
        return packet;
    }

  private:
    int fd_;
};

TEST_F(RouterTest, F01F07HeaderFieldsOnTheWire) {
    std::optional<RawSocket> listener;
    inside(b_, [&] {
        listener.emplace(255);
        listener->join(b_.index);
    });
    // The source is the one given, not the interface's first.
    auto a = make_router(a_, 255, environment_a_);
    inside(a_, [&] { a->interface_usable(a_.index, a_.other_ipv4); });
    a->start();
    std::vector<std::uint8_t> packet;
    ASSERT_TRUE(wait_for([&] {
        packet = listener->receive();
        return !packet.empty();
    }));
    ASSERT_GE(packet.size(), 32U);
    EXPECT_EQ(packet[0], 0x45);
    EXPECT_EQ(packet[1], 0xc0);
    const auto datagram = split_ipv4(packet);
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->time_to_live, 255);
    EXPECT_EQ(datagram->source, a_.other_ipv4);
    EXPECT_EQ(datagram->destination, multicast_group(Family::Ipv4));
    EXPECT_TRUE(std::ranges::equal(datagram->packet,
                                   encode(a->config(), 255, a_.other_ipv4, datagram->destination)));
}

TEST_F(RouterTest, DiscardsAreReportedWithReasonAndSource) {
    auto b = start_router(b_, 100, environment_b_);
    const InstanceConfig config = make_config(a_, 200);
    const auto group = multicast_group(Family::Ipv4);
    const auto good = encode(config, 200, a_.ipv4, group);
    auto corrupt = good;
    corrupt[2] ^= 1;
    auto other_router = config;
    other_router.virtual_router_id = 52;
    inside(a_, [&] {
        const RawSocket far{64};
        far.join(a_.index);
        far.send(good);
        const RawSocket near{255};
        near.join(a_.index);
        near.send(corrupt);
        near.send({0x31});
        near.send(encode(other_router, 200, a_.ipv4, group));
        near.send(good);
    });
    ASSERT_TRUE(wait_for([&] { return !environment_b_.adverts.empty(); }));
    EXPECT_THAT(environment_b_.concerns,
                ElementsAre("ip-ttl-error 198.51.100.11", "checksum-error 198.51.100.11",
                            "packet-length-error 198.51.100.11"));
    EXPECT_EQ(b->counters().discarded, 3U);
    EXPECT_EQ(b->counters().adverts_received, 1U);
}

TEST_F(RouterTest, FloodDoesNotStopAdvertisements) {
    interval_ = 100ms;
    auto b = start_router(b_, 255, environment_b_);
    std::optional<RawSocket> flood;
    inside(a_, [&] {
        flood.emplace(255);
        flood->join(a_.index);
    });
    const std::vector<std::uint8_t> junk(40, 51);
    bool flooding = true;
    std::function<void()> send_some = [&] {
        for (int i = 0; i < 100; ++i) {
            flood->send(junk);
        }
        if (flooding) {
            boost::asio::post(context_, send_some);
        }
    };
    boost::asio::post(context_, send_some);
    const auto sent = b->counters().adverts_sent;
    EXPECT_TRUE(wait_for([&] { return b->counters().adverts_sent >= sent + 4; }));
    flooding = false;
    run_for(10ms);
    EXPECT_GT(b->counters().discarded, 100U);
    // Every packet is counted, and one a second is reported.
    EXPECT_LE(environment_b_.concerns.size(), 5U);
    EXPECT_GE(environment_b_.concerns.size(), 1U);
}

}  // namespace
}  // namespace tandem::vrrp
