// The gate: nothing with a virtual address while the instance is not active (I3).
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

ServiceConfig gated_service(const Endpoint& upstream) {
    auto service = Relay::service_to({upstream});
    service.instance = "VI_1";
    return service;
}

class GateTest : public testing::Test {
  protected:
    Upstream upstream;
    Relay relay{gated_service(upstream.endpoint()), 2};
};

TEST_F(GateTest, T43_ClosedGateResetsAndConnectsNowhere) {
    EXPECT_FALSE(relay.status().accepting);
    Stream client = relay.connect();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_TRUE(eventually([&] { return relay.counters().refused_inactive == 1; }));
    EXPECT_EQ(relay.counters().accepted, 0U);
    EXPECT_FALSE(upstream.accept(std::chrono::milliseconds{20}).is_open());
}

TEST_F(GateTest, ActivationOfAnotherInstanceOpensNothing) {
    relay.engine().activate("VI_2");
    Stream client = relay.connect();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
}

TEST_F(GateTest, T42_DeactivationResetsEveryFlowAndCountsThem) {
    relay.engine().activate("VI_1");
    ASSERT_TRUE(eventually([&] { return relay.status().accepting; }));
    std::vector<Stream> clients;
    std::vector<Stream> servers;
    for (int count = 0; count < 300; ++count) {
        clients.push_back(relay.connect());
        servers.push_back(upstream.accept());
        ASSERT_TRUE(servers.back().is_open());
    }
    EXPECT_EQ(relay.deactivate("VI_1"), 300U);
    EXPECT_FALSE(relay.status().accepting);
    for (std::size_t index = 0; index < clients.size(); ++index) {
        EXPECT_EQ(clients[index].receive_all(), "");
        EXPECT_EQ(clients[index].ending(), Ending::Reset);
        EXPECT_EQ(servers[index].receive_all(), "");
        EXPECT_EQ(servers[index].ending(), Ending::Reset);
    }
    EXPECT_EQ(relay.counters().reset_by_demotion, 300U);
    EXPECT_EQ(relay.counters().active, 0U);
    EXPECT_EQ(relay.status().upstreams[0].active, 0U);
}

TEST_F(GateTest, AfterDeactivationNothingIsAnsweredUntilPurge) {
    relay.engine().activate("VI_1");
    ASSERT_EQ(relay.deactivate("VI_1"), 0U);
    // The kernel queues it; not even a reset may leave now.
    Stream client = relay.connect();
    ASSERT_TRUE(client.is_open());
    EXPECT_EQ(relay.counters().refused_inactive, 0U);
    relay.engine().purge("VI_1");
    EXPECT_TRUE(eventually([&] { return relay.counters().refused_inactive == 1; }));
    // And the closed gate works as before; one that comes before the purge ends hears nothing.
    EXPECT_TRUE(eventually([&] {
        Stream second = relay.connect();
        const timeval brief{.tv_sec = 0, .tv_usec = 100'000};
        ::setsockopt(second.native(), SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
        return second.receive_all().empty() && second.ending() == Ending::Reset;
    }));
}

TEST_F(GateTest, ActiveAgainAfterDeactivation) {
    relay.engine().activate("VI_1");
    ASSERT_TRUE(relay.deactivate("VI_1"));
    relay.engine().activate("VI_1");
    relay.engine().purge("VI_1");
    ASSERT_TRUE(eventually([&] { return relay.status().accepting; }));
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("hello"));
    EXPECT_EQ(upstream.accept().receive(5), "hello");
}

TEST_F(GateTest, DeactivationOfAnUnknownInstanceIsDoneAtOnce) {
    EXPECT_EQ(relay.deactivate("VI_9"), 0U);
    EXPECT_EQ(relay.deactivate("VI_1"), 0U);
    EXPECT_EQ(relay.deactivate("VI_1"), 0U) << "twice in a row";
}

TEST_F(GateTest, ServicesWithoutAnInstanceAreAlwaysOn) {
    Relay always{Relay::service_to({upstream.endpoint()})};
    EXPECT_TRUE(always.status().accepting);
    ASSERT_EQ(always.deactivate("VI_1"), 0U);
    Stream client = always.connect();
    EXPECT_TRUE(upstream.accept().is_open());
}

TEST_F(GateTest, EngineEndsWithFlowsAndConnectsInProgress) {
    relay.engine().activate("VI_1");
    ASSERT_TRUE(eventually([&] { return relay.status().accepting; }));
    std::vector<Stream> clients;
    {
        Relay other{Relay::service_to({upstream.endpoint()}), 2};
        for (int count = 0; count < 50; ++count) {
            clients.push_back(other.connect());
        }
    }
    for (Stream& client : clients) {
        EXPECT_EQ(client.receive_all(), "");
        EXPECT_EQ(client.ending(), Ending::Reset);
    }
}

// T34: many flows are reset in short turns; another service goes on meanwhile.
TEST(Gate, T34_ManyFlowsAreResetWithoutRecursionOrLoss) {
    Upstream upstream{"127.0.0.1", 4096};
    Relay relay{gated_service(upstream.endpoint()), 1, 10'000};
    relay.engine().activate("VI_1");
    ASSERT_TRUE(eventually([&] { return relay.status().accepting; }));
    std::vector<Stream> clients;
    std::vector<Stream> servers;
    constexpr std::uint64_t kFlows = 400;
    for (std::uint64_t count = 0; count < kFlows; ++count) {
        clients.push_back(relay.connect());
        ASSERT_TRUE(clients.back().is_open());
    }
    ASSERT_TRUE(eventually([&] { return relay.counters().active == kFlows; }));
    EXPECT_EQ(relay.deactivate("VI_1"), kFlows);
}

/// In a network namespace of its own. The clients' address stays when the virtual address goes:
/// a reset would find its way.
void purge_is_silent(const std::string& vip, const std::string& own) {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    add_to_loopback(own);
    add_to_loopback(vip);
    auto service = gated_service(refusing_endpoint());
    service.listen = loopback(0, vip.substr(0, vip.find('/')).c_str());
    const IpAddress address = service.listen.address();
    const IpAddress own_address = loopback(0, own.substr(0, own.find('/')).c_str()).address();
    Relay relay{service};
    relay.engine().activate("VI_1");
    ASSERT_EQ(relay.deactivate("VI_1"), 0U);
    std::vector<Stream> clients;
    for (int count = 0; count < 5; ++count) {
        clients.push_back(relay.connect(own_address));
        ASSERT_TRUE(clients.back().is_open());
    }
    run("ip addr del " + vip + " dev lo");
    Capture capture;
    relay.engine().purge("VI_1");
    EXPECT_TRUE(eventually([&] { return relay.counters().refused_inactive == 5; }));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    EXPECT_EQ(capture.sent_from(address), 0U);
}

TEST(GateNamespace, T42_PurgeSendsNothingFromTheVirtualIpv4Address) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    in_child([] { purge_is_silent("198.51.100.100/32", "198.51.100.11/32"); });
}

TEST(GateNamespace, T42_PurgeSendsNothingFromTheVirtualIpv6Address) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    in_child([] { purge_is_silent("2001:db8::100/128", "2001:db8::11/128"); });
}

}  // namespace
}  // namespace tandem::relay::test
