// The record of a connection, through the engine: every way in which one can end.
#include "proxy/relay/access_queue.hpp"
#include "tests/unit/relay/support.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

class AccessFlow : public testing::Test {
  protected:
    ServiceConfig service() {
        ServiceConfig config = Relay::service_to({upstream.endpoint()});
        config.access_log.target = AccessLogConfig::Target::Syslog;
        return config;
    }
    void start(ServiceConfig config) { relay.emplace(std::move(config)); }
    void establish() {
        client = relay->connect();
        server = upstream.accept();
        ASSERT_TRUE(client.is_open() && server.is_open());
    }
    void exchange() {
        ASSERT_TRUE(client.send("question"));
        ASSERT_EQ(server.receive(8), "question");
        ASSERT_TRUE(server.send("answer"));
        ASSERT_EQ(client.receive(6), "answer");
    }
    /// The next record; a default one when there is none within patience.
    AccessRecord next() {
        AccessRecord record;
        EXPECT_TRUE(eventually([&] { return relay->engine().access_queue()->take(record); }));
        return record;
    }
    static void expect(const AccessRecord& record, EndedBy side, EndCause cause, FlowPhase phase) {
        EXPECT_EQ(to_string(record.ended_by), to_string(side));
        EXPECT_EQ(to_string(record.cause), to_string(cause));
        EXPECT_EQ(to_string(record.phase), to_string(phase));
    }

    Upstream upstream;
    std::optional<Relay> relay;
    Stream client;
    Stream server;
};

TEST_F(AccessFlow, AnOrderlyConnectionHasEverything) {
    start(service());
    establish();
    exchange();
    const Endpoint from = client.local();
    const Endpoint source = server.remote();
    client.finish();
    EXPECT_EQ(server.receive_all(), "");
    server.finish();
    EXPECT_EQ(client.receive_all(), "");
    const AccessRecord record = next();
    expect(record, EndedBy::Client, EndCause::Closed, FlowPhase::Deliver);
    EXPECT_NE(record.id.token, 0U);
    EXPECT_EQ(record.client, from);
    EXPECT_EQ(record.virtual_address, relay->endpoint());
    EXPECT_EQ(record.source, source);
    EXPECT_EQ(record.upstream, 0U);
    EXPECT_EQ(record.retries, 0U);
    EXPECT_EQ(record.bytes_to_upstream, 8U);
    EXPECT_EQ(record.bytes_to_client, 6U);
    EXPECT_GE(record.connect_time, Clock::duration::zero());
    EXPECT_GE(record.first_byte_time, record.connect_time);
    EXPECT_GE(record.ended - record.started, record.first_byte_time);
    AccessRecord another;
    EXPECT_FALSE(relay->engine().access_queue()->take(another));
}

TEST_F(AccessFlow, ASourceOfThePoolIsKnownWithoutAskingTheKernel) {
    ServiceConfig config = service();
    config.source_addresses = {make_address("127.0.0.5")};
    start(config);
    establish();
    const Endpoint source = server.remote();
    EXPECT_EQ(source.address(), make_address("127.0.0.5"));
    client.reset();
    EXPECT_EQ(next().source, source);
}

TEST_F(AccessFlow, TheUpstreamClosesFirst) {
    start(service());
    establish();
    server.finish();
    EXPECT_EQ(client.receive_all(), "");
    client.finish();
    expect(next(), EndedBy::Upstream, EndCause::Closed, FlowPhase::Deliver);
}

TEST_F(AccessFlow, ResetsNameTheSide) {
    start(service());
    establish();
    exchange();
    client.reset();
    AccessRecord record = next();
    expect(record, EndedBy::Client, EndCause::Reset, FlowPhase::Relay);
    EXPECT_EQ(record.bytes_to_upstream, 8U);
    establish();
    server.reset();
    record = next();
    expect(record, EndedBy::Upstream, EndCause::Reset, FlowPhase::Relay);
    EXPECT_EQ(record.first_byte_time, AccessRecord::kNever);
}

TEST_F(AccessFlow, AResetAfterHalfCloseSaysSo) {
    start(service());
    establish();
    client.finish();
    EXPECT_EQ(server.receive_all(), "");
    server.reset();
    expect(next(), EndedBy::Upstream, EndCause::Reset, FlowPhase::HalfClosed);
}

TEST_F(AccessFlow, TimeoutsAreToldApart) {
    ServiceConfig config = service();
    config.idle_timeout = 50ms;
    start(config);
    establish();
    expect(next(), EndedBy::Tandem, EndCause::IdleTimeout, FlowPhase::Relay);
    relay.reset();

    config.idle_timeout = 1h;
    config.fin_timeout = 50ms;
    start(config);
    establish();
    client.finish();
    expect(next(), EndedBy::Tandem, EndCause::FinTimeout, FlowPhase::HalfClosed);
    relay.reset();

    config.fin_timeout = 1h;
    config.limits.first_byte_timeout = 50ms;
    start(config);
    establish();
    expect(next(), EndedBy::Tandem, EndCause::FirstByteTimeout, FlowPhase::Relay);
    relay.reset();

    config.limits.first_byte_timeout = 0ms;
    config.limits.max_lifetime = 50ms;
    start(config);
    establish();
    expect(next(), EndedBy::Tandem, EndCause::Lifetime, FlowPhase::Relay);
}

