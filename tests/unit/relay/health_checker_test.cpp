#include "proxy/relay/health_checker.hpp"

#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

HealthCheckConfig quick_check() {
    HealthCheckConfig config;
    config.interval = std::chrono::milliseconds{20};
    config.delay_before_retry = std::chrono::milliseconds{5};
    config.connect_timeout = std::chrono::milliseconds{100};
    config.retries = 1;
    return config;
}

class HealthCheckerTest : public testing::Test {
  protected:
    void check(const Endpoint& endpoint, bool start_down = false,
               std::vector<IpAddress> virtual_addresses = {}) {
        HealthCheckConfig config = quick_check();
        config.start_down = start_down;
        check(endpoint, std::vector{config}, std::move(virtual_addresses));
    }
    void check(const Endpoint& endpoint, std::vector<HealthCheckConfig> checks,
               std::vector<IpAddress> virtual_addresses = {}, LocalProbes local = {}) {
        auto service = Relay::service_to({endpoint});
        service.upstreams[0].checks = std::move(checks);
        HealthHandlers handlers;
        handlers.on_change = [this](const HealthChange& change) {
            changes.push_back(change.service + " " + change.upstream +
                              (change.up ? " up: " : " down: ") + change.reason);
        };
        handlers.on_skipped = [this](const HealthSkipped& skip) {
            skipped.push_back(skip.service + " " + skip.upstream + ": " + skip.reason);
        };
        handlers.on_weight = [this](const HealthWeight& checked) {
            weights.push_back(checked.weight);
        };
        checker = std::make_unique<HealthChecker>(context, std::vector<ServiceConfig>{service},
                                                  std::move(virtual_addresses), std::move(handlers),
                                                  std::move(local));
        checker->start();
    }
    bool run_until(const std::function<bool()>& done) {
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (!done() && std::chrono::steady_clock::now() < end) {
            context.run_one_for(std::chrono::milliseconds{100});
        }
        return done();
    }
    /// Until there are `count` changes.
    bool run_until(std::size_t count) {
        return run_until([&] { return changes.size() >= count; });
    }

