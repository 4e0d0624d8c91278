// The end of a life as active node: what a busy worker, a slow election and a reader that does not
// read make of it.
#include "tests/unit/relay/support.hpp"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

/// One worker with a service "gated" of instance VI_1, and two services that hold the worker in
/// the observer as soon as a client comes.
class BusyWorker {
  public:
    explicit BusyWorker(ServiceConfig gated)
        : engine_(EngineConfig{.services = {std::move(gated), blocker("first"), blocker("second")},
                               .workers = 1,
                               .max_connections = 10'000},
                  observer_) {
        EXPECT_TRUE(engine_.start().empty());
    }
    ~BusyWorker() { observer_.release(); }

    Engine& engine() { return engine_; }
    BlockingObserver& observer() { return observer_; }
    ServiceStatus status() { return engine_.status().at(0); }
    Stream connect(const std::string& service, const std::optional<IpAddress>& source = {}) {
        return connect_to(engine_.listen_endpoint(service), source);
    }
    /// Holds the worker in the middle of a turn in which it will next accept from "gated"; a client
    /// connects there meanwhile.
    Stream hold_before_accepting() {
        blockers_.push_back(connect("first"));
        EXPECT_TRUE(observer_.wait_for("first"));
        blockers_.push_back(connect("second"));
        Stream client = connect("gated");
        observer_.release("first");
        EXPECT_TRUE(observer_.wait_for("second"));
        return client;
    }
    void hold() {
        blockers_.push_back(connect("first"));
        EXPECT_TRUE(observer_.wait_for("first"));
    }

  private:
    static ServiceConfig blocker(const std::string& name) {
        auto service = Relay::service_to({});
        service.name = name;
        return service;
    }
    BlockingObserver observer_;
    Engine engine_;
    std::vector<Stream> blockers_;
};

ServiceConfig gated(const Endpoint& upstream) {
    auto service = Relay::service_to({upstream});
    service.name = "gated";
    service.instance = "VI_1";
    return service;
}

TEST(Demotion, ABusyWorkerRefusesNobodyAfterActivateReturned) {
    Upstream upstream;
    BusyWorker node{gated(upstream.endpoint())};
    Stream client = node.hold_before_accepting();
    node.engine().activate("VI_1");
    EXPECT_TRUE(node.status().accepting);
    node.observer().release();
    ASSERT_TRUE(client.send("hello"));
    EXPECT_EQ(upstream.accept(std::chrono::seconds{1}).receive(5), "hello");
}

TEST(Demotion, ABusyWorkerAcceptsNobodyAfterDeactivateReturned) {
    Upstream upstream;
    BusyWorker node{gated(upstream.endpoint())};
    node.engine().activate("VI_1");
    Stream client = node.hold_before_accepting();
    node.engine().deactivate("VI_1", [](std::uint64_t) {});
    EXPECT_FALSE(node.status().accepting);
    node.observer().release();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_EQ(node.status().counters.accepted, 0U);
}

TEST(Demotion, ANewLifeKeepsItsFirstClientsAndTheOldOnesAreReset) {
    Upstream upstream;
    BusyWorker node{gated(upstream.endpoint())};
    node.engine().activate("VI_1");
    Stream old = node.connect("gated");
    Stream old_server = upstream.accept();
    ASSERT_TRUE(old_server.is_open());
    Stream young = node.hold_before_accepting();
    std::atomic<bool> done{false};
    node.engine().deactivate("VI_1", [&done](std::uint64_t) { done = true; });
    node.engine().activate("VI_1");
    node.observer().release();
    ASSERT_TRUE(young.send("hello"));
    Stream young_server = upstream.accept(std::chrono::seconds{1});
    EXPECT_EQ(young_server.receive(5), "hello");
    EXPECT_TRUE(eventually([&] { return done.load(); }));
    EXPECT_EQ(old.receive_all(), "");
    EXPECT_EQ(old.ending(), Ending::Reset);
    ASSERT_TRUE(young_server.send("still here"));
    EXPECT_EQ(young.receive(10), "still here");
    EXPECT_EQ(node.status().counters.active, 1U);
    EXPECT_TRUE(node.status().accepting);
}

TEST(Demotion, StopRunsEveryPendingDoneAndDropsLaterOnes) {
    Upstream upstream;
    auto service = gated(upstream.endpoint());
    RecordingObserver observer;
    Engine engine{EngineConfig{.services = {service}, .workers = 2}, observer};
    ASSERT_TRUE(engine.start().empty());
    engine.activate("VI_1");
    std::vector<Stream> clients;
    for (int count = 0; count < 50; ++count) {
        clients.push_back(connect_to(engine.listen_endpoint("gated")));
        ASSERT_TRUE(upstream.accept().is_open());
    }
    EXPECT_TRUE(eventually([&] { return engine.active_connections("VI_1") == 50; }));
    EXPECT_EQ(engine.active_connections("VI_2"), 0U);
    std::atomic<int> done{0};
    engine.deactivate("VI_1", [&done](std::uint64_t) { ++done; });
    engine.stop();
    EXPECT_EQ(done, 1);
    EXPECT_EQ(engine.active_connections("VI_1"), 0U);
    EXPECT_EQ(engine.connections_reset("VI_1"), 50U);
    engine.deactivate("VI_1", [&done](std::uint64_t) { ++done; });
    engine.stop();
    EXPECT_EQ(done, 1);
    EXPECT_EQ(engine.status().size(), 1U);
}

TEST(Demotion, I3_SilenceWithoutAPurgeEndsWithTheNextLife) {
    Upstream upstream;
    Relay relay{gated(upstream.endpoint())};
    relay.engine().activate("VI_1");
    ASSERT_TRUE(relay.deactivate("VI_1"));
    relay.engine().silence("VI_1");
    relay.engine().activate("VI_1");
    Stream client = connect_to(relay.engine().listen_endpoint("gated"));
    const Stream server = upstream.accept();
    ASSERT_TRUE(server.is_open());
    ASSERT_TRUE(relay.deactivate("VI_1"));
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
}

/// Both sides have ended in order, and the client has yet to read almost everything.
class Delivering : public testing::Test {
  protected:
    static constexpr std::size_t kSize = std::size_t{300} * 1024;
    void finish_with_a_full_socket(Relay& relay) {
        client = relay.connect();
        Stream server = upstream.accept();
        client.set_buffers(4096);
        ASSERT_TRUE(server.send(pattern(kSize)));
        server.finish();
        client.finish();
        EXPECT_EQ(server.receive_all(), "");
        ASSERT_TRUE(eventually([&] { return relay.counters().bytes_to_client == kSize; }));
    }
    Upstream upstream;
    Stream client;
};

TEST_F(Delivering, AFlowEndsWhenTheKernelHasDeliveredEverything) {
    Relay relay{Relay::service_to({upstream.endpoint()})};
    finish_with_a_full_socket(relay);
    EXPECT_EQ(relay.counters().active, 1U);
    EXPECT_EQ(client.receive(kSize), pattern(kSize));
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Fin);
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == 1; }));
    EXPECT_EQ(relay.counters().active, 0U);
}

