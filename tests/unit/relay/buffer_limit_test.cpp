// The bound on buffers: the pool by itself, and what connections do at it.
#include "proxy/relay/buffer_pool.hpp"
#include "proxy/relay/half.hpp"
#include "tests/unit/relay/hello_support.hpp"
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <malloc.h>

namespace tandem::relay::test {
namespace {

constexpr std::size_t kKiB = 1024;

TEST(BufferPool, FromHalfOfTheLimitOnSmallOnesAndAtTheLimitNone) {
    BufferPool pool;
    // The last small one fits exactly.
    pool.set_limit(608 * kKiB);
    Buffer large = pool.acquire(256 * kKiB);
    EXPECT_EQ(large.capacity, 256 * kKiB);
    std::vector<Buffer> small;
    while (pool.has_room()) {
        small.push_back(pool.acquire(256 * kKiB));
        EXPECT_EQ(small.back().capacity, 16 * kKiB);
    }
    EXPECT_EQ(small.size(), (608 - 256) / 16);
    EXPECT_EQ(pool.acquire(16 * kKiB).capacity, 0U);
    pool.release(std::move(small.back()));
    small.pop_back();
    EXPECT_TRUE(pool.has_room());
    pool.count(0, 20 * kKiB);
    EXPECT_FALSE(pool.has_room());
    pool.count(20 * kKiB, 0);
    EXPECT_TRUE(pool.has_room());
}

/// Bytes of the heap in use; a sanitizer does not tell.
std::size_t heap_in_use() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

TEST(BufferPool, KeepsAFewOfEachSizeForLater) {
    BufferPool pool;
    for (const std::size_t size : {16 * kKiB, 64 * kKiB, 256 * kKiB}) {
        const std::size_t before = heap_in_use();
        std::vector<Buffer> buffers;
        while (buffers.size() * size < 12 * 1024 * kKiB) {
            buffers.push_back(pool.acquire(size));
        }
        for (Buffer& buffer : buffers) {
            pool.release(std::move(buffer));
        }
        EXPECT_EQ(pool.in_use(), 0U);
        EXPECT_LE(heap_in_use() - before, 5 * 1024 * kKiB) << size;
    }
}

TEST(BufferPool, HasALeastLimit) {
    BufferPool pool;
    pool.set_limit(1);
    EXPECT_EQ(pool.acquire(64 * kKiB).capacity, 64 * kKiB);
    EXPECT_TRUE(pool.has_room());
}

constexpr std::size_t kLeast = BufferPool::kLeastLimit;
/// More than what the kernel takes for one connection, so that the relay has to keep some.
constexpr std::size_t kMuch = 8 * 1024 * kKiB;
/// More than there are buffers for them.
constexpr std::size_t kConnections = 18;

class BufferLimit : public testing::Test {
  protected:
    ServiceConfig service() { return Relay::service_to({upstream.endpoint()}); }
    Upstream upstream;
};

TEST_F(BufferLimit, WhoReadsSlowlyHoldsThemAndEveryByteArrivesInTheEnd) {
    Relay relay{service(), 1, 0, kLeast};
    const std::string bytes = pattern(kMuch);
    std::vector<Stream> clients;
    std::vector<Stream> servers;
    std::vector<std::thread> senders;
    for (std::size_t index = 0; index < kConnections; ++index) {
        clients.push_back(relay.connect());
        servers.push_back(upstream.accept());
    }
    for (Stream& server : servers) {
        senders.emplace_back([&] {
            EXPECT_TRUE(server.send(bytes));
            server.finish();
        });
    }
    EXPECT_TRUE(eventually([&] {
        const auto notices = relay.notices();
        return std::ranges::find(notices, "buffers short service") != notices.end();
    }));
    std::vector<std::thread> readers;
    for (Stream& client : clients) {
        readers.emplace_back([&] { EXPECT_TRUE(client.receive_all() == bytes); });
    }
    for (std::thread& thread : senders) {
        thread.join();
    }
    for (std::thread& thread : readers) {
        thread.join();
    }
    EXPECT_EQ(relay.counters().local_errors, 0U);
}

TEST_F(BufferLimit, WhoWaitsAndEndsHoldsUpNobody) {
    Relay relay{service(), 1, 0, kLeast};
    const std::string bytes = pattern(kMuch);
    std::vector<Stream> clients;
    std::vector<Stream> servers;
    std::vector<std::thread> senders;
    for (std::size_t index = 0; index < kConnections; ++index) {
        clients.push_back(relay.connect());
        servers.push_back(upstream.accept());
    }
    for (Stream& server : servers) {
        senders.emplace_back([&] { server.send(bytes); });
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().buffer_waits >= 2; }));
    for (Stream& client : clients) {
        client.reset();
    }
    for (std::thread& thread : senders) {
        thread.join();
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("hello"));
    Stream server = upstream.accept();
    EXPECT_EQ(server.receive(5), "hello");
}

TEST_F(BufferLimit, PrereadsCountAndFindNoRoomAtTheLimit) {
    auto config = service();
    config.upstreams[0].route.server_names = {"www.example.com"};
    Relay relay{config, 1, 0, kLeast};
    const std::string key = extension(51, std::string(20'000, 'k'));
    const std::string hello =
        records(hello_message(key + key + key + server_name("www.example.com")));
    std::vector<Stream> slow;
    for (std::size_t index = 0; index < kConnections; ++index) {
        slow.push_back(relay.connect());
        slow.back().send(hello.substr(0, hello.size() - 1));
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().local_errors >= 1; }));
    slow.clear();
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    Stream client = relay.connect();
    ASSERT_TRUE(client.send(hello));
    Stream server = upstream.accept();
    EXPECT_TRUE(server.receive(hello.size()) == hello);
}

}  // namespace
}  // namespace tandem::relay::test
