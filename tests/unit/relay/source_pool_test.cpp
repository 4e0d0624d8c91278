// Source ports against the real kernel: what it refuses, what it lets happen again at once.
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <ctime>
#include <set>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using boost::asio::ip::make_address;

ServiceConfig service_from(const Upstream& upstream, std::vector<IpAddress> sources,
                           PortRange ports) {
    auto service = Relay::service_to({upstream.endpoint()});
    service.source_addresses = std::move(sources);
    service.source_ports = ports;
    return service;
}

const IpAddress kFirst = make_address("127.0.0.9");
const IpAddress kSecond = make_address("127.0.0.10");

/// A connection through the relay, seen from the upstream.
struct Pair {
    Stream client;
    Stream server;
};

Pair connect_through(Relay& relay, Upstream& upstream) {
    Pair pair;
    pair.client = relay.connect();
    pair.server = upstream.accept();
    return pair;
}

TEST(SourcePool, TakesTheAddressesInTurnAndPortsOfTheRange) {
    Upstream upstream;
    Relay relay{service_from(upstream, {kFirst, kSecond}, {.first = 20000, .last = 20009})};
    std::set<std::string> addresses;
    for (int count = 0; count < 4; ++count) {
        const Pair pair = connect_through(relay, upstream);
        ASSERT_TRUE(pair.server.is_open());
        const Endpoint source = pair.server.remote();
        addresses.insert(source.address().to_string());
        EXPECT_GE(source.port(), 20000);
        EXPECT_LE(source.port(), 20009);
    }
    EXPECT_EQ(addresses, (std::set<std::string>{"127.0.0.9", "127.0.0.10"}));
}

TEST(SourcePool, HalvesOfTheNodesAreDisjoint) {
    Upstream upstream;
    Relay relay{service_from(upstream, {kFirst}, {.first = 20010, .last = 20013})};
    relay.engine().set_port_share("", PortShare::UpperHalf);
    const Pair one = connect_through(relay, upstream);
    const Pair two = connect_through(relay, upstream);
    EXPECT_GE(one.server.remote().port(), 20012);
    EXPECT_GE(two.server.remote().port(), 20012);
    Stream third = relay.connect();
    EXPECT_EQ(third.receive_all(), "");
    EXPECT_EQ(third.ending(), Ending::Reset);
    EXPECT_EQ(relay.status().upstreams[0].ports, 2U);
    EXPECT_EQ(relay.status().upstreams[0].ports_in_use, 2U);
}

double processor_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

TEST(SourcePool, T20_WithoutAPortItIsALocalErrorAndTheUpstreamIsNotBlamed) {
    Upstream upstream;
    Relay relay{service_from(upstream, {kFirst, kSecond}, {.first = 20020, .last = 20024}), 2};
    std::vector<Pair> pairs;
    for (int count = 0; count < 10; ++count) {
        pairs.push_back(connect_through(relay, upstream));
        ASSERT_TRUE(pairs.back().server.is_open()) << count;
    }
    const double before = processor_seconds();
    for (int count = 0; count < 100; ++count) {
        Stream client = relay.connect();
        EXPECT_EQ(client.receive_all(), "");
        EXPECT_EQ(client.ending(), Ending::Reset);
    }
    EXPECT_LT(processor_seconds() - before, 1.0);
    EXPECT_TRUE(eventually([&] { return relay.counters().ports_exhausted == 100; }));
    EXPECT_EQ(relay.counters().local_errors, 100U);
    EXPECT_EQ(relay.counters().no_upstream, 0U);
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U) << "I6";
    // Recovery is immediate.
    pairs.back().client.finish();
    pairs.back().server.finish();
    EXPECT_TRUE(eventually([&] { return relay.status().upstreams[0].ports_in_use == 9; }));
    EXPECT_TRUE(connect_through(relay, upstream).server.is_open());
}

TEST(SourcePool, T45_APortInTimeWaitIsUsedAgainAtOnce) {
    Upstream upstream;
    Relay relay{service_from(upstream, {kFirst}, {.first = 20030, .last = 20031})};
    for (int round = 0; round < 200; ++round) {
        Pair pair = connect_through(relay, upstream);
        ASSERT_TRUE(pair.client.send("x"));
        ASSERT_EQ(pair.server.receive(1), "x") << "round " << round;
        // The client ends first: TIME_WAIT is on the relay's side. Then the other way round.
        Stream& first = round % 2 == 0 ? pair.client : pair.server;
        Stream& second = round % 2 == 0 ? pair.server : pair.client;
        first.finish();
        ASSERT_EQ(second.receive_all(), "");
        second.finish();
        ASSERT_EQ(first.receive_all(), "");
    }
    EXPECT_EQ(relay.counters().local_errors, 0U);
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U);
}

TEST(SourcePool, PassesOverPortsOfOthers) {
    Upstream upstream;
    Upstream elsewhere;
    // One port is somebody's listener, one somebody's connection to the same upstream.
    const Endpoint listening{kFirst, 20040};
    const Descriptor listener = open_listener(listening).value();
    const StartedConnect other =
        start_connect_from(upstream.endpoint(), Endpoint{kFirst, 20041}, kNoBound);
    ASSERT_FALSE(other.error);
    const Stream others = upstream.accept();
    Relay relay{service_from(upstream, {kFirst}, {.first = 20040, .last = 20042})};
    EXPECT_EQ(connect_through(relay, upstream).server.remote().port(), 20042);
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U);
}

TEST(SourcePool, ServicesWithTheSameSourceShareTheirPorts) {
    Upstream upstream;
    EngineConfig config;
    config.workers = 1;
    for (const char* name : {"one", "two"}) {
        auto service = service_from(upstream, {kFirst}, {.first = 20050, .last = 20051});
        service.name = name;
        config.services.push_back(service);
    }
    RecordingObserver observer;
    Engine engine{config, observer};
    ASSERT_TRUE(engine.start().empty());
    const Stream one = connect_to(engine.listen_endpoint("one"));
    const Stream first = upstream.accept();
    const Stream two = connect_to(engine.listen_endpoint("two"));
    const Stream second = upstream.accept();
    ASSERT_TRUE(second.is_open());
    EXPECT_NE(first.remote(), second.remote());
    EXPECT_EQ(engine.status()[0].upstreams[0].ports_in_use, 2U);
}

TEST(SourcePool, AnUpstreamCanHaveItsOwnSource) {
    Upstream upstream;
    auto service = service_from(upstream, {kFirst}, {.first = 20060, .last = 20069});
    service.upstreams[0].source_addresses = {kSecond};
    Relay relay{service};
    EXPECT_EQ(connect_through(relay, upstream).server.remote().address(), kSecond);
}

}  // namespace
}  // namespace tandem::relay::test
