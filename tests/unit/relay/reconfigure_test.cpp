// Another configuration while connections run.
#include "proxy/relay/engine.hpp"
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sys/socket.h>

namespace tandem::relay::test {
namespace {

/// A free port at the moment, for services that are to be found again.
Endpoint free_endpoint() {
    return Upstream{}.endpoint();
}

ServiceConfig service(std::string name, const Endpoint& listen,
                      const std::vector<Endpoint>& upstreams) {
    ServiceConfig config = Relay::service_to(upstreams);
    config.name = std::move(name);
    config.listen = listen;
    return config;
}

class ReconfigureTest : public testing::Test {
  protected:
    Engine& start(std::vector<ServiceConfig> services, unsigned workers = 2) {
        engine = std::make_unique<Engine>(
            EngineConfig{.services = std::move(services), .workers = workers}, observer);
        EXPECT_EQ(engine->start(), std::vector<std::string>{});
        return *engine;
    }
    ServiceStatus status(const std::string& name) const {
        for (const ServiceStatus& each : engine->status()) {
            if (each.name == name) {
                return each;
            }
        }
        return {};
    }
    static void expect_echo(Stream& client, Stream& server, const std::string& text) {
        ASSERT_TRUE(client.send(text));
        EXPECT_EQ(server.receive(text.size()), text);
        ASSERT_TRUE(server.send(text));
        EXPECT_EQ(client.receive(text.size()), text);
    }
    static bool refuses(const Endpoint& endpoint) {
        return eventually([&] {
            const Stream stream = connect_to(endpoint);
            int error = 0;
            socklen_t size = sizeof error;
            ::getsockopt(stream.native(), SOL_SOCKET, SO_ERROR, &error, &size);
            return error == ECONNREFUSED;
        });
    }

