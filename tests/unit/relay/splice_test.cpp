// Large amounts through pipes in the kernel: exact, also when the ends are not orderly.
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include <sys/socket.h>

namespace tandem::relay::test {
namespace {

/// Byte `offset` of the stream `seed`; no two streams share a long part.
char byte_at(std::uint64_t seed, std::uint64_t offset) {
    std::uint64_t mixed = (offset / 8 + 1) * 0x9e3779b97f4a7c15U ^ seed * 0xbf58476d1ce4e5b9U;
    mixed ^= mixed >> 31U;
    return static_cast<char>(mixed >> (offset % 8 * 8));
}

std::string stream_part(std::uint64_t seed, std::uint64_t begin, std::size_t size) {
    std::string part(size, '\0');
    for (std::size_t index = 0; index < size; ++index) {
        part[index] = byte_at(seed, begin + index);
    }
    return part;
}

constexpr std::size_t kPiece = 200'000;

void send_stream(Stream& stream, std::uint64_t seed, std::size_t size, std::size_t piece = kPiece) {
    for (std::size_t sent = 0; sent < size; sent += piece) {
        if (!stream.send(stream_part(seed, sent, std::min(piece, size - sent)))) {
            return;
        }
    }
    stream.finish();
}

/// @return bytes that came and were right.
std::size_t check_stream(Stream& stream, std::uint64_t seed, std::size_t most = SIZE_MAX) {
    std::size_t received = 0;
    while (received < most) {
        const std::string part = stream.receive(std::min(kPiece, most - received));
        if (part != stream_part(seed, received, part.size())) {
            ADD_FAILURE() << "stream " << seed << " differs after byte " << received;
            return received;
        }
        received += part.size();
        if (part.size() < kPiece) {
            break;
        }
    }
    return received;
}

struct Connection {
    Stream client;
    Stream server;
};

class Splice : public testing::Test {
  protected:
    Connection connect() {
        Connection connection;
        connection.client = relay.connect();
        connection.server = upstream.accept();
        EXPECT_TRUE(connection.server.is_open());
        return connection;
    }
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()})};
};

// The size of a test under sanitizers would only cost time.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kLarge = 12'000'000;
#else
constexpr std::size_t kLarge = 48'000'000;
#endif

TEST_F(Splice, T16_LargeAmountsGoThroughPipesBothWays) {
    Connection both = connect();
    std::thread up{[&] { send_stream(both.client, 1, kLarge); }};
    std::thread down{[&] { send_stream(both.server, 2, kLarge); }};
    std::size_t at_server = 0;
    std::thread receiver{[&] { at_server = check_stream(both.server, 1); }};
    EXPECT_EQ(check_stream(both.client, 2), kLarge);
    up.join();
    down.join();
    receiver.join();
    EXPECT_EQ(at_server, kLarge);
    EXPECT_EQ(both.client.ending(), Ending::Fin);
    EXPECT_EQ(both.server.ending(), Ending::Fin);
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == 1; }));
    EXPECT_GT(relay.counters().bytes_spliced, kLarge / 2);
    EXPECT_EQ(relay.counters().bytes_to_client, kLarge);
    EXPECT_EQ(relay.counters().bytes_to_upstream, kLarge);
}

TEST_F(Splice, T12_TheFinComesAfterWhatIsInThePipe) {
    for (const std::size_t extra : {0U, 1U, 4095U, 4096U, 16384U, 65536U, 1048575U, 1048576U}) {
        Connection slow = connect();
        slow.client.set_buffers(32768);
        const std::size_t size = 4'000'000 + extra;
        std::thread down{[&] { send_stream(slow.server, extra, size); }};
        // The whole answer and its FIN wait in front of a reader that has not begun.
        const std::size_t first = check_stream(slow.client, extra, 1);
        EXPECT_EQ(first, 1U);
        std::string rest;
        std::size_t received = 1;
        while (true) {
            rest = slow.client.receive(kPiece);
            ASSERT_EQ(rest, stream_part(extra, received, rest.size()));
            received += rest.size();
            if (rest.size() < kPiece) {
                break;
            }
        }
        down.join();
        EXPECT_EQ(received, size);
        EXPECT_EQ(slow.client.ending(), Ending::Fin);
        slow.client.finish();
    }
    EXPECT_GT(relay.counters().bytes_spliced, 0U);
}

