// Limits of a service through the engine: who may connect, how much, how fast and for how long.
#include "proxy/relay/socket_limits.hpp"
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

std::chrono::microseconds cpu_time() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
           std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
}

std::chrono::milliseconds duration_of(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 start);
}

/// Bytes that the other side of this socket has not acknowledged.
int unacknowledged(int socket) {
    int count = 0;
    EXPECT_EQ(::ioctl(socket, SIOCOUTQ, &count), 0);
    return count;
}

class Limits : public testing::Test {
  protected:
    ServiceConfig service() { return Relay::service_to({upstream.endpoint()}); }
    /// A client's socket and the upstream's end of the same connection.
    void establish(Relay& relay) {
        client = relay.connect();
        server = upstream.accept();
        ASSERT_TRUE(client.is_open());
        ASSERT_TRUE(server.is_open());
    }
    static void expect_reset(Stream client) {
        EXPECT_EQ(client.receive_all(), "");
        EXPECT_EQ(client.ending(), Ending::Reset);
    }
    Upstream upstream;
    Stream client;
    Stream server;
};

TEST_F(Limits, DeniedClientsAreResetAndCounted) {
    ServiceConfig config = service();
    config.limits.access = {{true, make_address("127.0.0.2"), 32},
                            {false, make_address("127.0.0.0"), 8}};
    Relay relay{config};
    expect_reset(relay.connect());
    expect_reset(relay.connect(make_address("127.0.0.3")));
    EXPECT_TRUE(eventually([&] { return relay.counters().denied == 2; }));
    client = relay.connect(make_address("127.0.0.2"));
    server = upstream.accept();
    ASSERT_TRUE(server.send("welcome"));
    EXPECT_EQ(client.receive(7), "welcome");
    EXPECT_EQ(relay.counters().accepted, 1U);
    EXPECT_FALSE(upstream.accept(0ms).is_open()) << "an upstream saw a denied client";
}

TEST_F(Limits, DenyingOfIpv6Clients) {
    ServiceConfig config = service();
    config.listen = loopback(0, "::1");
    config.limits.access = {{false, make_address("::1"), 128}};
    Relay relay{config};
    expect_reset(relay.connect());
    EXPECT_TRUE(eventually([&] { return relay.counters().denied == 1; }));
}

TEST_F(Limits, DeniedClientsTakeNoPlaceAndNoTurn) {
    ServiceConfig config = service();
    config.max_connections = 1;
    config.limits.max_connection_rate = 1;
    config.limits.access = {{false, make_address("127.0.0.3"), 32}};
    Relay relay{config, 2};
    for (int count = 0; count < 20; ++count) {
        expect_reset(relay.connect(make_address("127.0.0.3")));
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().denied == 20; }));
    establish(relay);
}

TEST_F(Limits, ClientLimitRefusesTheOneTooManyUntilAPlaceIsFree) {
    ServiceConfig config = service();
    config.limits.max_connections_per_client = 2;
    Relay relay{config, 2};
    establish(relay);
    Stream second = relay.connect();
    ASSERT_TRUE(upstream.accept().is_open());
    expect_reset(relay.connect());
    EXPECT_TRUE(eventually([&] { return relay.counters().refused_client_limit == 1; }));
    Stream other = relay.connect(make_address("127.0.0.2"));
    ASSERT_TRUE(upstream.accept().is_open()) << "another client";
    client.reset();
    ASSERT_TRUE(eventually([&] { return relay.counters().active == 2; }));
    client = relay.connect();
    EXPECT_TRUE(upstream.accept().is_open());
    EXPECT_EQ(relay.counters().refused_client_limit, 1U);
}

