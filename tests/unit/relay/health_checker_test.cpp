#include "proxy/relay/health_checker.hpp"

#include "tests/unit/relay/support.hpp"

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

class HealthCheckerTest : public testing::Test {
  protected:
    void check(const Endpoint& endpoint, bool start_down = false,
               std::vector<IpAddress> virtual_addresses = {}) {
        auto service = Relay::service_to({endpoint});
        HealthCheckConfig config;
        config.interval = std::chrono::milliseconds{20};
        config.delay_before_retry = std::chrono::milliseconds{5};
        config.connect_timeout = std::chrono::milliseconds{100};
        config.retries = 1;
        config.start_down = start_down;
        service.upstreams[0].check = config;
        checker = std::make_unique<HealthChecker>(
            context, std::vector<ServiceConfig>{service}, std::move(virtual_addresses),
            [this](const HealthChange& change) {
                changes.push_back(change.service + " " + change.upstream +
                                  (change.up ? " up: " : " down: ") + change.reason);
            },
            [this](const HealthSkipped& check) {
                skipped.push_back(check.service + " " + check.upstream + ": " + check.reason);
            });
        checker->start();
    }
    /// Runs the context until there are `count` changes.
    bool run_until(std::size_t count) {
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (changes.size() < count && std::chrono::steady_clock::now() < end) {
            context.run_one_for(std::chrono::milliseconds{100});
        }
        return changes.size() >= count;
    }

    boost::asio::io_context context;
    std::vector<std::string> changes;
    std::vector<std::string> skipped;
    std::unique_ptr<HealthChecker> checker;
};

TEST_F(HealthCheckerTest, RefusedIsDownAtTheFirstCheck) {
    check(refusing_endpoint());
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 down: Connection refused");
}

TEST_F(HealthCheckerTest, StartDownComesUpAndClosesWithFin) {
    Upstream upstream;
    check(upstream.endpoint(), true);
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 up: connected");
    Stream seen = upstream.accept();
    EXPECT_EQ(seen.receive_all(), "");
    EXPECT_EQ(seen.ending(), Ending::Fin);
}

TEST_F(HealthCheckerTest, GoesDownWhenTheUpstreamDoesAndComesBack) {
    auto upstream = std::make_unique<Upstream>();
    const Endpoint endpoint = upstream->endpoint();
    check(endpoint, true);
    ASSERT_TRUE(run_until(1));
    upstream.reset();
    ASSERT_TRUE(run_until(2));
    EXPECT_EQ(changes[1], "service upstream0 down: Connection refused");
    const auto back = open_listener(endpoint);
    ASSERT_TRUE(back.has_value());
    ASSERT_TRUE(run_until(3));
    EXPECT_EQ(changes[2], "service upstream0 up: connected");
}

TEST_F(HealthCheckerTest, NoAnswerIsATimeout) {
    Upstream upstream{"127.0.0.1", 0};
    std::vector<Descriptor> fillers;
    for (int count = 0; count < 4; ++count) {
        fillers.push_back(std::move(start_connect(upstream.endpoint(), {}).value()));
    }
    check(upstream.endpoint());
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 down: timed out after 100 ms");
}

TEST_F(HealthCheckerTest, I3_NeverChecksFromAVirtualAddress) {
    Upstream upstream;
    check(upstream.endpoint(), true, {boost::asio::ip::make_address("127.0.0.1")});
    context.run_for(std::chrono::milliseconds{150});
    EXPECT_EQ(skipped, std::vector<std::string>{"service upstream0: no own address"});
    EXPECT_TRUE(changes.empty()) << "nothing changed";
    EXPECT_FALSE(upstream.accept(std::chrono::milliseconds{0}).is_open());
}

TEST_F(HealthCheckerTest, I6_NoRouteIsNotAFaultOfTheUpstream) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    in_child([this] {
        // Without any interface up there is no route; then there is one and nobody listens.
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        check({boost::asio::ip::make_address("198.51.100.1"), 9});
        context.run_for(std::chrono::milliseconds{100});
        EXPECT_TRUE(changes.empty());
        EXPECT_EQ(skipped, std::vector<std::string>{"service upstream0: Network is unreachable"});
        run("ip link set lo up && ip addr add 198.51.100.1/32 dev lo");
        ASSERT_TRUE(run_until(1));
        EXPECT_EQ(changes[0], "service upstream0 down: Connection refused");
    });
}

TEST_F(HealthCheckerTest, StopEndsEverything) {
    check(refusing_endpoint());
    checker->stop();
    context.run_for(std::chrono::milliseconds{50});
    EXPECT_TRUE(changes.empty());
    checker.reset();
    context.restart();
    context.run_for(std::chrono::milliseconds{10});
}

TEST_F(HealthCheckerTest, DestroyedInTheMiddleOfAnAttempt) {
    Upstream upstream{"127.0.0.1", 0};
    std::vector<Descriptor> fillers;
    for (int count = 0; count < 4; ++count) {
        fillers.push_back(std::move(start_connect(upstream.endpoint(), {}).value()));
    }
    check(upstream.endpoint());
    context.run_one_for(std::chrono::milliseconds{50});
    checker.reset();
    context.run_for(std::chrono::milliseconds{150});
    EXPECT_TRUE(changes.empty());
}

}  // namespace
}  // namespace tandem::relay::test
