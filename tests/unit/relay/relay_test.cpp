// Bytes, FIN and RST through the engine on loopback.
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <sys/resource.h>

namespace tandem::relay::test {
namespace {

class RelayTest : public testing::Test {
  protected:
    void establish() {
        client = relay.connect();
        server = upstream.accept();
        ASSERT_TRUE(client.is_open());
        ASSERT_TRUE(server.is_open());
    }
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()})};
    Stream client;
    Stream server;
};

TEST_F(RelayTest, RelaysBothWays) {
    establish();
    ASSERT_TRUE(client.send("question"));
    EXPECT_EQ(server.receive(8), "question");
    ASSERT_TRUE(server.send("answer"));
    EXPECT_EQ(client.receive(6), "answer");
    client.finish();
    EXPECT_EQ(server.receive_all(), "");
    EXPECT_EQ(server.ending(), Ending::Fin);
    server.finish();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Fin);
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == 1; }));
    EXPECT_EQ(relay.counters().bytes_to_upstream, 8U);
    EXPECT_EQ(relay.counters().bytes_to_client, 6U);
    EXPECT_EQ(relay.counters().active, 0U);
    EXPECT_EQ(relay.status().upstreams[0].connected, 1U);
    EXPECT_EQ(relay.status().upstreams[0].active, 0U);
}

TEST_F(RelayTest, T11_AnswerArrivesAfterTheClientsFin) {
    establish();
    ASSERT_TRUE(client.send("question"));
    client.finish();
    EXPECT_EQ(server.receive_all(), "question");
    EXPECT_EQ(server.ending(), Ending::Fin);
    const std::string answer = pattern(300'000);
    std::thread sender{[&] {
        EXPECT_TRUE(server.send(answer));
        server.close();
    }};
    EXPECT_TRUE(client.receive_all() == answer);
    EXPECT_EQ(client.ending(), Ending::Fin);
    sender.join();
}

TEST_F(RelayTest, T11_RequestArrivesAfterTheUpstreamsFin) {
    establish();
    ASSERT_TRUE(server.send("banner"));
    server.finish();
    EXPECT_EQ(client.receive_all(), "banner");
    EXPECT_EQ(client.ending(), Ending::Fin);
    const std::string upload = pattern(300'000);
    std::thread sender{[&] {
        EXPECT_TRUE(client.send(upload));
        client.finish();
    }};
    EXPECT_TRUE(server.receive_all() == upload);
    EXPECT_EQ(server.ending(), Ending::Fin);
    sender.join();
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == 1; }));
}

TEST_F(RelayTest, ResetOfTheClientReachesTheUpstream) {
    establish();
    client.reset();
    EXPECT_EQ(server.receive_all(), "");
    EXPECT_EQ(server.ending(), Ending::Reset);
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_client == 1; }));
    EXPECT_EQ(relay.counters().active, 0U);
}

TEST_F(RelayTest, ResetOfTheUpstreamReachesTheClient) {
    establish();
    server.reset();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_upstream == 1; }));
}

TEST_F(RelayTest, T10_DataBeforeTheResetIsDelivered) {
    for (int round = 0; round < 50; ++round) {
        establish();
        ASSERT_TRUE(server.send("last words"));
        server.reset();
        EXPECT_EQ(client.receive_all(), "last words");
        EXPECT_EQ(client.ending(), Ending::Reset);
    }
}

TEST_F(RelayTest, T10_AnswerAndResetAtOnceAfterAcceptAreDelivered) {
    for (int round = 0; round < 50; ++round) {
        client = relay.connect();
        server = upstream.accept();
        ASSERT_TRUE(server.send("go away"));
        server.reset();
        EXPECT_EQ(client.receive_all(), "go away");
        EXPECT_EQ(client.ending(), Ending::Reset);
    }
}

TEST_F(RelayTest, ResetAfterHalfCloseReachesTheOtherSide) {
    establish();
    server.finish();
    EXPECT_EQ(client.receive_all(), "");
    client.reset();
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_client == 1; }));
    EXPECT_FALSE(eventually([&] { return server.send("x"); }, std::chrono::milliseconds{0}) &&
                 eventually([&] { return server.send("x"); }, std::chrono::milliseconds{0}) &&
                 server.receive_all().empty() && server.ending() == Ending::None);
}

TEST_F(RelayTest, T38_AnswerSurvivesAClientThatGoesOnSending) {
    establish();
    ASSERT_TRUE(client.send("request"));
    EXPECT_EQ(server.receive(7), "request");
    ASSERT_TRUE(server.send("answer"));
    server.close();
    EXPECT_EQ(client.receive(6), "answer");
    // The upstream's host answers this with a reset.
    static_cast<void>(client.send("too late"));
    EXPECT_EQ(client.receive_all(), "");
}