TEST_F(Limits, T5_ClientLimitIsExactOverAllWorkers) {
    constexpr unsigned kLimit = 3;
    ServiceConfig config = service();
    config.limits.max_connections_per_client = kLimit;
    Relay relay{config, 3};
    std::atomic<bool> stop{false};
    std::thread answering{[&] {
        while (!stop) {
            Stream stream = upstream.accept(20ms);
            if (stream.is_open()) {
                static_cast<void>(stream.send("x"));
            }
        }
    }};
    std::atomic<unsigned> inside{0};
    std::atomic<unsigned> most{0};
    std::atomic<unsigned> served{0};
    std::vector<std::thread> clients;
    for (int number = 0; number < 8; ++number) {
        clients.emplace_back([&] {
            for (int round = 0; round < 30; ++round) {
                Stream stream = relay.connect();
                if (stream.receive(1) != "x") {
                    continue;
                }
                ++served;
                const unsigned now = ++inside;
                unsigned known = most.load();
                while (known < now && !most.compare_exchange_weak(known, now)) {
                }
                std::this_thread::yield();
                --inside;
            }
        });
    }
    for (std::thread& thread : clients) {
        thread.join();
    }
    stop = true;
    answering.join();
    EXPECT_LE(most, kLimit);
    EXPECT_GT(served, 0U);
    ASSERT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    // No place was lost.
    std::vector<Stream> all;
    for (unsigned count = 0; count < kLimit; ++count) {
        all.push_back(relay.connect());
        EXPECT_TRUE(upstream.accept().is_open()) << count;
    }
}

TEST_F(Limits, ClientRateRefusesWhoComesTooFast) {
    ServiceConfig config = service();
    config.limits.max_client_connection_rate = 3;
    Relay relay{config, 2};
    std::vector<Stream> clients;
    for (int count = 0; count < 12; ++count) {
        clients.push_back(relay.connect());
    }
    EXPECT_TRUE(eventually([&] {
        const ServiceCounters now = relay.counters();
        return now.accepted + now.refused_client_rate == 12;
    }));
    EXPECT_GE(relay.counters().accepted, 3U);
    EXPECT_GE(relay.counters().refused_client_rate, 1U);
    // Who waits is welcome again.
    EXPECT_TRUE(eventually([&] {
        const auto before = relay.counters().accepted;
        clients.push_back(relay.connect());
        return eventually([&] { return relay.counters().accepted > before; }, 100ms);
    }));
}

TEST_F(Limits, ServiceRateHoldsConnectionsBackAndLosesNone) {
    constexpr unsigned kRate = 40;
    ServiceConfig config = service();
    config.limits.max_connection_rate = kRate;
    Relay relay{config, 2};
    std::vector<Stream> clients;
    const auto before = cpu_time();
    const auto took = duration_of([&] {
        for (unsigned count = 0; count < kRate; ++count) {
            clients.push_back(relay.connect());
        }
        EXPECT_TRUE(eventually([&] { return relay.counters().accepted == kRate; }));
    });
    // A tenth of a second's worth comes at once.
    EXPECT_GE(took, 850ms);
    EXPECT_LT(took, 5s);
    EXPECT_LT(cpu_time() - before, 300ms) << "the rest waits in the kernel";
    const auto notices = relay.notices();
    EXPECT_TRUE(std::ranges::find(notices,
                                  "paused service: connection rate of the service (40 per "
                                  "second)") != notices.end());
}

struct RateCase {
    bool download;
    std::uint64_t rate;
    std::size_t bytes;
    std::chrono::milliseconds least;
};

class ByteRates : public Limits, public testing::WithParamInterface<RateCase> {};

TEST_P(ByteRates, T36_PauseAndPassEverything) {
    const RateCase test = GetParam();
    ServiceConfig config = service();
    (test.download ? config.limits.download_rate : config.limits.upload_rate) = test.rate;
    Relay relay{config};
    establish(relay);
    Stream& source = test.download ? server : client;
    Stream& sink = test.download ? client : server;
    const std::string data = pattern(test.bytes);
    std::thread sender{[&] {
        EXPECT_TRUE(source.send(data));
        source.finish();
    }};
    const auto before = cpu_time();
    std::string received;
    const auto took = duration_of([&] { received = sink.receive_all(); });
    sender.join();
    EXPECT_TRUE(received == data) << received.size();
    EXPECT_EQ(sink.ending(), Ending::Fin);
    EXPECT_GE(took, test.least);
    EXPECT_LT(took, test.least * 3 + 2s);
    if (test.least > 0ms) {
        EXPECT_LT(cpu_time() - before, took / 2 + 100ms) << "a pause must not spin";
    }
    // The other direction is not limited and still open.
    ASSERT_TRUE(sink.send("later"));
    sink.finish();
    EXPECT_EQ(source.receive_all(), "later");
    EXPECT_EQ(source.ending(), Ending::Fin);
}

