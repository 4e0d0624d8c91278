// Waiting for a place at an upstream: the queue by itself, and through the engine.
#include "proxy/relay/upstream_queue.hpp"

#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;
using testing::Test;

TEST(UpstreamQueue, IsBoundedOverAllWorkers) {
    UpstreamQueue queue{2, 2, [](std::size_t) {}};
    EXPECT_TRUE(queue.enter(0));
    EXPECT_TRUE(queue.enter(1));
    EXPECT_FALSE(queue.enter(0));
    EXPECT_EQ(queue.size(), 2U);
    queue.leave(1);
    EXPECT_TRUE(queue.enter(0));
}

TEST(UpstreamQueue, WakesWhoWaitsEachInTurnAndOnce) {
    std::vector<std::size_t> woken;
    UpstreamQueue queue{10, 3, [&](std::size_t worker) { woken.push_back(worker); }};
    queue.place_free();
    queue.upstreams_changed();
    EXPECT_TRUE(woken.empty()) << "nobody waits";
    ASSERT_TRUE(queue.enter(0) && queue.enter(2));
    queue.place_free();
    queue.place_free();
    queue.place_free();
    std::ranges::sort(woken);
    EXPECT_EQ(woken, (std::vector<std::size_t>{0, 2})) << "twice only after it has come";
    queue.woken(2);
    queue.leave(0);
    queue.place_free();
    EXPECT_EQ(woken.back(), 2U);
    EXPECT_EQ(woken.size(), 3U);
    queue.woken(0);
    queue.woken(2);
    ASSERT_TRUE(queue.enter(0));
    queue.upstreams_changed();
    EXPECT_EQ(woken.size(), 5U);
}

/// One upstream with one place.
class Waiting : public Test {
  protected:
    ServiceConfig service() {
        auto config = Relay::service_to({upstream.endpoint()});
        config.upstreams[0].balance.upper_threshold = 1;
        return config;
    }
    /// Takes the only place.
    void occupy(Relay& relay) {
        holder = relay.connect();
        held = upstream.accept();
        ASSERT_TRUE(held.is_open());
    }
    static void expect_queued(Relay& relay, std::uint64_t count) {
        EXPECT_TRUE(eventually([&] { return relay.counters().queued == count; }))
            << relay.counters().queued;
    }
    /// Counters move after the packets.
    static void expect_counted(Relay& relay, std::uint64_t ServiceCounters::*counter) {
        EXPECT_TRUE(eventually([&] { return relay.counters().*counter == 1; }));
    }
    static void expect_reset(Stream& client) {
        EXPECT_EQ(client.receive_all(), "");
        EXPECT_EQ(client.ending(), Ending::Reset);
    }
    Upstream upstream;
    Stream holder;
    Stream held;
};

TEST_F(Waiting, T30_InTheOrderTheyCameAndNothingIsLost) {
    Relay relay{service()};
    occupy(relay);
    std::vector<Stream> clients;
    for (int number = 0; number < 5; ++number) {
        clients.push_back(relay.connect());
        ASSERT_TRUE(clients.back().send("client " + std::to_string(number)));
        clients.back().finish();
        expect_queued(relay, clients.size());
    }
    holder.reset();
    for (int number = 0; number < 5; ++number) {
        Stream server = upstream.accept();
        ASSERT_TRUE(server.is_open());
        EXPECT_EQ(server.receive_all(), "client " + std::to_string(number));
        EXPECT_LE(relay.status().upstreams[0].active, 1U) << "never more than one at a time";
        server.finish();
        EXPECT_EQ(clients[static_cast<std::size_t>(number)].receive_all(), "");
        EXPECT_EQ(clients[static_cast<std::size_t>(number)].ending(), Ending::Fin);
    }
    expect_queued(relay, 0);
}

TEST_F(Waiting, AFullQueueRefuses) {
    auto config = service();
    config.balance.queue_limit = 2;
    Relay relay{config};
    occupy(relay);
    const Stream one = relay.connect();
    const Stream two = relay.connect();
    expect_queued(relay, 2);
    Stream three = relay.connect();
    expect_reset(three);
    expect_counted(relay, &ServiceCounters::queue_full);
    EXPECT_EQ(relay.counters().no_upstream, 0U);
}

TEST_F(Waiting, NotForEver) {
    auto config = service();
    config.balance.queue_timeout = 100ms;
    Relay relay{config};
    occupy(relay);
    Stream client = relay.connect();
    expect_reset(client);
    expect_counted(relay, &ServiceCounters::queue_timed_out);
    expect_queued(relay, 0);
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U);
}

