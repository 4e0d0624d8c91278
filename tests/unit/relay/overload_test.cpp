// Lessons about a relay that has more to do than it can: who waits for whom, and what it costs.
#include "proxy/relay/buffer_pool.hpp"
#include "tests/unit/relay/lessons_support.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;

/// Sends as much as the kernel takes now, at most the size of the array.
template <std::size_t kSize>
bool offer(const Stream& stream, const std::array<char, kSize>& bytes) {
    return ::send(stream.native(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

/// Connections that are always busy. One thread moves them, the one that waits for what is to
/// happen meanwhile: however slow it is, they move nothing behind its back but what fits into the
/// kernel's buffers.
class BusyFlows {
  public:
    BusyFlows(Relay& relay, Upstream& upstream, std::size_t count) {
        for (std::size_t index = 0; index < count; ++index) {
            clients_.push_back(relay.connect());
            servers_.push_back(upstream.accept());
        }
    }
    /// @return bytes that have reached their upstreams since the last call.
    std::size_t move() {
        std::size_t moved = 0;
        for (std::size_t index = 0; index < clients_.size(); ++index) {
            offer(clients_[index], bytes_);
            // They are taken off the queue, not copied.
            const ssize_t count =
                ::recv(servers_[index].native(), nullptr, kMost, MSG_DONTWAIT | MSG_TRUNC);
            moved += count > 0 ? static_cast<std::size_t>(count) : 0U;
        }
        return moved;
    }

  private:
    static constexpr std::size_t kMost = std::size_t{4} * 1024 * 1024;
    std::vector<Stream> clients_;
    std::vector<Stream> servers_;
    std::array<char, std::size_t{512} * 1024> bytes_{};
};

/// A client with a question that is answered, step by step.
class Newcomer {
  public:
    Newcomer(Relay& relay, Upstream& upstream) : upstream_(upstream), client_(relay.connect()) {
        EXPECT_TRUE(offer(client_, kByte));
    }
    /// Does what can be done now. True: the answer is there.
    bool step() {
        if (!server_.is_open()) {
            server_ = upstream_.accept(0ms);
        }
        if (server_.is_open() && take(server_)) {
            EXPECT_TRUE(offer(server_, kByte));
        }
        return take(client_);
    }

  private:
    static constexpr std::array<char, 1> kByte{'x'};
    static bool take(const Stream& stream) {
        char byte = 0;
        return ::recv(stream.native(), &byte, 1, MSG_DONTWAIT) == 1;
    }
    Upstream& upstream_;
    Stream client_;
    Stream server_;
};

// In each turn of its worker a busy flow moves a part (1 MiB at most), and a newcomer is served
// within a few turns; the rest of the bound is what the kernel's buffers hold.
TEST(Overload, T28_ANewcomerIsAnsweredBeforeTheBusyOnesHaveMovedMuch) {
    constexpr std::size_t kBusy = 8;
    constexpr std::size_t kMost = kBusy * 24 * 1024 * 1024;
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()})};
    BusyFlows busy{relay, upstream, kBusy};
    for (std::size_t moved = 0; moved < kMost / 4;) {
        moved += busy.move();
    }
    for (int round = 0; round < 20; ++round) {
        Newcomer newcomer{relay, upstream};
        const auto end = std::chrono::steady_clock::now() + kPatience;
        std::size_t moved = 0;
        while (!newcomer.step()) {
            moved += busy.move();
            ASSERT_LT(moved, kMost) << "round " << round;
            ASSERT_LT(std::chrono::steady_clock::now(), end) << "nothing moves any more";
        }
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().active == kBusy; }));
}

TEST(Overload, WhoWaitsForABufferUsesNoProcessorTime) {
    // More connections with much to deliver than there are buffers for, and nobody reads.
    constexpr std::size_t kConnections = 18;
    static constexpr std::array<char, std::size_t{256} * 1024> kBytes{};
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()}), 1, 0, BufferPool::kLeastLimit};
    std::vector<Stream> clients;
    std::vector<Stream> servers;
    for (std::size_t index = 0; index < kConnections; ++index) {
        clients.push_back(relay.connect());
        servers.push_back(upstream.accept());
    }
    EXPECT_TRUE(eventually([&] {
        for (const Stream& server : servers) {
            offer(server, kBytes);
        }
        return relay.counters().buffer_waits > 0;
    }));
    EXPECT_TRUE(is_quiet());
    const std::uint64_t waits = relay.counters().buffer_waits;
    EXPECT_TRUE(is_quiet());
    EXPECT_EQ(relay.counters().buffer_waits, waits) << "each of them waits once";
}

/// Bytes of the heap in use.
std::size_t heap_in_use() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

/// How many connections with both ends in this process the limit allows, at most `wanted`.
std::size_t possible_connections(std::size_t wanted) {
    constexpr rlim_t kOthers = 600;
    rlimit limit{};
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlim_t possible = limit.rlim_cur < kOthers ? 0 : (limit.rlim_cur - kOthers) / 2;
    return std::min<std::size_t>(wanted, possible);
}

void expect_served(Relay& relay, Upstream& upstream) {
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("PROXY UNKNOWN\r\nhello"));
    Stream server = upstream.accept();
    EXPECT_EQ(server.receive(5), "hello");
    ASSERT_TRUE(server.send("answer"));
    EXPECT_EQ(client.receive(6), "answer");
}

TEST(Overload, T1_ThousandsOfSlowHeadersHoldUpNobodyAndEndInTime) {
    const std::size_t count = possible_connections(5000);
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.preread.proxy_senders = {{loopback().address(), 8}};
    service.preread.timeout = 1s;
    Relay relay{service};
    expect_served(relay, upstream);
    const std::size_t before = heap_in_use();
    std::vector<Stream> slow;
    slow.reserve(count);
    while (slow.size() < count) {
        slow.push_back(relay.connect());
        slow.back().send("PROXY TCP4 203.0.113.5 ");
    }
    // The one that was served is among the accepted.
    EXPECT_TRUE(eventually([&] { return relay.counters().accepted == count + 1; }));
    const std::size_t used = heap_in_use() - before;
    // On a slow machine some have ended already.
    if (relay.counters().preread_timed_out == 0) {
        EXPECT_LT(used / count, 2048U) << "bytes of each that waits";
    }
    expect_served(relay, upstream);
    for (Stream& client : slow) {
        client.send("1");
    }
    for (Stream& client : slow) {
        // By a reset, which send() may have found first.
        EXPECT_EQ(client.receive(1), "");
        EXPECT_NE(client.ending(), Ending::None);
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().preread_timed_out == count; }));
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    expect_served(relay, upstream);
}

}  // namespace
}  // namespace tandem::relay::test