INSTANTIATE_TEST_SUITE_P(Rates, ByteRates,
                         testing::Values(
                             // The depth is an eighth of a second and two bytes.
                             RateCase{true, 1, 3, 900ms}, RateCase{false, 8, 6, 300ms},
                             RateCase{true, 1'000'000, 625'000, 450ms},
                             RateCase{false, 4'000'000, 2'500'000, 450ms},
                             RateCase{true, 10'000'000'000, 8'000'000, 0ms}),
                         [](const auto& test) {
                             return std::string{test.param.download ? "Download" : "Upload"} +
                                    std::to_string(test.param.rate);
                         });

TEST_F(Limits, T10_WhatWasSentBeforeAResetPassesTheRate) {
    ServiceConfig config = service();
    config.limits.download_rate = 400'000;
    Relay relay{config};
    establish(relay);
    const std::string data = pattern(150'000);
    ASSERT_TRUE(server.send(data));
    // All is in the relay's socket; a reset that overtakes it would drop it in this one.
    ASSERT_TRUE(eventually([&] { return unacknowledged(server.native()) == 0; }));
    server.reset();
    EXPECT_EQ(client.receive_all().size(), data.size());
    EXPECT_EQ(client.ending(), Ending::Reset);
}

TEST_F(Limits, RateOfOneConnectionIsNotSharedWithAnother) {
    ServiceConfig config = service();
    config.limits.download_rate = 1;
    Relay relay{config};
    std::vector<Stream> clients;
    std::vector<Stream> servers;
    for (int count = 0; count < 3; ++count) {
        clients.push_back(relay.connect());
        servers.push_back(upstream.accept());
        ASSERT_TRUE(servers.back().send("ab"));
    }
    const auto took = duration_of([&] {
        for (Stream& stream : clients) {
            EXPECT_EQ(stream.receive(2), "ab");
        }
    });
    EXPECT_LT(took, 900ms);
}

TEST_F(Limits, LifetimeEndsAConnectionThatIsBusy) {
    ServiceConfig config = service();
    config.limits.max_lifetime = 300ms;
    Relay relay{config};
    establish(relay);
    std::atomic<bool> over{false};
    std::thread talking{[&] {
        while (!over && server.send("x")) {
            std::this_thread::yield();
        }
    }};
    const auto took = duration_of([&] { client.receive_all(); });
    over = true;
    talking.join();
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_GE(took, 250ms);
    EXPECT_LT(took, 3s);
    EXPECT_TRUE(eventually([&] { return relay.counters().lifetime_over == 1; }));
    EXPECT_EQ(relay.counters().timed_out, 0U);
}

TEST_F(Limits, T2_UpstreamThatSaysNothingIsCutByTheFirstByteTimeout) {
    ServiceConfig config = service();
    config.limits.first_byte_timeout = 200ms;
    Relay relay{config};
    establish(relay);
    ASSERT_TRUE(client.send("question"));
    EXPECT_EQ(server.receive(8), "question");
    const auto took = duration_of([&] { expect_reset(std::move(client)); });
    EXPECT_GE(took, 100ms);
    EXPECT_LT(took, 3s);
    EXPECT_TRUE(eventually([&] { return relay.counters().timed_out == 1; }));
}

TEST_F(Limits, FirstByteTimeoutEndsWithTheFirstByteAlsoWhenTheServerSpeaksFirst) {
    ServiceConfig config = service();
    config.limits.first_byte_timeout = 100ms;
    Relay relay{config};
    establish(relay);
    ASSERT_TRUE(server.send("2"));
    EXPECT_EQ(client.receive(1), "2");
    // A second connection that is cut shows that the time is over for the first one, too.
    Stream silent = relay.connect();
    Stream silent_server = upstream.accept();
    ASSERT_TRUE(silent_server.is_open());
    expect_reset(std::move(silent));
    ASSERT_TRUE(client.send("still here"));
    EXPECT_EQ(server.receive(10), "still here");
}

TEST_F(Limits, FirstByteTimeoutWaitsForALongUpload) {
    ServiceConfig config = service();
    config.limits.first_byte_timeout = 300ms;
    Relay relay{config};
    establish(relay);
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < 700ms) {
        ASSERT_TRUE(client.send("x"));
        ASSERT_EQ(server.receive(1), "x");
        std::this_thread::yield();
    }
    ASSERT_TRUE(server.send("done"));
    EXPECT_EQ(client.receive(4), "done");
}

int option_of(const Descriptor& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(socket.get(), level, name, &value, &size), 0);
    return value;
}

void expect_options(const Descriptor& socket, const std::optional<KeepaliveConfig>& keepalive,
                    int user_timeout) {
    EXPECT_EQ(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), keepalive ? 1 : 0);
    if (keepalive) {
        EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPIDLE), keepalive->idle.count());
        EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPINTVL), keepalive->interval.count());
        EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_KEEPCNT), static_cast<int>(keepalive->count));
    }
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), user_timeout);
}