    RecordingObserver observer;
    std::unique_ptr<Engine> engine;
    Upstream one;
    Upstream other;
    const Endpoint listen = free_endpoint();
};

TEST_F(ReconfigureTest, AnUnchangedServiceKeepsItsConnectionsAndAcceptsOn) {
    const ServiceConfig same = service("same", listen, {one.endpoint()});
    start({same});
    Stream client = connect_to(listen);
    Stream server = one.accept();
    EXPECT_EQ(engine->reconfigure({same}), std::vector<std::string>{});
    expect_echo(client, server, "old");
    Stream second = connect_to(listen);
    Stream second_server = one.accept();
    expect_echo(second, second_server, "new");
    EXPECT_EQ(status("same").counters.accepted, 2);
}

TEST_F(ReconfigureTest, AChangedServiceSendsNewConnectionsElsewhereAndLosesNone) {
    start({service("web", listen, {one.endpoint()})});
    Stream old_client = connect_to(listen);
    Stream old_server = one.accept();
    expect_echo(old_client, old_server, "before");
    ASSERT_EQ(engine->reconfigure({service("web", listen, {other.endpoint()})}),
              std::vector<std::string>{});
    Stream client = connect_to(listen);
    Stream server = other.accept();
    expect_echo(client, server, "new");
    expect_echo(old_client, old_server, "after");
    EXPECT_TRUE(eventually([&] { return status("web").counters.active == 2; }));
    EXPECT_EQ(status("web").counters.accepted, 2);
    old_client.finish();
    old_server.finish();
    EXPECT_EQ(old_client.receive_all(), "");
    EXPECT_TRUE(eventually([&] { return status("web").counters.active == 1; }));
    // What the earlier configuration has counted stays, also when it is forgotten.
    EXPECT_TRUE(eventually([&] {
        const ServiceCounters counters = status("web").counters;
        return counters.accepted == 2 && counters.finished == 1 && counters.bytes_to_client == 14;
    }));
}

TEST_F(ReconfigureTest, AnAddedServiceAcceptsAndARemovedOneRefusesButFinishesWhatItHas) {
    const Endpoint second = free_endpoint();
    start({service("first", listen, {one.endpoint()})});
    Stream old_client = connect_to(listen);
    Stream old_server = one.accept();
    ASSERT_EQ(engine->reconfigure({service("second", second, {other.endpoint()})}),
              std::vector<std::string>{});
    EXPECT_TRUE(refuses(listen));
    expect_echo(old_client, old_server, "still here");
    Stream client = connect_to(second);
    Stream server = other.accept();
    expect_echo(client, server, "new");
    ASSERT_EQ(engine->status().size(), 1);
    EXPECT_EQ(engine->status()[0].name, "second");
    // And comes back.
    ASSERT_EQ(engine->reconfigure({service("first", listen, {other.endpoint()})}),
              std::vector<std::string>{});
    Stream again = connect_to(listen);
    Stream again_server = other.accept();
    expect_echo(again, again_server, "back");
}

TEST_F(ReconfigureTest, AListenerThatFailsChangesNothing) {
    start({service("web", listen, {one.endpoint()})});
    const Upstream taken;
    const auto errors =
        engine->reconfigure({service("web", listen, {other.endpoint()}),
                             service("taken", taken.endpoint(), {other.endpoint()})});
    ASSERT_EQ(errors.size(), 1);
    EXPECT_TRUE(errors[0].starts_with("taken: cannot listen on ")) << errors[0];
    Stream client = connect_to(listen);
    Stream server = one.accept();
    expect_echo(client, server, "as before");
    ASSERT_EQ(engine->status().size(), 1);
}

TEST_F(ReconfigureTest, OrdersAndResultsOfChecksAreTakenOver) {
    ServiceConfig config = service("web", listen, {one.endpoint(), other.endpoint()});
    config.upstreams[0].checks.emplace_back();
    config.upstreams[1].checks.emplace_back();
    start({config});
    engine->set_upstream_up("web", config.upstreams[0].name, false);
    ASSERT_TRUE(engine->set_upstream_admin("web", config.upstreams[1].name, AdminState::Drain));
    ASSERT_TRUE(engine->set_upstream_weight("web", config.upstreams[1].name, 7));
    std::swap(config.upstreams[0], config.upstreams[1]);
    ASSERT_EQ(engine->reconfigure({config}), std::vector<std::string>{});
    const ServiceStatus now = status("web");
    ASSERT_EQ(now.upstreams.size(), 2);
    EXPECT_TRUE(now.upstreams[0].up);
    EXPECT_EQ(now.upstreams[0].admin, AdminState::Drain);
    EXPECT_EQ(now.upstreams[0].weight_override, 7);
    EXPECT_FALSE(now.upstreams[1].up);
    EXPECT_EQ(now.upstreams[1].admin, AdminState::Ready);
}

TEST_F(ReconfigureTest, ALimitCountsConnectionsOfBeforeAndARaisedOneLetsInWhoWaits) {
    ServiceConfig config = service("web", listen, {one.endpoint()});
    config.max_connections = 1;
    start({config});
    Stream first = connect_to(listen);
    Stream first_server = one.accept();
    config.fin_timeout = std::chrono::seconds{9};
    ASSERT_EQ(engine->reconfigure({config}), std::vector<std::string>{});
    Stream second = connect_to(listen);
    EXPECT_FALSE(one.accept(std::chrono::milliseconds{50}).is_open());
    config.max_connections = 2;
    ASSERT_EQ(engine->reconfigure({config}), std::vector<std::string>{});
    Stream second_server = one.accept();
    expect_echo(second, second_server, "in");
    EXPECT_EQ(status("web").counters.active, 2);
}

TEST_F(ReconfigureTest, WhoWaitsForAPlaceGetsTheOneThatIsGivenBackAfterwards) {
    ServiceConfig config = service("web", listen, {one.endpoint()});
    config.upstreams[0].balance.upper_threshold = 1;
    config.balance.queue_limit = 10;
    config.balance.queue_timeout = kPatience;
    start({config});
    Stream first = connect_to(listen);
    Stream first_server = one.accept();
    Stream waiting = connect_to(listen);
    ASSERT_TRUE(eventually([&] { return status("web").counters.queued == 1; }));
    config.fin_timeout = std::chrono::seconds{9};
    ASSERT_EQ(engine->reconfigure({config}), std::vector<std::string>{});
    Stream late = connect_to(listen);
    ASSERT_TRUE(eventually([&] { return status("web").counters.queued == 2; }));
    // Who waits costs nothing, in whichever configuration.
    const std::clock_t before = std::clock();
    EXPECT_FALSE(one.accept(std::chrono::milliseconds{100}).is_open());
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 20);
    // One place at a time, whichever configuration the connection belongs to.
    first.reset();
    Stream second_server = one.accept();
    ASSERT_TRUE(second_server.is_open());
    second_server.reset();
    EXPECT_TRUE(one.accept().is_open());
}

TEST_F(ReconfigureTest, AnEarlierConfigurationThatNobodyWaitsInPassesNoPlaceRoundForEver) {
    ServiceConfig config = service("web", listen, {one.endpoint()});
    config.upstreams[0].balance.upper_threshold = 1;
    config.balance.queue_timeout = kPatience;
    start({config});
    Stream first = connect_to(listen);
    Stream first_server = one.accept();
    config.fin_timeout = std::chrono::seconds{9};
    ASSERT_EQ(engine->reconfigure({config}), std::vector<std::string>{});
    Stream waiting = connect_to(listen);
    ASSERT_TRUE(eventually([&] { return status("web").counters.queued == 1; }));
    engine->set_upstream_weight("web", config.upstreams[0].name, 2);
    const std::clock_t before = std::clock();
    EXPECT_FALSE(one.accept(std::chrono::milliseconds{100}).is_open());
    EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 20);
    first.reset();
    EXPECT_TRUE(one.accept().is_open());
}

