// Waiting for a place at an upstream: the queue by itself, and through the engine.
#include "proxy/relay/upstream_queue.hpp"

#include "tests/unit/relay/hello_support.hpp"
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <latch>
#include <random>
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

TEST(UpstreamQueue, APlaceIsPassedOnToOthersAndNotForEver) {
    std::vector<std::size_t> woken;
    UpstreamQueue queue{10, 3, [&](std::size_t worker) { woken.push_back(worker); }};
    ASSERT_TRUE(queue.enter(0) && queue.enter(1) && queue.enter(2));
    queue.pass_on(0);
    EXPECT_TRUE(woken.empty()) << "no place was given back";
    queue.place_free();
    for (std::size_t number = 0; number < woken.size(); ++number) {
        queue.woken(woken[number]);
        queue.pass_on(woken[number]);
    }
    std::ranges::sort(woken);
    EXPECT_EQ(woken, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(UpstreamQueue, APlaceIsNotPassedOnToOneself) {
    std::vector<std::size_t> woken;
    UpstreamQueue queue{10, 2, [&](std::size_t worker) { woken.push_back(worker); }};
    ASSERT_TRUE(queue.enter(1));
    queue.place_free();
    queue.woken(1);
    queue.pass_on(1);
    EXPECT_EQ(woken, (std::vector<std::size_t>{1}));
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

TEST_F(Waiting, MoreThanAreTriedInOneTurnAreAllTaken) {
    Upstream other{"127.0.0.1", 1024};
    auto config = Relay::service_to({upstream.endpoint(), other.endpoint()});
    config.upstreams[0].balance.upper_threshold = 1;
    Relay relay{config};
    relay.engine().set_upstream_up("service", "upstream1", false);
    occupy(relay);
    std::vector<Stream> clients;
    for (int count = 0; count < 150; ++count) {
        clients.push_back(relay.connect());
    }
    expect_queued(relay, clients.size());
    relay.engine().set_upstream_up("service", "upstream1", true);
    expect_queued(relay, 0);
    EXPECT_TRUE(
        eventually([&] { return relay.status().upstreams[1].connected == clients.size(); }));
}

// The place is free and known to be: who comes in that moment goes behind those who wait.
TEST_F(Waiting, NobodyOvertakes) {
    BlockingObserver observer;
    auto blocker = Relay::service_to({});
    blocker.name = "blocker";
    Engine engine{{.services = {service(), blocker}, .workers = 1}, observer};
    ASSERT_TRUE(engine.start().empty());
    const Endpoint endpoint = engine.listen_endpoint("service");
    holder = connect_to(endpoint);
    held = upstream.accept();
    ASSERT_TRUE(held.is_open());
    Stream early = connect_to(endpoint);
    ASSERT_TRUE(eventually([&] { return engine.status().at(0).counters.queued == 1; }));
    const Stream holding = connect_to(engine.listen_endpoint("blocker"));
    ASSERT_TRUE(observer.wait_for("blocker"));
    holder.reset();
    Stream late = connect_to(endpoint);
    EXPECT_TRUE(early.send("1"));
    EXPECT_TRUE(late.send("2"));
    observer.release();
    EXPECT_EQ(upstream.accept().receive(1), "1");
}

// It is the first attempt that never ends: the place stays taken.
TEST_F(Waiting, TheTimeLimitOfTheWaitEndsWithTheWait) {
    const Blackhole silent;
    auto config = Relay::service_to({silent.endpoint()});
    config.connect_timeout = 0ms;
    config.upstreams[0].balance.upper_threshold = 1;
    // A busy machine may be slower than the limit; then once more with more time.
    for (config.balance.queue_timeout = 100ms; config.balance.queue_timeout < 5s;
         config.balance.queue_timeout *= 3) {
        Relay relay{config};
        Stream first = relay.connect();
        EXPECT_TRUE(eventually([&] { return relay.counters().active == 1; }));
        const Stream second = relay.connect();
        expect_queued(relay, 1);
        first.reset();
        expect_queued(relay, 0);
        if (relay.counters().queue_timed_out > 0) {
            continue;
        }
        // What ended its wait before this one began would have ended by now.
        Stream third = relay.connect();
        expect_reset(third);
        EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U);
        return;
    }
    FAIL() << "too slow";
}

TEST_F(Waiting, AnAttemptThatCannotBeginGivesItsPlaceBack) {
    auto config = service();
    config.source_addresses = {boost::asio::ip::make_address("203.0.113.77")};
    Relay relay{config};
    for (std::uint64_t count = 1; count <= 3; ++count) {
        Stream client = relay.connect();
        expect_reset(client);
        EXPECT_TRUE(eventually([&] { return relay.counters().local_errors == count; }));
    }
    expect_queued(relay, 0);
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
TEST_F(Waiting, WhoHasTriedAnotherUpstreamWaitsWithoutSpinning) {
    auto config = Relay::service_to({refusing_endpoint(), upstream.endpoint()});
    config.upstreams[1].balance.upper_threshold = 1;
    config.algorithm = Algorithm::Failover;
    config.upstreams[0].weight = 2;
    Relay relay{config};
    occupy(relay);
    Stream client = relay.connect();
    expect_queued(relay, 1);
    // Wakes those that wait.
    relay.engine().set_upstream_up("service", config.upstreams[0].name, false);
    relay.engine().set_upstream_up("service", config.upstreams[0].name, true);
    const std::clock_t before = std::clock();
    EXPECT_FALSE(upstream.accept(100ms).is_open());
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 20);
    holder.reset();
    EXPECT_TRUE(upstream.accept().is_open());
}

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

TEST_F(Waiting, WhoWaitsForOneUpstreamHoldsUpNobodyBehindWhoWaitsForAnother) {
    Upstream other;
    auto config = Relay::service_to({upstream.endpoint(), other.endpoint()});
    for (const std::size_t index : {0U, 1U}) {
        config.upstreams[index].balance.upper_threshold = 1;
        config.upstreams[index].route.server_names = {std::to_string(index) + ".example.com"};
    }
    Relay relay{config};
    std::vector<Stream> clients;
    for (const char* name : {"0.example.com", "1.example.com", "0.example.com", "1.example.com"}) {
        clients.push_back(relay.connect());
        ASSERT_TRUE(clients.back().send(client_hello(name)));
        // In this order.
        ASSERT_TRUE(eventually([&] {
            const ServiceStatus status = relay.status();
            return status.upstreams[0].active + status.upstreams[1].active +
                       status.counters.queued ==
                   clients.size();
        }));
    }
    expect_queued(relay, 2);
    clients[1].reset();
    EXPECT_TRUE(eventually([&] { return relay.status().upstreams[1].connected == 2; }));
    expect_queued(relay, 1);
}

// It finds every place taken, and the place is given back before it is known that it waits.
TEST_F(Waiting, T30_WhoComesWhileAPlaceBecomesFreeIsNotForgotten) {
    Relay relay{service(), 2};
    std::minstd_rand random{3};
    for (int round = 0; round < 3000 && !HasFailure(); ++round) {
        occupy(relay);
        const Stream comes = relay.connect();
        // Both workers are under way then, now the one earlier, now the other.
        const auto wait = std::chrono::microseconds{random() % 60};
        const auto begin = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - begin < wait) {
        }
        holder.reset();
        EXPECT_TRUE(upstream.accept().is_open()) << round;
    }
}

// One that was woken has gone meanwhile: the place is for somebody of another worker.
TEST_F(Waiting, T30_WhoLeavesWhileAPlaceBecomesFreeHoldsUpNobody) {
    Relay relay{service(), 2};
    for (int round = 0; round < 300 && !HasFailure(); ++round) {
        occupy(relay);
        std::array<Stream, 2> leaving{relay.connect(), relay.connect()};
        expect_queued(relay, leaving.size());
        std::latch start{2};
        std::thread freeing{[&] {
            start.arrive_and_wait();
            holder.reset();
        }};
        start.arrive_and_wait();
        for (Stream& client : leaving) {
            client.reset();
        }
        Stream stays = relay.connect();
        freeing.join();
        EXPECT_TRUE(stays.send("x"));
        // One that was leaving may have had its turn.
        Stream server = upstream.accept();
        while (server.is_open() && server.receive(1).empty()) {
            server = upstream.accept();
        }
        EXPECT_TRUE(server.is_open()) << round;
        stays.reset();
        EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    }
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