TEST_F(AccessFlow, WithoutAnUpstreamTheAttemptsAreCounted) {
    ServiceConfig config = Relay::service_to({refusing_endpoint(), refusing_endpoint()});
    config.access_log.target = AccessLogConfig::Target::Syslog;
    start(config);
    client = relay->connect();
    const AccessRecord record = next();
    expect(record, EndedBy::Tandem, EndCause::NoUpstream, FlowPhase::Connect);
    EXPECT_EQ(record.retries, 1U);
    EXPECT_LT(record.upstream, 2U);
    EXPECT_EQ(record.connect_time, AccessRecord::kNever);
    EXPECT_EQ(record.source.port(), 0U);
    relay.reset();

    config.upstreams.clear();
    start(config);
    client = relay->connect();
    EXPECT_EQ(next().upstream, AccessRecord::kNoUpstream);
}

TEST_F(AccessFlow, ClientsThatAreRefusedHaveARecordToo) {
    ServiceConfig config = service();
    config.limits.access = {{false, make_address("127.0.0.3"), 32}};
    config.limits.max_connections_per_client = 1;
    start(config);
    client = relay->connect(make_address("127.0.0.3"));
    AccessRecord record = next();
    expect(record, EndedBy::Tandem, EndCause::Denied, FlowPhase::Accept);
    EXPECT_EQ(record.client.address(), make_address("127.0.0.3"));
    EXPECT_EQ(record.virtual_address, relay->endpoint());
    establish();
    Stream second = relay->connect();
    expect(next(), EndedBy::Tandem, EndCause::ClientLimit, FlowPhase::Accept);
    relay.reset();

    config.limits.max_connections_per_client = 0;
    config.limits.max_client_connection_rate = 1;
    start(config);
    establish();
    second = relay->connect();
    expect(next(), EndedBy::Tandem, EndCause::ClientRate, FlowPhase::Accept);
}

TEST_F(AccessFlow, WaitingForAPlaceIsAPhase) {
    ServiceConfig config = service();
    config.upstreams[0].balance.upper_threshold = 1;
    config.balance.queue_limit = 1;
    config.balance.queue_timeout = 50ms;
    start(config);
    establish();
    Stream waiting = relay->connect();
    expect(next(), EndedBy::Tandem, EndCause::QueueTimeout, FlowPhase::Queue);
}

TEST_F(AccessFlow, AnUpstreamThatGoesDownEndsItsConnections) {
    ServiceConfig config = service();
    config.upstreams[0].balance.reset_on_down = true;
    start(config);
    establish();
    relay->engine().set_upstream_admin("service", "upstream0", AdminState::Down);
    expect(next(), EndedBy::Tandem, EndCause::UpstreamDown, FlowPhase::Relay);
}

TEST_F(AccessFlow, TheClientThatAProxyHeaderNamesCounts) {
    ServiceConfig config = service();
    config.preread.proxy_senders = {{make_address("127.0.0.1"), 32}};
    start(config);
    client = relay->connect();
    ASSERT_TRUE(client.send("PROXY TCP4 203.0.113.7 198.51.100.100 40112 443\r\nhello"));
    server = upstream.accept();
    ASSERT_EQ(server.receive(5), "hello");
    client.reset();
    AccessRecord record = next();
    EXPECT_EQ(record.client, Endpoint(make_address("203.0.113.7"), 40'112));
    EXPECT_EQ(record.virtual_address, Endpoint(make_address("198.51.100.100"), 443));
    EXPECT_EQ(record.bytes_to_upstream, 5U);
    client = relay->connect();
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\n"));
    record = next();
    expect(record, EndedBy::Tandem, EndCause::BadProxyHeader, FlowPhase::Preread);
    EXPECT_EQ(record.client, client.local());
}

TEST_F(AccessFlow, TheGateAndADemotionLeaveRecords) {
    ServiceConfig config = service();
    config.instance = "VI_1";
    start(config);
    client = relay->connect();
    expect(next(), EndedBy::Tandem, EndCause::Inactive, FlowPhase::Accept);
    relay->engine().activate("VI_1");
    establish();
    ASSERT_EQ(relay->deactivate("VI_1"), 1U);
    expect(next(), EndedBy::Tandem, EndCause::Demotion, FlowPhase::Relay);
}

TEST_F(AccessFlow, TheRecordsOfTheEndAreThereAfterTheEngine) {
    start(service());
    establish();
    const auto queue = relay->engine().access_queue();
    relay->engine().stop();
    relay.reset();
    AccessRecord record;
    ASSERT_TRUE(queue->take(record));
    expect(record, EndedBy::Tandem, EndCause::Demotion, FlowPhase::Relay);
}

TEST_F(AccessFlow, AServiceWithoutALogHasNoQueue) {
    start(Relay::service_to({upstream.endpoint()}));
    EXPECT_EQ(relay->engine().access_queue(), nullptr);
}

}  // namespace
}  // namespace tandem::relay::test