TEST_F(Delivering, AReaderThatStoppedIsResetAfterTheFinTimeout) {
    auto service = Relay::service_to({upstream.endpoint()});
    service.fin_timeout = std::chrono::milliseconds{200};
    Relay relay{service};
    finish_with_a_full_socket(relay);
    EXPECT_TRUE(eventually([&] { return relay.counters().timed_out == 1; }));
    EXPECT_EQ(relay.counters().active, 0U);
}

struct Addresses {
    std::string vip;
    std::string own;
    std::string length;
};
const Addresses kIpv4{"198.51.100.100", "198.51.100.11", "/32"};
const Addresses kIpv6{"2001:db8::100", "2001:db8::11", "/128"};

class DemotionNamespace : public testing::TestWithParam<Addresses> {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "needs root for a network namespace";
        }
    }
};

void add_addresses(const Addresses& addresses) {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    add_to_loopback(addresses.own + addresses.length);
    add_to_loopback(addresses.vip + addresses.length);
}

void purge_closes_the_rest_silently(const Addresses& addresses) {
    add_addresses(addresses);
    Upstream upstream{addresses.own.c_str()};
    auto service = gated(upstream.endpoint());
    service.listen = loopback(0, addresses.vip.c_str());
    service.source_addresses = {service.listen.address()};
    BusyWorker node{service};
    node.engine().activate("VI_1");
    std::vector<Stream> streams;
    for (int count = 0; count < 40; ++count) {
        streams.push_back(node.connect("gated", upstream.endpoint().address()));
        streams.push_back(upstream.accept());
        ASSERT_TRUE(streams.back().is_open());
    }
    // The election lost patience: the address goes while the worker has not even begun.
    node.hold();
    std::atomic<bool> done{false};
    node.engine().deactivate("VI_1", [&done](std::uint64_t) { done = true; });
    run("ip addr del " + addresses.vip + addresses.length + " dev lo");
    Capture capture;
    node.engine().purge("VI_1");
    node.observer().release();
    EXPECT_TRUE(eventually([&] { return done.load(); }));
    EXPECT_TRUE(eventually([&] { return node.status().counters.active == 0; }));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    EXPECT_EQ(capture.sent_from(service.listen.address()), 0U);
}

TEST_P(DemotionNamespace, I3_WhatIsLeftAtThePurgeIsClosedSilently) {
    in_child([] { purge_closes_the_rest_silently(GetParam()); });
}

void nothing_is_left_to_retransmit(const Addresses& addresses) {
    add_addresses(addresses);
    Upstream upstream{addresses.own.c_str()};
    auto service = gated(upstream.endpoint());
    service.name = "service";
    service.listen = loopback(0, addresses.vip.c_str());
    service.source_addresses = {service.listen.address()};
    Relay relay{service};
    relay.engine().activate("VI_1");
    Stream client = relay.connect(upstream.endpoint().address());
    Stream server = upstream.accept();
    // More than the client's window, less than the buffers on the way.
    client.set_buffers(4096);
    ASSERT_TRUE(server.send(pattern(std::size_t{300} * 1024)));
    server.finish();
    client.finish();
    EXPECT_EQ(server.receive_all(), "");
    ASSERT_EQ(server.ending(), Ending::Fin);
    server.close();
    ASSERT_TRUE(eventually([&] { return relay.counters().bytes_to_client == 300 * 1024; }));
    ASSERT_TRUE(relay.deactivate("VI_1"));
    run("ip addr del " + addresses.vip + addresses.length + " dev lo");
    Capture capture;
    relay.engine().purge("VI_1");
    std::this_thread::sleep_for(std::chrono::milliseconds{1500});
    EXPECT_EQ(capture.sent_from(service.listen.address()), 0U);
}

TEST_P(DemotionNamespace, I3_AFinishedFlowLeavesNothingToRetransmit) {
    in_child([] { nothing_is_left_to_retransmit(GetParam()); });
}

INSTANTIATE_TEST_SUITE_P(Families, DemotionNamespace, testing::Values(kIpv4, kIpv6),
                         [](const auto& test) {
                             return std::string{test.param.length == "/32" ? "Ipv4" : "Ipv6"};
                         });

}  // namespace
}  // namespace tandem::relay::test