TEST(SocketLimits, AcceptedConnectionsInheritThem) {
    const SocketLimits usual;
    const SocketLimits other{.keepalive = KeepaliveConfig{7s, 3s, 9},
                             .upstream_keepalive = {},
                             .user_timeout = 12'345ms};
    const SocketLimits none{.keepalive = {}, .upstream_keepalive = {}, .user_timeout = 0ms};
    for (const SocketLimits& limits : {usual, other, none}) {
        for (const char* address : {"127.0.0.1", "::1"}) {
            const Descriptor listener = open_listener(loopback(0, address), limits).value();
            const Stream client = connect_to(local_endpoint(listener).value());
            const Descriptor accepted = accept_connection(listener).value();
            expect_options(accepted, limits.keepalive,
                           static_cast<int>(limits.user_timeout.count()));
        }
    }
}

TEST(SocketLimits, UpstreamsSideHasItsOwn) {
    const SocketLimits usual;
    EXPECT_FALSE(limits_upstream_side(usual)) << "costs system calls";
    const SocketLimits other{.keepalive = {},
                             .upstream_keepalive = KeepaliveConfig{7s, 3s, 9},
                             .user_timeout = 12'345ms};
    ASSERT_TRUE(limits_upstream_side(other));
    Upstream upstream;
    const Descriptor socket = start_connect(upstream.endpoint(), {}).value();
    limit_upstream_side(socket, other);
    expect_options(socket, other.upstream_keepalive, 12'345);
}

TEST_F(Limits, UserTimeoutEndsAClientThatKeepsItsWindowClosed) {
    ServiceConfig config = service();
    config.limits.sockets.user_timeout = 500ms;
    Relay relay{config};
    establish(relay);
    client.set_buffers(4096);
    std::thread sender{[&] { static_cast<void>(server.send(pattern(20'000'000))); }};
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_client == 1; }));
    // The upstream was reset with it.
    sender.join();
}

struct FinCase {
    bool client_first;
    bool pending;
};

class FinTimeout : public Limits, public testing::WithParamInterface<FinCase> {};

// The last send finishes after the FIN came: the timeout must be the fin timeout all the same.
TEST_P(FinTimeout, T23_CountsFromTheFinThatWasPassedOnWhoeverEndsFirst) {
    ServiceConfig config = service();
    config.fin_timeout = 200ms;
    config.idle_timeout = 1h;
    Relay relay{config};
    establish(relay);
    Stream& first = GetParam().client_first ? client : server;
    Stream& other = GetParam().client_first ? server : client;
    if (GetParam().pending) {
        // More than the way holds: the relay has the FIN long before it can pass it on.
        const std::string data = pattern(12'000'000);
        std::thread sender{[&] {
            EXPECT_TRUE(first.send(data));
            first.finish();
        }};
        EXPECT_EQ(other.receive(data.size()).size(), data.size());
        sender.join();
    } else {
        first.finish();
    }
    EXPECT_EQ(other.receive_all(), "");
    EXPECT_EQ(other.ending(), Ending::Fin);
    expect_reset(std::move(first));
    EXPECT_TRUE(eventually([&] { return relay.counters().timed_out == 1; }));
}

INSTANTIATE_TEST_SUITE_P(Orders, FinTimeout,
                         testing::Values(FinCase{true, false}, FinCase{false, false},
                                         FinCase{true, true}, FinCase{false, true}),
                         [](const auto& test) {
                             return std::string{test.param.client_first ? "Client" : "Server"} +
                                    (test.param.pending ? "AfterData" : "AtOnce");
                         });

}  // namespace
}  // namespace tandem::relay::test