TEST_F(Waiting, AClientThatResetsLeavesTheQueue) {
    Relay relay{service()};
    occupy(relay);
    Stream gone = relay.connect();
    expect_queued(relay, 1);
    Stream stays = relay.connect();
    expect_queued(relay, 2);
    gone.reset();
    expect_queued(relay, 1);
    expect_counted(relay, &ServiceCounters::reset_by_client);
    held.finish();
    holder.finish();
    EXPECT_EQ(holder.receive_all(), "");
    EXPECT_EQ(held.receive_all(), "");
    Stream server = upstream.accept();
    ASSERT_TRUE(stays.send("here"));
    EXPECT_EQ(server.receive(4), "here");
}

TEST_F(Waiting, EndsWhenTheLastUpstreamGoesDownOrTheNodeSteps) {
    auto config = service();
    config.instance = "VI_1";
    Relay relay{config};
    relay.engine().activate("VI_1");
    occupy(relay);
    Stream one = relay.connect();
    expect_queued(relay, 1);
    relay.engine().set_upstream_up("service", "upstream0", false);
    expect_reset(one);
    expect_counted(relay, &ServiceCounters::no_upstream);
    relay.engine().set_upstream_up("service", "upstream0", true);
    Stream two = relay.connect();
    expect_queued(relay, 1);
    EXPECT_EQ(relay.deactivate("VI_1"), 2U);
    expect_reset(two);
    expect_queued(relay, 0);
}

TEST_F(Waiting, AnotherUpstreamThatComesUpTakesThem) {
    Upstream other;
    auto config = Relay::service_to({upstream.endpoint(), other.endpoint()});
    config.upstreams[0].balance.upper_threshold = 1;
    Relay relay{config};
    relay.engine().set_upstream_up("service", "upstream1", false);
    occupy(relay);
    const Stream client = relay.connect();
    expect_queued(relay, 1);
    relay.engine().set_upstream_up("service", "upstream1", true);
    EXPECT_TRUE(other.accept().is_open());
}

TEST_F(Waiting, WhoWaitsForOneUpstreamHoldsUpNobodyWhoMayUseAnother) {
    Upstream other;
    auto config = Relay::service_to({refusing_endpoint(), upstream.endpoint()});
    config.upstreams[0].balance.upper_threshold = 1;
    config.upstreams[1].balance.upper_threshold = 1;
    Relay relay{config};
    relay.engine().set_upstream_up("service", "upstream0", false);
    occupy(relay);
    relay.engine().set_upstream_up("service", "upstream0", true);
    // It has tried the one that refuses, and waits for the other.
    const Stream first = relay.connect();
    ASSERT_TRUE(eventually([&] { return relay.status().upstreams[0].connect_failures == 1; }));
    expect_queued(relay, 1);
    const Stream second = relay.connect();
    EXPECT_TRUE(eventually([&] { return relay.status().upstreams[0].connect_failures == 2; }));
}

// Every place that is given back is found by somebody, whichever worker gave it back.
TEST_F(Waiting, T30_ManyThroughFewPlacesOverTwoWorkers) {
    auto config = service();
    config.upstreams[0].balance.upper_threshold = 2;
    Relay relay{config, 2};
    constexpr int kClients = 200;
    std::thread server([&] {
        for (int count = 0; count < kClients; ++count) {
            Stream stream = upstream.accept();
            EXPECT_LE(relay.status().upstreams[0].active, 2U);
            EXPECT_EQ(stream.receive_all(), "question");
            EXPECT_TRUE(stream.send("answer"));
        }
    });
    std::vector<Stream> clients;
    for (int count = 0; count < kClients; ++count) {
        clients.push_back(relay.connect());
        EXPECT_TRUE(clients.back().send("question"));
        clients.back().finish();
    }
    for (Stream& client : clients) {
        EXPECT_EQ(client.receive_all(), "answer");
    }
    server.join();
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == kClients; }));
    expect_queued(relay, 0);
}

TEST_F(Waiting, ConnectionsOfAnUpstreamThatGoesDownAreResetWhereThatIsWanted) {
    Upstream other;
    for (const bool wanted : {false, true}) {
        auto config = Relay::service_to({upstream.endpoint(), other.endpoint()});
        config.algorithm = Algorithm::RoundRobin;
        config.upstreams[0].balance.reset_on_down = wanted;
        Relay relay{config};
        std::array<Stream, 2> clients{relay.connect(), relay.connect()};
        std::array<Stream, 2> servers{upstream.accept(), other.accept()};
        ASSERT_TRUE(servers[0].is_open() && servers[1].is_open());
        relay.engine().set_upstream_admin("service", "upstream0", AdminState::Down);
        if (wanted) {
            expect_reset(servers[0]);
            expect_counted(relay, &ServiceCounters::reset_by_down);
            EXPECT_TRUE(eventually([&] { return relay.counters().active == 1; }));
        }
        EXPECT_TRUE(servers[1].send("x"));
        EXPECT_EQ(clients[1].receive(1), "x");
        if (!wanted) {
            EXPECT_TRUE(servers[0].send("y"));
            EXPECT_EQ(clients[0].receive(1), "y");
        }
    }
}

}  // namespace
}  // namespace tandem::relay::test
