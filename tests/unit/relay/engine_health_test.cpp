// What the engine says about its own health: silent workers, listeners that fail, no upstream.
#include "proxy/relay/listener.hpp"
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

constexpr int kMostDescriptors = 1024;

ServiceConfig gated_to(const std::vector<Endpoint>& upstreams) {
    auto service = Relay::service_to(upstreams);
    service.instance = "VI_1";
    return service;
}

std::uint16_t local_port(int descriptor) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == -1) {
        return 0;
    }
    return ntohs(address.sin_port);
}

/// This process's descriptors of sockets that were made to listen on the port.
std::vector<int> find_listeners(std::uint16_t port) {
    std::vector<int> found;
    for (int descriptor = 0; descriptor < kMostDescriptors; ++descriptor) {
        int listens = 0;
        socklen_t size = sizeof listens;
        const bool is_listener =
            ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
            listens != 0;
        if (is_listener && local_port(descriptor) == port) {
            found.push_back(descriptor);
        }
    }
    return found;
}

bool fails_with(const Engine& engine, int error, const std::string& instance = "VI_1") {
    return eventually([&] { return engine.health(instance).accept_error == error; });
}

// Workers

class Workers : public testing::TestWithParam<unsigned> {};

TEST_P(Workers, OneThatIsHeldDoesNotAnswerUntilItIsReleased) {
    BlockingObserver observer;
    EngineConfig config{.services = {Relay::service_to({refusing_endpoint()})},
                        .workers = GetParam()};
    Engine engine{config, observer};
    ASSERT_TRUE(engine.start().empty());
    ASSERT_TRUE(eventually([&] { return engine.ask_workers(); }));
    const Stream client = connect_to(engine.listen_endpoint("service"));
    EXPECT_TRUE(observer.wait_for("service"));
    // This answers for the question before; the ones that follow stay open.
    static_cast<void>(engine.ask_workers());
    int answers = 0;
    for (int count = 0; count < 1000; ++count) {
        answers += engine.ask_workers() ? 1 : 0;
    }
    // Whatever was found: the engine waits for its workers.
    observer.release();
    EXPECT_EQ(answers, 0);
    EXPECT_TRUE(eventually([&] { return engine.ask_workers(); }));
}

INSTANTIATE_TEST_SUITE_P(Count, Workers, testing::Values(1U, 3U));

// Upstreams

TEST(NoUpstream, FollowsTheHealthChecks) {
    Upstream first;
    Upstream second;
    Relay relay{gated_to({first.endpoint(), second.endpoint()}), 2};
    Engine& engine = relay.engine();
    EXPECT_FALSE(engine.health("VI_1").no_upstream) << "no check has failed yet";
    engine.set_upstream_up("service", "upstream0", false);
    EXPECT_FALSE(engine.health("VI_1").no_upstream) << "the other one is left";
    engine.set_upstream_up("service", "upstream1", false);
    EXPECT_TRUE(engine.health("VI_1").no_upstream);
    EXPECT_FALSE(engine.health("VI_2").no_upstream) << "has no service";
    EXPECT_FALSE(engine.health({}).no_upstream) << "no service without an instance";
    engine.set_upstream_up("service", "upstream0", true);
    EXPECT_FALSE(engine.health("VI_1").no_upstream);
}

TEST(NoUpstream, OneServiceOfTwoThatHasOneIsEnough) {
    Upstream upstream;
    auto one = gated_to({upstream.endpoint()});
    auto other = one;
    other.name = "other";
    RecordingObserver observer;
    Engine engine{EngineConfig{.services = {one, other}, .workers = 1}, observer};
    ASSERT_TRUE(engine.start().empty());
    engine.set_upstream_up("service", "upstream0", false);
    EXPECT_FALSE(engine.health("VI_1").no_upstream);
    engine.set_upstream_up("other", "upstream0", false);
    EXPECT_TRUE(engine.health("VI_1").no_upstream);
}

TEST(NoUpstream, NeverOfAServiceThatIsConfiguredWithout) {
    Relay relay{gated_to({})};
    EXPECT_FALSE(relay.engine().health("VI_1").no_upstream);
}

// Listeners

class GoneListener : public testing::TestWithParam<bool> {};

TEST_P(GoneListener, IsToldWhetherActiveOrNotAndClearedWhenItListensAgain) {
    const bool active = GetParam();
    Upstream upstream;
    Relay relay{gated_to({upstream.endpoint()}), 2};
    Engine& engine = relay.engine();
    if (active) {
        engine.activate("VI_1");
    }
    const std::vector<int> listeners = find_listeners(relay.endpoint().port());
    ASSERT_EQ(listeners.size(), 2U);
    EXPECT_EQ(engine.health("VI_1").accept_error, 0);
    // What SOCK_DESTROY does to a listener, as seen by accept().
    ASSERT_EQ(::shutdown(listeners.back(), SHUT_RDWR), 0);
    ASSERT_TRUE(fails_with(engine, EINVAL)) << "one worker of two is enough";
    EXPECT_EQ(engine.health("VI_1").failing_service, "service");
    EXPECT_EQ(engine.health("VI_2").accept_error, 0);
    ASSERT_EQ(::listen(listeners.back(), 1), 0);
    EXPECT_TRUE(fails_with(engine, 0));
}

