// The choice of an upstream, end to end: what the flows tell the balancer and what it tells them.
#include "tests/unit/relay/support.hpp"

#include <array>
#include <thread>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using boost::asio::ip::make_address;

class BalanceFlow : public testing::Test {
  protected:
    ServiceConfig service() {
        return Relay::service_to({upstreams[0].endpoint(), upstreams[1].endpoint()});
    }
    /// Which upstream the next connection reaches. The connection is over afterwards.
    std::size_t reached(Relay& relay, const char* source = "127.0.0.1") {
        const Stream client = relay.connect(make_address(source));
        for (int attempt = 0; attempt < 1000; ++attempt) {
            for (std::size_t index = 0; index < upstreams.size(); ++index) {
                if (upstreams[index].accept(std::chrono::milliseconds{5}).is_open()) {
                    return index;
                }
            }
        }
        ADD_FAILURE() << "nobody was reached";
        return upstreams.size();
    }
    std::array<Upstream, 2> upstreams;
};

TEST_F(BalanceFlow, ABackupIsUsedOnlyWhenNobodyElseIsUp) {
    auto config = service();
    config.upstreams[1].balance.role = UpstreamRole::Backup;
    Relay relay{config};
    EXPECT_EQ(reached(relay), 0U);
    EXPECT_EQ(reached(relay), 0U);
    relay.engine().set_upstream_up("service", "upstream0", false);
    EXPECT_EQ(reached(relay), 1U);
    relay.engine().set_upstream_up("service", "upstream0", true);
    EXPECT_EQ(reached(relay), 0U);
}

TEST_F(BalanceFlow, TheSorryServerIsUsedWhileTheQuorumIsLost) {
    auto config = service();
    config.upstreams[1].balance.role = UpstreamRole::Sorry;
    Relay relay{config};
    EXPECT_EQ(reached(relay), 0U);
    relay.engine().set_upstream_up("service", "upstream0", false);
    EXPECT_FALSE(relay.status().quorum);
    EXPECT_EQ(reached(relay), 1U);
}

TEST_F(BalanceFlow, AClientReturnsToItsUpstream) {
    auto config = service();
    config.balance.persistence_timeout = std::chrono::seconds{60};
    Relay relay{config, 2};
    for (const char* client : {"127.0.0.11", "127.0.0.12", "127.0.0.13"}) {
        const std::size_t first = reached(relay, client);
        for (int count = 0; count < 5; ++count) {
            EXPECT_EQ(reached(relay, client), first) << client;
        }
    }
}

TEST_F(BalanceFlow, SourceHashDependsOnTheClientAlone) {
    auto config = service();
    config.algorithm = Algorithm::SourceHash;
    Relay one{config, 2};
    std::swap(config.upstreams[0], config.upstreams[1]);
    Relay other{config};
    std::array<bool, 2> used{};
    for (int last = 1; last <= 12; ++last) {
        const std::string client = "127.0.0." + std::to_string(last);
        const std::size_t there = reached(one, client.c_str());
        used[there] = true;
        EXPECT_EQ(reached(other, client.c_str()), there) << "the order in the file counts";
    }
    EXPECT_TRUE(used[0] && used[1]);
}

TEST_F(BalanceFlow, T30_NeverMoreThanTheUpperThreshold) {
    auto config = service();
    config.balance.queue_limit = 0;
    config.upstreams[0].balance.upper_threshold = 3;
    config.upstreams[1].balance.upper_threshold = 2;
    Relay relay{config, 2};
    std::vector<Stream> clients;
    for (int count = 0; count < 5; ++count) {
        clients.push_back(relay.connect());
    }
    ASSERT_TRUE(eventually([&] { return relay.counters().accepted == 5; }));
    ASSERT_TRUE(eventually([&] {
        const auto status = relay.status();
        return status.upstreams[0].active == 3 && status.upstreams[1].active == 2;
    }));
    Stream more = relay.connect();
    EXPECT_EQ(more.receive_all(), "");
    EXPECT_EQ(more.ending(), Ending::Reset);
    EXPECT_TRUE(eventually([&] { return relay.counters().no_upstream == 1; }));
    clients.front().reset();
    ASSERT_TRUE(eventually([&] { return relay.counters().reset_by_client == 1; }));
    const Stream next = relay.connect();
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 5; }));
}

TEST_F(BalanceFlow, ADrainedUpstreamKeepsItsConnectionsAndGetsNoNewOnes) {
    Relay relay{service()};
    Stream client = relay.connect();
    Stream server = upstreams[0].accept();
    ASSERT_TRUE(server.is_open());
    EXPECT_TRUE(relay.engine().set_upstream_admin("service", "upstream0", AdminState::Drain));
    EXPECT_FALSE(relay.engine().set_upstream_admin("service", "nobody", AdminState::Drain));
    for (int count = 0; count < 4; ++count) {
        EXPECT_EQ(reached(relay), 1U);
    }
    ASSERT_TRUE(client.send("still here"));
    EXPECT_EQ(server.receive(10), "still here");
    EXPECT_TRUE(relay.engine().set_upstream_admin("service", "upstream0", AdminState::Ready));
    EXPECT_TRUE(relay.engine().set_upstream_weight("service", "upstream1", 0));
    EXPECT_EQ(reached(relay), 0U);
}

TEST_F(BalanceFlow, RetriesAreBounded) {
    auto config =
        Relay::service_to({refusing_endpoint(), refusing_endpoint(), upstreams[0].endpoint()});
    config.algorithm = Algorithm::Failover;
    config.upstreams[0].weight = 3;
    config.upstreams[1].weight = 2;
    config.balance.retries = 1;
    Relay relay{config};
    Stream client = relay.connect();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    ASSERT_TRUE(eventually([&] { return relay.counters().no_upstream == 1; }));
    const auto status = relay.status();
    EXPECT_EQ(status.upstreams[0].connect_failures, 1U);
    EXPECT_EQ(status.upstreams[1].connect_failures, 1U);
    EXPECT_EQ(status.upstreams[2].connected, 0U);
}

TEST_F(BalanceFlow, FailuresInARowMakeAnUpstreamAvoided) {
    auto config = Relay::service_to({refusing_endpoint(), upstreams[0].endpoint()});
    config.balance.max_fails = 2;
    Relay relay{config};
    for (int count = 0; count < 8; ++count) {
        EXPECT_EQ(reached(relay), 0U) << "the other one takes over";
    }
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 2U);
    EXPECT_TRUE(relay.status().upstreams[0].avoided);
}

}  // namespace
}  // namespace tandem::relay::test