TEST_F(ReconfigureTest, PersistentClientsReturnToTheirUpstreamWhereverItStands) {
    ServiceConfig config = service("web", listen, {one.endpoint(), other.endpoint()});
    config.balance.persistence_timeout = std::chrono::seconds{60};
    start({config});
    Stream client = connect_to(listen);
    const bool was_one = one.accept(std::chrono::milliseconds{200}).is_open();
    std::swap(config.upstreams[0], config.upstreams[1]);
    config.balance.persistence_timeout = std::chrono::seconds{30};
    ASSERT_EQ(engine->reconfigure({config}), std::vector<std::string>{});
    for (int count = 0; count < 3; ++count) {
        const Stream again = connect_to(listen);
        EXPECT_TRUE((was_one ? one : other).accept().is_open());
    }
}

TEST_F(ReconfigureTest, ADeactivationEndsConnectionsOfEveryConfiguration) {
    ServiceConfig config = service("web", listen, {one.endpoint()});
    config.instance = "VI_1";
    start({config});
    engine->activate("VI_1");
    Stream first = connect_to(listen);
    Stream first_server = one.accept();
    config.upstreams = service("web", listen, {other.endpoint()}).upstreams;
    ServiceConfig added = service("added", free_endpoint(), {other.endpoint()});
    added.instance = "VI_1";
    ASSERT_EQ(engine->reconfigure({config, added}), std::vector<std::string>{});
    Stream second = connect_to(listen);
    Stream second_server = other.accept();
    // The instance is active: so is what comes to it.
    Stream third = connect_to(added.listen);
    Stream third_server = other.accept();
    expect_echo(third, third_server, "at once");
    EXPECT_EQ(engine->active_connections("VI_1"), 3);
    std::promise<std::uint64_t> done;
    engine->deactivate("VI_1", [&](std::uint64_t count) { done.set_value(count); });
    auto result = done.get_future();
    ASSERT_EQ(result.wait_for(kPatience), std::future_status::ready);
    EXPECT_EQ(result.get(), 3);
    for (Stream* stream : {&first, &second, &third}) {
        EXPECT_EQ(stream->receive_all(), "");
        EXPECT_EQ(stream->ending(), Ending::Reset);
    }
    EXPECT_EQ(engine->connections_reset("VI_1"), 3);
    // An inactive one's new services refuse.
    ServiceConfig late = service("late", free_endpoint(), {other.endpoint()});
    late.instance = "VI_1";
    ASSERT_EQ(engine->reconfigure({config, late}), std::vector<std::string>{});
    Stream refused = connect_to(late.listen);
    EXPECT_EQ(refused.receive_all(), "");
    EXPECT_EQ(refused.ending(), Ending::Reset);
    EXPECT_EQ(engine->connections_reset("VI_1"), 3);
}