TEST_F(RelayTest, SizesAroundTheBufferSizes) {
    for (const std::size_t size : {0U, 1U, 16383U, 16384U, 16385U, 65535U, 65536U, 65537U, 81920U,
                                   262143U, 262144U, 262145U, 344064U, 344065U, 3'000'001U}) {
        establish();
        const std::string up = pattern(size, 1);
        const std::string down = pattern(size, 2);
        std::thread sender{[&] {
            EXPECT_TRUE(client.send(up));
            client.finish();
        }};
        EXPECT_TRUE(server.receive_all() == up) << size;
        EXPECT_EQ(server.ending(), Ending::Fin) << size;
        sender.join();
        std::thread answerer{[&] {
            EXPECT_TRUE(server.send(down));
            server.finish();
        }};
        EXPECT_TRUE(client.receive_all() == down) << size;
        EXPECT_EQ(client.ending(), Ending::Fin) << size;
        answerer.join();
    }
}

TEST_F(RelayTest, OneByteSegments) {
    establish();
    const std::string bytes = pattern(5000);
    std::thread sender{[&] {
        for (const char byte : bytes) {
            EXPECT_TRUE(client.send({&byte, 1}));
        }
        client.finish();
    }};
    EXPECT_TRUE(server.receive_all() == bytes);
    sender.join();
}

TEST_F(RelayTest, UrgentByteStaysInItsPlace) {
    establish();
    ASSERT_TRUE(client.send("before"));
    EXPECT_EQ(server.receive(6), "before");
    ASSERT_EQ(::send(client.native(), "!", 1, MSG_OOB), 1);
    ASSERT_TRUE(client.send("after"));
    EXPECT_EQ(server.receive(6), "!after");
}

TEST_F(RelayTest, T14_BothDirectionsSaturatedWithSmallSocketBuffers) {
    establish();
    client.set_buffers(65536);
    server.set_buffers(65536);
    const std::string up = pattern(4'000'000, 1);
    const std::string down = pattern(4'000'000, 2);
    std::thread client_sender{[&] {
        EXPECT_TRUE(client.send(up));
        client.finish();
    }};
    std::thread server_sender{[&] {
        EXPECT_TRUE(server.send(down));
        server.finish();
    }};
    std::string at_server;
    std::thread server_receiver{[&] { at_server = server.receive_all(); }};
    const std::string at_client = client.receive_all();
    client_sender.join();
    server_sender.join();
    server_receiver.join();
    EXPECT_TRUE(at_client == down);
    EXPECT_TRUE(at_server == up);
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == 1; }));
}

/// Bytes that the sender gets rid of while the other side does not read.
std::size_t send_until_stuck(Stream& stream) {
    const std::string chunk(65536, 'x');
    std::size_t sent = 0;
    auto last = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - last < std::chrono::milliseconds{300}) {
        const ssize_t count =
            ::send(stream.native(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            sent += static_cast<std::size_t>(count);
            last = std::chrono::steady_clock::now();
        }
    }
    return sent;
}

TEST_F(RelayTest, SlowReaderIsBackPressureNotMemory) {
    establish();
    client.set_buffers(262144);
    server.set_buffers(262144);
    const std::size_t sent = send_until_stuck(server);
    // What the relay took and could not pass on is at most one largest buffer; the rest is in
    // kernel buffers. It goes on when the reader does.
    EXPECT_LT(sent, std::size_t{32} * 1024 * 1024);
    server.finish();
    std::string all = client.receive_all();
    EXPECT_EQ(all.size(), sent);
    EXPECT_EQ(client.ending(), Ending::Fin);
}

std::chrono::microseconds process_time() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::seconds{time.tv_sec} +
           std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::nanoseconds{time.tv_nsec});
}

/// Processor time of the whole process while nothing should happen.
std::chrono::microseconds used_while_quiet(std::chrono::milliseconds span) {
    const auto before = process_time();
    std::this_thread::sleep_for(span);
    return process_time() - before;
}

TEST_F(RelayTest, T6_HalfClosedIdleSessionCausesNoWakeups) {
    establish();
    client.finish();
    EXPECT_EQ(server.receive_all(), "");
    EXPECT_LT(used_while_quiet(std::chrono::milliseconds{500}), std::chrono::milliseconds{20});
}

TEST_F(RelayTest, T8_ResetUnderBackPressureEndsTheSessionWithoutSpinning) {
    establish();
    client.set_buffers(4096);
    send_until_stuck(server);
    server.reset();
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_upstream == 1; }));
    EXPECT_LT(used_while_quiet(std::chrono::milliseconds{300}), std::chrono::milliseconds{20});
    client.receive_all();
    EXPECT_EQ(client.ending(), Ending::Reset);
}

enum class Busy { Open, Ended, HeldUp };