    boost::asio::io_context context;
    std::vector<std::string> changes;
    std::vector<std::string> skipped;
    std::vector<unsigned> weights;
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
    const Blackhole blackhole;
    check(blackhole.endpoint());
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

TEST_F(HealthCheckerTest, GoesOutFromTheAddressItIsBoundTo) {
    Upstream upstream;
    HealthCheckConfig config = quick_check();
    config.start_down = true;
    config.source = boost::asio::ip::make_address("127.0.0.9");
    check(upstream.endpoint(), std::vector{config});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(upstream.accept().remote().address(), *config.source);
}

TEST_F(HealthCheckerTest, I3_IsNotBoundToAVirtualAddress) {
    Upstream upstream;
    HealthCheckConfig config = quick_check();
    config.start_down = true;
    config.source = boost::asio::ip::make_address("127.0.0.9");
    check(upstream.endpoint(), std::vector{config}, {*config.source});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(upstream.accept().remote().address().to_string(), "127.0.0.1");
}

TEST_F(HealthCheckerTest, IsNotBoundToAnAddressOfTheOtherFamily) {
    Upstream upstream{"::1"};
    HealthCheckConfig config = quick_check();
    config.start_down = true;
    config.source = boost::asio::ip::make_address("127.0.0.9");
    check(upstream.endpoint(), std::vector{config});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 up: connected");
}

TEST_F(HealthCheckerTest, I6_AnAddressThatTheNodeLacksIsNotAFaultOfTheUpstream) {
    Upstream upstream;
    HealthCheckConfig config = quick_check();
    config.source = boost::asio::ip::make_address("203.0.113.77");
    check(upstream.endpoint(), std::vector{config});
    EXPECT_TRUE(run_until([&] { return checker->status()[0].skipped >= 2; }));
    EXPECT_TRUE(changes.empty());
    EXPECT_EQ(skipped,
              std::vector<std::string>{"service upstream0: Cannot assign requested address"})
        << "told once";
    EXPECT_EQ(checker->status()[0].obstacle, "Cannot assign requested address");
    EXPECT_TRUE(checker->status()[0].up);
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

// A packet has left, and somebody on the way has answered: that is about the upstream.
TEST_F(HealthCheckerTest, WhatTheNetworkTellsIsAVerdict) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    in_child([this] {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        run("ip link set lo up");
        run("nft 'table ip t { chain i { type filter hook input priority 0; "
            "tcp dport 9 reject with icmp type host-unreachable; }; }'");
        check(Endpoint{boost::asio::ip::make_address("127.0.0.1"), 9});
        ASSERT_TRUE(run_until(1));
        EXPECT_EQ(changes[0], "service upstream0 down: No route to host");
    });
}

// The first of many, drawn from a long time, comes soon; the others do not come with it.
TEST_F(HealthCheckerTest, WarmUpSpreadsTheFirstChecks) {
    constexpr std::size_t kChecks = 2000;
    HealthCheckConfig config = quick_check();
    config.warmup = 2 * kPatience;
    check(refusing_endpoint(), std::vector(kChecks, config));
    ASSERT_TRUE(run_until(1));
    const auto checks = checker->status();
    EXPECT_LT(std::ranges::count(checks, false, &CheckStatus::up), kChecks / 2);
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

TEST_F(HealthCheckerTest, StoppedByWhatItSays) {
    auto service = Relay::service_to({refusing_endpoint()});
    service.upstreams[0].checks = {quick_check()};
    HealthHandlers handlers;
    handlers.on_change = [this](const HealthChange& change) {
        changes.push_back(change.reason);
        checker->stop();
    };
    checker = std::make_unique<HealthChecker>(context, std::vector<ServiceConfig>{service},
                                              std::vector<IpAddress>{}, std::move(handlers));
    checker->start();
    ASSERT_TRUE(run_until(1));
    while (context.poll() > 0) {
    }
    EXPECT_TRUE(context.stopped()) << "something goes on";
}

TEST_F(HealthCheckerTest, StoppedInTheMiddleOfAnAttempt) {
    const Blackhole blackhole;
    check(blackhole.endpoint());
    context.run_one_for(kPatience);
    checker->stop();
    context.run_for(kPatience);
    EXPECT_TRUE(context.stopped()) << "something goes on";
    EXPECT_TRUE(changes.empty());
}

TEST_F(HealthCheckerTest, DestroyedInTheMiddleOfAnAttempt) {
    const Blackhole blackhole;
    check(blackhole.endpoint());
    context.run_one_for(std::chrono::milliseconds{50});
    checker.reset();
    context.run_for(std::chrono::milliseconds{150});
    EXPECT_TRUE(changes.empty());
}

/// Answers each connection with one text, as often as it is asked to, on a thread of its own.
class Answering {
  public:
    /// @param wait_for what to read first; empty: nothing.
    Answering(std::string answer, std::string wait_for)
        : answer_(std::move(answer)),
          wait_for_(std::move(wait_for)),
          thread_([this] { serve(); }) {}
    ~Answering() {
        stopped_ = true;
        // Its accept() returns.
        const Stream wake = connect_to(upstream.endpoint());
        thread_.join();
    }
    void set(std::string answer) {
        const std::lock_guard lock{mutex_};
        answer_ = std::move(answer);
    }
    std::string question() {
        const std::lock_guard lock{mutex_};
        return question_;
    }
    Upstream upstream;

  private:
    void serve() {
        while (!stopped_) {
            Stream stream = upstream.accept();
            if (!stream.is_open() || stopped_) {
                continue;
            }
            std::string question;
            while (!wait_for_.empty() && question.find(wait_for_) == std::string::npos) {
                const std::string byte = stream.receive(1);
                if (byte.empty()) {
                    break;
                }
                question += byte;
            }
            const std::lock_guard lock{mutex_};
            question_ = question;
            stream.send(answer_);
            stream.finish();
        }
    }
    std::mutex mutex_;
    std::string answer_;
    std::string question_;
    const std::string wait_for_;
    std::atomic<bool> stopped_{false};
    std::thread thread_;
};

HealthCheckConfig down_first(HealthCheckConfig config) {
    config.start_down = true;
    config.connect_timeout = std::chrono::seconds{5};
    return config;
}

HealthCheckConfig http_check(std::vector<UrlCheck> urls, bool start_down = true) {
    HealthCheckConfig config = quick_check();
    config.connect_timeout = std::chrono::seconds{5};
    config.start_down = start_down;
    config.what = HttpCheck{.tls = false, .version = 10, .urls = std::move(urls)};
    return config;
}

std::string response(const std::string& status, const std::string& body) {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n\r\n" + body;
}

TEST_F(HealthCheckerTest, EveryCheckOfAnUpstreamMustPass) {
    Upstream upstream;
    auto other = std::make_unique<Upstream>();
    HealthCheckConfig second = quick_check();
    second.target = other->endpoint();
    check(upstream.endpoint(), {down_first(quick_check()), down_first(second)});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 up: TCP_CHECK: connected");
    ASSERT_EQ(checker->status().size(), 2U);
    EXPECT_TRUE(checker->status()[0].up && checker->status()[1].up);
    other.reset();
    ASSERT_TRUE(run_until(2));
    EXPECT_EQ(changes[1], "service upstream0 down: TCP_CHECK: Connection refused");
    EXPECT_TRUE(checker->status()[0].up);
    EXPECT_FALSE(checker->status()[1].up);
    EXPECT_EQ(checker->status()[1].result, "Connection refused");
}

TEST_F(HealthCheckerTest, SaysSomethingAndWaitsForTheAnswer) {
    Answering server{"junk +PONG\r\n", "PING\r\n"};
    HealthCheckConfig config = down_first(quick_check());
    config.what = TcpCheck{.send = "PING\r\n", .expect = "+PONG"};
    check(server.upstream.endpoint(), std::vector{config});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 up: the expected answer");
    server.set("-ERR\r\n");
    ASSERT_TRUE(run_until(2));
    EXPECT_EQ(changes[1], "service upstream0 down: closed without the expected answer");
}

// In two of the checker's reads, of 4 KiB each.
TEST_F(HealthCheckerTest, AnAnswerInPartsIsFound) {
    Answering server{std::string(4094, 'x') + "+PONG", ""};
    HealthCheckConfig config = down_first(quick_check());
    config.what = TcpCheck{.send = "", .expect = "+PONG"};
    check(server.upstream.endpoint(), std::vector{config});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 up: the expected answer");
}

TEST_F(HealthCheckerTest, APageThatNeverEndsIsBounded) {
    constexpr std::size_t kMoreThanIsRead = std::size_t{8} * 1024 * 1024 + 1;
    Answering server{"HTTP/1.1 200 OK\r\n\r\n" + std::string(kMoreThanIsRead, 'x'), "\r\n\r\n"};
    check(server.upstream.endpoint(), std::vector{http_check({UrlCheck{}}, false)});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 down: HTTP_GET: body limit exceeded");
}

TEST_F(HealthCheckerTest, AnAnswerThatNeverEndsIsBounded) {
    Answering server{std::string(200'000, 'x'), ""};
    HealthCheckConfig config = quick_check();
    config.connect_timeout = std::chrono::seconds{5};
    config.what = TcpCheck{.send = "", .expect = "never"};
    check(server.upstream.endpoint(), std::vector{config});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 down: 64 KiB without the expected answer");
}

TEST_F(HealthCheckerTest, HttpStatusDigestAndExpression) {
    Answering server{response("200 OK", "all is well\n"), "\r\n\r\n"};
    UrlCheck url{.path = "/health", .virtual_host = "www.example.com"};
    url.digest = "c9a3ff3ac05d7b2d0c2cf9f5c8c9b9a1";
    HealthCheckConfig config = http_check({url}, false);
    check(server.upstream.endpoint(), std::vector{config});
    ASSERT_TRUE(run_until(1));
    const std::string begin = "service upstream0 down: HTTP_GET: /health: the body has the digest ";
    ASSERT_TRUE(changes[0].starts_with(begin)) << changes[0];
    EXPECT_TRUE(server.question().starts_with("GET /health HTTP/1.0\r\nHost: www.example.com\r\n"))
        << server.question();
    // As md5sum prints it.
    url.digest = "2670f929ce8c93af815ba0ae8fd591ff";
    EXPECT_EQ(changes[0].substr(begin.size()), url.digest);
    url.regex.text = "all (is|was) well";
    changes.clear();
    check(server.upstream.endpoint(), std::vector{http_check({url})});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 up: HTTP_GET: /health: status 200");
    server.set(response("503 Service Unavailable", "all is well\n"));
    ASSERT_TRUE(run_until(2));
    EXPECT_EQ(changes[1], "service upstream0 down: HTTP_GET: /health: status 503");
}

TEST_F(HealthCheckerTest, EveryUrlMustPass) {
    Answering server{response("204 No Content", ""), "\r\n\r\n"};
    UrlCheck wanted{.path = "/b"};
    wanted.statuses = {{200, 200}};
    for (const auto& urls : {std::vector{UrlCheck{.path = "/a"}, wanted},
                             std::vector{wanted, UrlCheck{.path = "/a"}}}) {
        changes.clear();
        check(server.upstream.endpoint(), std::vector{http_check(urls, false)});
        ASSERT_TRUE(run_until(1));
        EXPECT_EQ(changes[0], "service upstream0 down: HTTP_GET: /b: status 204");
    }
}

TEST_F(HealthCheckerTest, WhatIsNoHttpFails) {
    for (const std::string& answer :
         {std::string{"SSH-2.0-x\r\n"}, std::string{}, std::string(200'000, 'x'),
          std::string{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"},
          "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x')}) {
        Answering server{answer, "\r\n\r\n"};
        changes.clear();
        check(server.upstream.endpoint(), std::vector{http_check({UrlCheck{}}, false)});
        ASSERT_TRUE(run_until(1)) << answer.substr(0, 40);
        EXPECT_TRUE(changes[0].starts_with("service upstream0 down: HTTP_GET: ")) << changes[0];
        checker.reset();
    }
}

TEST_F(HealthCheckerTest, ATrickleIsBoundedByTheTimeLimit) {
    Upstream upstream;
    HealthCheckConfig config = http_check({UrlCheck{}}, false);
    config.connect_timeout = std::chrono::milliseconds{100};
    check(upstream.endpoint(), std::vector{config});
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 down: HTTP_GET: timed out after 100 ms");
}

/// Says at once what the test wants.
class FakeProbe final : public Probe {
  public:
    FakeProbe(boost::asio::io_context& io, ProbeResult& says) : context(io), result(says) {}
    void start(Done done) override {
        boost::asio::post(context, [this, done = std::move(done)] { done(result); });
    }
    void cancel() override {}
    boost::asio::io_context& context;
    ProbeResult& result;
};

TEST_F(HealthCheckerTest, AProgramSetsTheWeightAndItsShortagesSayNothing) {
    Upstream upstream;
    HealthCheckConfig config = quick_check();
    config.what = ProgramCheck{.program = 3};
    ProbeResult says{.kind = ProbeResult::Kind::Skipped, .text = "no process", .weight = {}};
    std::size_t asked_for = 0;
    check(upstream.endpoint(), std::vector{config}, {},
          {.program = [&](const ProgramCheck& program) {
              asked_for = program.program;
              return std::make_unique<FakeProbe>(context, says);
          }});
    context.run_for(std::chrono::milliseconds{100});
    EXPECT_EQ(asked_for, 3U);
    EXPECT_EQ(skipped, std::vector<std::string>{"service upstream0: no process"});
    EXPECT_TRUE(changes.empty());
    says = {.kind = ProbeResult::Kind::Failed, .text = "exit code 1", .weight = {}};
    ASSERT_TRUE(run_until(1));
    EXPECT_EQ(changes[0], "service upstream0 down: MISC_CHECK: exit code 1");
    EXPECT_EQ(checker->status()[0].obstacle, "");
    says = {.kind = ProbeResult::Kind::Skipped, .text = "no memory", .weight = {}};
    EXPECT_TRUE(run_until([&] { return skipped.size() == 2; })) << "another time, told again";
    EXPECT_EQ(skipped.back(), "service upstream0: no memory");
    says = {.kind = ProbeResult::Kind::Passed, .text = "exit code 12", .weight = 10};
    ASSERT_TRUE(run_until(2));
    EXPECT_EQ(weights.back(), 10U);
    checker->stop();
    context.run_for(std::chrono::milliseconds{20});
}

}  // namespace
}  // namespace tandem::relay::test