INSTANTIATE_TEST_SUITE_P(Gate, GoneListener, testing::Bool(),
                         [](const auto& test) { return test.param ? "Open" : "Closed"; });

TEST(Accepting, IsKnownAgainAfterADeactivationThatTheFailureCaused) {
    Upstream upstream;
    Relay relay{gated_to({upstream.endpoint()})};
    Engine& engine = relay.engine();
    engine.activate("VI_1");
    const std::vector<int> listeners = find_listeners(relay.endpoint().port());
    ASSERT_EQ(listeners.size(), 1U);
    ASSERT_EQ(::shutdown(listeners.front(), SHUT_RDWR), 0);
    ASSERT_TRUE(fails_with(engine, EINVAL));
    ASSERT_TRUE(relay.deactivate("VI_1").has_value());
    EXPECT_EQ(engine.health("VI_1").accept_error, EINVAL) << "nothing has been tried since";
    ASSERT_EQ(::listen(listeners.front(), 1), 0);
    engine.purge("VI_1");
    EXPECT_TRUE(fails_with(engine, 0));
}

void run_out_of_descriptors() {
    Upstream upstream;
    Relay relay{gated_to({upstream.endpoint()}), 1, 1000};
    Engine& engine = relay.engine();
    engine.activate("VI_1");
    std::vector<Descriptor> reserve;
    reserve.emplace_back(::dup(upstream.native()));
    // The limit bounds the numbers: the client gets the one that becomes free, accept() none.
    const auto lowest_too_many = static_cast<rlim_t>(reserve.front().get()) + 1;
    const rlimit limit{.rlim_cur = lowest_too_many, .rlim_max = kMostDescriptors};
    const rlimit enough{.rlim_cur = kMostDescriptors, .rlim_max = kMostDescriptors};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    reserve.clear();
    const Stream client = relay.connect();
    ASSERT_TRUE(client.is_open());
    ASSERT_TRUE(fails_with(engine, EMFILE));
    EXPECT_EQ(engine.health("VI_1").failing_service, "service");
    EXPECT_FALSE(engine.health("VI_1").no_upstream) << "a shortage here is not the upstream's";
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &enough), 0);
    EXPECT_TRUE(fails_with(engine, 0));
    EXPECT_TRUE(upstream.accept().is_open()) << "who waited is served";
}

TEST(Accepting, FailsForWantOfDescriptorsAndIsWellWithThem) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "UndefinedBehaviorSanitizer needs a pipe to look at an object's type";
#endif
    in_child(run_out_of_descriptors);
}

/// Admits until told otherwise.
class Owner final : public ListenerOwner {
  public:
    bool full = false;
    std::vector<int> told;

    bool admit() override { return !full; }
    [[nodiscard]] std::string limit_reached() const override { return "full"; }
    void not_accepted() override {}
    void accepted(Descriptor, const Endpoint&) override {}
    void on_paused(std::string_view) override {}
    void on_resumed() override {}
    void on_accept_failing(int error) override { told.push_back(error); }
};

/// A listener without a thread: the test takes its turns.
struct Held {
    void tell_event() { static_cast<EventHandler&>(listener).on_events(0); }
    void resume() {
        listener.resume();
        static_cast<Task&>(listener).run();
    }

    Reactor reactor;
    Owner owner;
    Descriptor socket = open_listener(loopback()).value();
    int native = socket.get();
    Listener listener{reactor, std::move(socket), owner};
};

TEST(Listening, AtALimitAShortageIsOver) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "UndefinedBehaviorSanitizer needs a pipe to look at an object's type";
#endif
    in_child([] {
        Held held;
        const rlimit none{.rlim_cur = 0, .rlim_max = kMostDescriptors};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
        held.tell_event();
        ASSERT_EQ(held.owner.told, std::vector<int>{EMFILE});
        held.owner.full = true;
        held.resume();
        EXPECT_EQ(held.owner.told, (std::vector<int>{EMFILE, 0}));
    });
}

TEST(Listening, AtALimitALostListenerStaysLost) {
    Held held;
    ASSERT_EQ(::shutdown(held.native, SHUT_RDWR), 0);
    held.tell_event();
    held.owner.full = true;
    held.resume();
    EXPECT_EQ(held.owner.told, std::vector<int>{EINVAL});
}

}  // namespace
}  // namespace tandem::relay::test
