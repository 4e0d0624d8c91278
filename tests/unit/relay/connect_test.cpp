// Reaching an upstream: failures, the next one, local shortages, addresses.
#include "tests/unit/relay/support.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using testing::Test;

TEST(Connect, RefusedGoesToTheNext) {
    Upstream good;
    Relay relay{Relay::service_to({refusing_endpoint(), good.endpoint()})};
    for (int round = 0; round < 4; ++round) {
        Stream client = relay.connect();
        ASSERT_TRUE(client.send("hello"));
        Stream server = good.accept();
        EXPECT_EQ(server.receive(5), "hello");
    }
    const ServiceStatus status = relay.status();
    EXPECT_GE(status.upstreams[0].connect_failures, 1U);
    EXPECT_EQ(status.upstreams[0].last_error, "Connection refused");
    EXPECT_EQ(status.upstreams[1].connected, 4U);
    EXPECT_EQ(status.counters.no_upstream, 0U);
}

TEST(Connect, T9_BlackholeTimesOutAndTheNextIsTried) {
    Blackhole blackhole;
    Upstream good;
    auto service = Relay::service_to({blackhole.endpoint(), good.endpoint()});
    service.connect_timeout = std::chrono::milliseconds{100};
    Relay relay{service};
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("hello"));
    client.finish();
    Stream server = good.accept();
    EXPECT_EQ(server.receive_all(), "hello");
    EXPECT_EQ(server.ending(), Ending::Fin);
    EXPECT_EQ(relay.status().upstreams[0].last_error, "timed out after 100 ms");
    ASSERT_TRUE(server.send("answer"));
    EXPECT_EQ(client.receive(6), "answer");
}

TEST(Connect, NobodyLeftResetsTheClientAndSaysSo) {
    Relay relay{Relay::service_to({refusing_endpoint(), refusing_endpoint()})};
    for (int round = 0; round < 3; ++round) {
        Stream client = relay.connect();
        EXPECT_EQ(client.receive_all(), "");
        EXPECT_EQ(client.ending(), Ending::Reset);
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().no_upstream == 3; }));
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 3U);
    EXPECT_EQ(relay.status().upstreams[1].connect_failures, 3U);
    const auto notices = relay.notices();
    ASSERT_EQ(notices.size(), 1U) << "at most one a second";
    EXPECT_EQ(notices[0], "no upstream service: upstream1: Connection refused");
    EXPECT_EQ(relay.counters().active, 0U);
}

TEST(Connect, AllDownIsRefusedWithoutAnAttempt) {
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()})};
    relay.engine().set_upstream_up("service", "upstream0", false);
    EXPECT_FALSE(relay.status().upstreams[0].up);
    // The worker learns it by message.
    ASSERT_TRUE(eventually([&] {
        Stream client = relay.connect();
        client.finish();
        static_cast<void>(upstream.accept(std::chrono::milliseconds{0}));
        client.receive_all();
        return relay.counters().no_upstream > 0;
    }));
    const auto connected = relay.status().upstreams[0].connected;
    Stream refused = relay.connect();
    EXPECT_EQ(refused.receive_all(), "");
    EXPECT_EQ(refused.ending(), Ending::Reset);
    EXPECT_EQ(relay.status().upstreams[0].connected, connected);
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U);
    relay.engine().set_upstream_up("service", "upstream0", true);
    EXPECT_TRUE(eventually([&] {
        const Stream client = relay.connect();
        return upstream.accept(std::chrono::milliseconds{20}).is_open();
    }));
}

TEST(Connect, WeightsAreKept) {
    Upstream first;
    Upstream second;
    auto service = Relay::service_to({first.endpoint(), second.endpoint()});
    service.algorithm = Algorithm::WeightedRoundRobin;
    service.upstreams[0].weight = 3;
    Relay relay{service};
    std::vector<Stream> clients;
    for (int count = 0; count < 8; ++count) {
        clients.push_back(relay.connect());
    }
    EXPECT_TRUE(eventually([&] {
        const auto upstreams = relay.status().upstreams;
        return upstreams[0].active == 6 && upstreams[1].active == 2;
    }));
}

TEST(Connect, ClientThatGivesUpEndsTheAttempt) {
    Blackhole blackhole;
    Relay relay{Relay::service_to({blackhole.endpoint()})};
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("data"));
    ASSERT_TRUE(eventually([&] { return relay.counters().active == 1; }));
    client.reset();
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_client == 1; }));
    EXPECT_EQ(relay.counters().active, 0U);
    EXPECT_EQ(relay.counters().no_upstream, 0U);
}

TEST(Connect, T20_SourceThatIsNotOursIsALocalError) {
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.source_addresses = {boost::asio::ip::make_address("198.51.100.77")};
    Relay relay{service};
    Stream client = relay.connect();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_TRUE(eventually([&] { return relay.counters().local_errors == 1; }));
    EXPECT_EQ(relay.counters().no_upstream, 0U);
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U) << "I6: never its fault";
}

TEST(Connect, SourceAddressIsWhatTheUpstreamSees) {
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.source_addresses = {boost::asio::ip::make_address("127.0.0.9")};
    Relay relay{service};
    Stream client = relay.connect();
    EXPECT_EQ(upstream.accept().remote().address().to_string(), "127.0.0.9");
}

// Its kernel accepts only what was acknowledged, and left alone ours waits a fifth of a second for
// something to acknowledge it with.
TEST(Connect, AnUpstreamThatSpeaksFirstIsNotKeptWaiting) {
    constexpr int kConnections = 20;
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()})};
    const auto begin = std::chrono::steady_clock::now();
    for (int count = 0; count < kConnections; ++count) {
        Stream client = relay.connect();
        Stream server = upstream.accept();
        ASSERT_TRUE(server.send("220 ready"));
        ASSERT_EQ(client.receive(9), "220 ready");
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin,
              kConnections * std::chrono::milliseconds{40});
}

struct Families {
    const char* name;
    const char* listen;
    const char* upstream;
};

class ConnectFamilies : public testing::TestWithParam<Families> {};

TEST_P(ConnectFamilies, Relays) {
    Upstream upstream{GetParam().upstream};
    auto service = Relay::service_to({upstream.endpoint()});
    service.listen = loopback(0, GetParam().listen);
    // The default of a virtual service; of no use for the other family.
    service.source_addresses = {service.listen.address()};
    Relay relay{service};
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("hello"));
    Stream server = upstream.accept();
    EXPECT_EQ(server.receive(5), "hello");
    ASSERT_TRUE(server.send("world"));
    EXPECT_EQ(client.receive(5), "world");
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectFamilies,
                         testing::Values(Families{"Ipv4", "127.0.0.1", "127.0.0.1"},
                                         Families{"Ipv6", "::1", "::1"},
                                         Families{"Ipv4ToIpv6", "127.0.0.1", "::1"},
                                         Families{"Ipv6ToIpv4", "::1", "127.0.0.1"}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace tandem::relay::test