TEST_F(Splice, SmallAnswersAfterLargeOnesAreNotHeldBack) {
    Connection mixed = connect();
    for (std::uint64_t round = 0; round < 6; ++round) {
        const std::size_t size = round % 2 == 0 ? 3'000'000 : 10;
        std::thread down{[&] {
            for (std::size_t sent = 0; sent < size; sent += kPiece) {
                mixed.server.send(stream_part(round, sent, std::min(kPiece, size - sent)));
            }
        }};
        EXPECT_EQ(check_stream(mixed.client, round, size), size);
        down.join();
    }
}

TEST_F(Splice, T13_WhatWasInAPipeReachesNobodyElse) {
    for (std::uint64_t round = 0; round < 8; ++round) {
        // A stream whose reader stops and is then killed, with the pipe full.
        Connection dead = connect();
        dead.client.set_buffers(32768);
        std::thread doomed{[&] { send_stream(dead.server, 1000 + round, 20'000'000); }};
        ASSERT_EQ(check_stream(dead.client, 1000 + round, 2'000'000), 2'000'000U);
        dead.client.reset();
        doomed.join();
        Connection next = connect();
        std::thread down{[&] { send_stream(next.server, round, 3'000'000); }};
        EXPECT_EQ(check_stream(next.client, round), 3'000'000U);
        down.join();
    }
    EXPECT_GT(relay.counters().bytes_spliced, 0U);
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_client == 8; }));
}

TEST_F(Splice, T39_AWriteToAResetSocketDoesNotEndTheProcess) {
    for (int round = 0; round < 10; ++round) {
        Connection both = connect();
        std::thread up{[&] { send_stream(both.client, 7, 8'000'000); }};
        check_stream(both.server, 7, 3'000'000);
        both.server.reset();
        up.join();
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_upstream == 10; }));
}

TEST_F(Splice, AnUrgentByteInALargeStreamStaysInItsPlace) {
    Connection both = connect();
    std::string at_server;
    std::thread receiver{[&] { at_server = both.server.receive_all(); }};
    const std::string part = stream_part(3, 0, 4'000'000);
    ASSERT_TRUE(both.client.send(part));
    ASSERT_EQ(::send(both.client.native(), "!", 1, MSG_OOB), 1);
    ASSERT_TRUE(both.client.send(part));
    both.client.finish();
    receiver.join();
    EXPECT_TRUE(at_server == part + "!" + part);
}

/// Random sizes, pauses and ends, in both directions at once; which way the bytes take changes on
/// the way.
TEST(SpliceRandomForwarding, EveryByteInItsPlace) {
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()}), 2};
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        std::mt19937_64 random{seed};
        Stream client = relay.connect();
        Stream server = upstream.accept();
        const std::array<std::size_t, 2> sizes{random() % 4'000'000, random() % 4'000'000};
        for (Stream* stream : {&client, &server}) {
            if (random() % 2 == 0) {
                stream->set_buffers(static_cast<int>(32768 + random() % 200'000));
            }
        }
        const auto piece = [&random] { return 1 + random() % (1U << (8 + random() % 14)); };
        const std::array<std::size_t, 2> pieces{piece(), piece()};
        std::thread up{[&] { send_stream(client, seed, sizes[0], pieces[0]); }};
        std::thread down{[&] { send_stream(server, ~seed, sizes[1], pieces[1]); }};
        std::size_t at_server = 0;
        std::thread receiver{[&] { at_server = check_stream(server, seed); }};
        EXPECT_EQ(check_stream(client, ~seed), sizes[1]) << seed;
        up.join();
        down.join();
        receiver.join();
        EXPECT_EQ(at_server, sizes[0]) << seed;
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == 12; }));
    EXPECT_GT(relay.counters().bytes_spliced, 0U);
}

}  // namespace
}  // namespace tandem::relay::test