/// Passes a byte every tenth of `limit`, for twice as long. HeldUp: the connection ended, and this
/// thread had not run for so long that it had to.
Busy keep_busy(Stream& client, Stream& server, std::chrono::milliseconds limit) {
    auto last_sent = std::chrono::steady_clock::now();
    for (int round = 0; round < 20; ++round) {
        const auto now = std::chrono::steady_clock::now();
        if (!client.send("x") || server.receive(1) != "x") {
            const auto quiet = std::chrono::steady_clock::now() - last_sent;
            return quiet < limit ? Busy::Ended : Busy::HeldUp;
        }
        last_sent = now;
        std::this_thread::sleep_for(limit / 10);
    }
    return Busy::Open;
}

TEST(RelayTimeouts, T2_IdleSessionIsResetAndCounted) {
    constexpr std::chrono::milliseconds kLimit{100};
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.idle_timeout = kLimit;
    Relay relay{service};
    Stream client;
    Stream server;
    Busy busy = Busy::HeldUp;
    std::uint64_t sessions = 0;
    for (; sessions < 20 && busy == Busy::HeldUp; ++sessions) {
        client = relay.connect();
        server = upstream.accept();
        busy = keep_busy(client, server, kLimit);
    }
    ASSERT_EQ(busy, Busy::Open) << "activity moves the end away";
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_EQ(server.receive_all(), "");
    EXPECT_EQ(server.ending(), Ending::Reset);
    // The connection is closed before it is counted.
    EXPECT_TRUE(eventually([&] { return relay.counters().timed_out == sessions; }));
}

TEST(RelayTimeouts, T23_AfterAFinTheFinTimeoutCounts) {
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.fin_timeout = std::chrono::milliseconds{100};
    Relay relay{service};
    for (const bool client_first : {true, false}) {
        Stream client = relay.connect();
        Stream server = upstream.accept();
        (client_first ? client : server).finish();
        Stream& waiting = client_first ? client : server;
        EXPECT_EQ(waiting.receive_all(), "");
        EXPECT_EQ(waiting.ending(), Ending::Reset);
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().timed_out == 2; }));
}

TEST(RelayTimeouts, ZeroMeansNever) {
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.fin_timeout = Milliseconds{0};
    service.idle_timeout = Milliseconds{0};
    service.connect_timeout = Milliseconds{0};
    Relay relay{service};
    Stream client = relay.connect();
    Stream server = upstream.accept();
    client.finish();
    EXPECT_EQ(server.receive_all(), "");
    ASSERT_TRUE(server.send("late"));
    EXPECT_EQ(client.receive(4), "late");
}

/// Echoes every connection, in threads of its own, until destroyed.
class EchoServer {
  public:
    EchoServer() : thread_([this] { accept_all(); }) {}
    ~EchoServer() {
        stop_ = true;
        thread_.join();
        for (std::thread& each : connections_) {
            each.join();
        }
    }
    [[nodiscard]] Endpoint endpoint() const { return upstream_.endpoint(); }

  private:
    void accept_all() {
        while (!stop_) {
            Stream stream = upstream_.accept(std::chrono::milliseconds{20});
            if (stream.is_open()) {
                connections_.emplace_back([peer = std::move(stream)]() mutable { echo(peer); });
            }
        }
    }
    static void echo(Stream& peer) {
        std::vector<char> buffer(100'000);
        while (true) {
            const ssize_t count = ::recv(peer.native(), buffer.data(), buffer.size(), 0);
            if (count <= 0 || !peer.send({buffer.data(), static_cast<std::size_t>(count)})) {
                return;
            }
        }
    }
    Upstream upstream_;
    std::atomic<bool> stop_{false};
    std::vector<std::thread> connections_;
    std::thread thread_;
};

// The size of the test under sanitizers would only cost time.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kExchanges = 2000;
#else
constexpr int kExchanges = 10'400;
#endif

TEST(RelayRandomForwarding, ExchangesOfRandomSizesAreByteExact) {
    EchoServer server;
    Relay relay{Relay::service_to({server.endpoint()}), 2};
    constexpr int kClients = 8;
    std::atomic<int> exchanges{0};
    const std::string bytes = pattern(1'000'000);
    std::vector<std::thread> clients;
    for (unsigned number = 0; number < kClients; ++number) {
        clients.emplace_back([&, number] {
            std::mt19937 random{number};
            Stream client = relay.connect();
            for (int round = 0; round < kExchanges / kClients; ++round) {
                if (round % 100 == 99) {
                    client.finish();
                    EXPECT_EQ(client.receive_all(), "");
                    client = relay.connect();
                }
                // Mostly small, sometimes more than any buffer of the relay.
                const std::size_t size = 1 + random() % (1U << (random() % 18));
                const std::size_t start = random() % (bytes.size() - size);
                const std::string_view chunk{bytes.data() + start, size};
                ASSERT_TRUE(client.send(chunk));
                ASSERT_TRUE(client.receive(size) == chunk) << number << " " << round;
                ++exchanges;
            }
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    EXPECT_EQ(exchanges, kExchanges);
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    EXPECT_EQ(relay.counters().bytes_to_client, relay.counters().bytes_to_upstream);
}

}  // namespace
}  // namespace tandem::relay::test
