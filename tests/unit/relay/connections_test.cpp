// The list of open connections and their end by the operator, through the engine.
#include "proxy/relay/access_queue.hpp"
#include "tests/unit/relay/support.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

class Connections : public testing::Test {
  protected:
    ServiceConfig service() { return Relay::service_to({upstream.endpoint()}); }
    ConnectionList list(Engine& engine, const std::string& name = {}, std::size_t most = 1000) {
        const auto result = std::make_shared<std::promise<ConnectionList>>();
        auto future = result->get_future();
        EXPECT_TRUE(engine.list_connections(
            name, most, [result](ConnectionList got) { result->set_value(std::move(got)); }));
        if (future.wait_for(kPatience) != std::future_status::ready) {
            ADD_FAILURE() << "no list";
            return {};
        }
        return future.get();
    }
    std::vector<FlowId> disconnect(Engine& engine, const std::vector<FlowId>& ids) {
        const auto result = std::make_shared<std::promise<std::vector<FlowId>>>();
        auto future = result->get_future();
        engine.disconnect(ids,
                          [result](std::vector<FlowId> got) { result->set_value(std::move(got)); });
        if (future.wait_for(kPatience) != std::future_status::ready) {
            ADD_FAILURE() << "no answer";
            return {};
        }
        return future.get();
    }
    Upstream upstream;
};

TEST_F(Connections, AreDescribed) {
    Relay relay{service()};
    EXPECT_EQ(list(relay.engine()).total, 0U);
    Stream client = relay.connect();
    Stream server = upstream.accept();
    ASSERT_TRUE(client.send("question"));
    ASSERT_EQ(server.receive(8), "question");
    ASSERT_TRUE(server.send("answer"));
    ASSERT_EQ(client.receive(6), "answer");
    const ConnectionList all = list(relay.engine());
    ASSERT_EQ(all.total, 1U);
    const ConnectionInfo& info = all.connections.at(0);
    EXPECT_NE(info.id, FlowId{});
    EXPECT_EQ(info.service, "service");
    EXPECT_EQ(info.upstream, "upstream0");
    EXPECT_EQ(info.client, client.local());
    EXPECT_EQ(info.virtual_address, relay.endpoint());
    EXPECT_EQ(info.source, server.remote());
    EXPECT_EQ(info.bytes_to_upstream, 8U);
    EXPECT_EQ(info.bytes_to_client, 6U);
    EXPECT_EQ(info.phase, FlowPhase::Relay);
    EXPECT_GE(info.age, info.idle);
    client.finish();
    EXPECT_EQ(server.receive_all(), "");
    const ConnectionInfo half = list(relay.engine()).connections.at(0);
    EXPECT_EQ(half.id, info.id);
    EXPECT_EQ(half.phase, FlowPhase::HalfClosed);
    EXPECT_TRUE(half.client_closed);
    EXPECT_FALSE(half.upstream_closed);
    server.finish();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    EXPECT_EQ(list(relay.engine()).total, 0U);
}

TEST_F(Connections, ManyOfSeveralWorkersAreListedOnceAndBounded) {
    constexpr std::size_t kCount = 300;
    Relay relay{service(), 2};
    std::vector<Stream> clients;
    for (std::size_t count = 0; count < kCount; ++count) {
        clients.push_back(relay.connect());
    }
    ASSERT_TRUE(eventually([&] { return relay.counters().active == kCount; }));
    const ConnectionList all = list(relay.engine());
    EXPECT_EQ(all.total, kCount);
    std::set<std::string> ids;
    for (const ConnectionInfo& info : all.connections) {
        ids.insert(to_string(info.id));
    }
    EXPECT_EQ(ids.size(), kCount);
    const ConnectionList some = list(relay.engine(), "service", 7);
    EXPECT_EQ(some.total, kCount);
    EXPECT_EQ(some.connections.size(), 7U);
    EXPECT_EQ(list(relay.engine(), {}, 0).total, kCount);
}

TEST_F(Connections, OfOneServiceOnly) {
    RecordingObserver observer;
    ServiceConfig first = service();
    ServiceConfig second = service();
    second.name = "second";
    Engine engine{EngineConfig{.services = {first, second}, .workers = 1}, observer};
    ASSERT_TRUE(engine.start().empty());
    Stream one = connect_to(engine.listen_endpoint("service"));
    Stream two = connect_to(engine.listen_endpoint("second"));
    ASSERT_TRUE(upstream.accept().is_open());
    ASSERT_TRUE(eventually([&] { return list(engine).total >= 1; }));
    ASSERT_TRUE(eventually([&] { return list(engine, "second").total == 1; }));
    EXPECT_EQ(list(engine, "second").connections.at(0).service, "second");
    EXPECT_FALSE(engine.list_connections("third", 10, [](const ConnectionList&) { FAIL(); }));
}

TEST_F(Connections, DisconnectResetsBothSidesOfThoseNamed) {
    ServiceConfig config = service();
    config.access_log.target = AccessLogConfig::Target::Syslog;
    Relay relay{config, 2};
    Stream client = relay.connect();
    Stream server = upstream.accept();
    const FlowId id = list(relay.engine()).connections.at(0).id;
    Stream other = relay.connect();
    Stream other_server = upstream.accept();
    const FlowId strange{99, id.token};
    const FlowId later{id.worker, id.token + (std::uint64_t{1} << 32U)};
    EXPECT_EQ(disconnect(relay.engine(), {strange, later, id}), std::vector<FlowId>{id});
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_EQ(server.receive_all(), "");
    EXPECT_EQ(server.ending(), Ending::Reset);
    EXPECT_EQ(relay.counters().ended_by_operator, 1U);
    EXPECT_EQ(relay.counters().active, 1U);
    EXPECT_TRUE(disconnect(relay.engine(), {id}).empty());
    ASSERT_TRUE(other.send("still here"));
    EXPECT_EQ(other_server.receive(10), "still here");
    AccessRecord record;
    ASSERT_TRUE(relay.engine().access_queue()->take(record));
    EXPECT_EQ(record.id, id);
    EXPECT_EQ(to_string(record.cause), "operator");
    EXPECT_EQ(to_string(record.ended_by), "tandem");
}

TEST_F(Connections, AListThatTheEngineDoesNotFinishIsDropped) {
    auto relay = std::make_unique<Relay>(service());
    std::vector<Stream> clients;
    for (int count = 0; count < 100; ++count) {
        clients.push_back(relay->connect());
    }
    ASSERT_TRUE(eventually([&] { return relay->counters().active == 100; }));
    const auto token = std::make_shared<int>(0);
    for (int count = 0; count < 10; ++count) {
        relay->engine().list_connections({}, 1000, [token](const ConnectionList&) {});
    }
    relay.reset();
    EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace tandem::relay::test