TEST_F(ReconfigureTest, ConnectionsOfEveryConfigurationAreListedUnderTheService) {
    start({service("web", listen, {one.endpoint()})});
    const Stream first = connect_to(listen);
    const Stream first_server = one.accept();
    ASSERT_EQ(engine->reconfigure({service("web", listen, {other.endpoint()})}),
              std::vector<std::string>{});
    const Stream second = connect_to(listen);
    const Stream second_server = other.accept();
    ASSERT_TRUE(eventually([&] { return status("web").counters.active == 2; }));
    std::promise<ConnectionList> list;
    ASSERT_TRUE(engine->list_connections(
        "web", 10, [&](ConnectionList found) { list.set_value(std::move(found)); }));
    EXPECT_EQ(list.get_future().get().total, 2);
    EXPECT_EQ(engine->numbered_services().size(), 2);
}

// What a reload in the middle of everything must not do: refuse somebody, lose a byte, leak.
TEST_F(ReconfigureTest, AHundredChangesUnderTrafficRefuseNobodyAndLoseNothing) {
    const std::string sent = pattern(200'000);
    ServiceConfig config = service("web", listen, {one.endpoint()});
    start({config});
    std::atomic<bool> over{false};
    std::atomic<bool> clients_over{false};
    std::thread servers{[&] {
        std::vector<std::thread> sessions;
        while (true) {
            Stream stream = one.accept();
            if (clients_over || !stream.is_open()) {
                break;
            }
            sessions.emplace_back([stream = std::move(stream), size = sent.size()]() mutable {
                const std::string all = stream.receive(size);
                stream.send(all);
                stream.finish();
            });
        }
        for (std::thread& session : sessions) {
            session.join();
        }
    }};
    std::atomic<unsigned> whole{0};
    std::atomic<unsigned> tried{0};
    std::vector<std::thread> clients;
    for (int count = 0; count < 4; ++count) {
        clients.emplace_back([&] {
            while (!over) {
                ++tried;
                Stream stream = connect_to(listen);
                stream.send(sent);
                whole += stream.receive_all() == sent && stream.ending() == Ending::Fin ? 1U : 0U;
            }
        });
    }
    for (unsigned change = 0; change < 100; ++change) {
        config.idle_timeout = std::chrono::seconds{100 + change};
        config.upstreams[0].weight = 1 + change % 3;
        std::vector<ServiceConfig> services{config};
        if (change % 2 == 0) {
            services.push_back(service("extra", Endpoint{listen.address(), 0}, {one.endpoint()}));
        }
        ASSERT_EQ(engine->reconfigure(services), std::vector<std::string>{});
        const unsigned before = whole;
        ASSERT_TRUE(eventually([&] { return whole > before; })) << change;
    }
    over = true;
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(whole, tried);
    clients_over = true;
    const Stream wake = connect_to(one.endpoint());
    servers.join();
    EXPECT_TRUE(eventually([&] { return status("web").counters.active == 0; }));
    EXPECT_EQ(status("web").counters.accepted, tried);
    EXPECT_EQ(status("web").counters.finished, tried);
    EXPECT_TRUE(eventually([&] {
        static_cast<void>(engine->status());
        return engine->numbered_services().size() <= 2;
    }));
}

}  // namespace
}  // namespace tandem::relay::test
