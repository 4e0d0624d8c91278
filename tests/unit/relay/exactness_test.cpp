// What ends, and how: bytes, FIN and RST, through buffers and through pipes.
#include "tests/unit/relay/lessons_support.hpp"

#include <array>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

class Exactness : public Lesson, public testing::WithParamInterface<Carrier> {
  protected:
    Pair connect() { return Lesson::connect(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Carriers, Exactness, testing::Values(Carrier::Buffers, Carrier::Pipes),
                         carrier_name);

/// Both directions at once, each with its FIN.
void exchange(Pair& pair, std::size_t up, std::size_t down) {
    const auto send = [](Stream& stream, std::uint64_t seed, std::size_t size) {
        EXPECT_TRUE(send_range(stream, seed, 0, size));
        stream.finish();
    };
    std::thread uploader{[&] { send(pair.client, 1, up); }};
    std::thread downloader{[&] { send(pair.server, 2, down); }};
    std::size_t at_server = 0;
    std::thread receiver{[&] { at_server = receive_range(pair.server, 1, 0); }};
    EXPECT_EQ(receive_range(pair.client, 2, 0), down);
    uploader.join();
    downloader.join();
    receiver.join();
    EXPECT_EQ(at_server, up);
    EXPECT_EQ(pair.client.ending(), Ending::Fin);
    EXPECT_EQ(pair.server.ending(), Ending::Fin);
}

TEST_P(Exactness, T12_T14_SizesAroundEveryBufferBothWaysAtOnce) {
    std::uint64_t connections = 0;
    for (const std::size_t edge : {1U, 4096U, 16384U, 65536U, 262144U, 1048576U}) {
        for (const std::size_t size : {edge - 1, edge, edge + 1}) {
            SCOPED_TRACE(size);
            Pair pair = connect();
            exchange(pair, size, edge * 2 - size);
            ++connections;
        }
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().finished == connections; }));
}

TEST_P(Exactness, T14_SingleBytes) {
    constexpr std::size_t kBytes = 2000;
    Pair pair = connect();
    std::thread sender{[&] {
        EXPECT_TRUE(send_range(pair.server, 3, 0, kBytes, 1));
        pair.server.finish();
    }};
    EXPECT_EQ(receive_range(pair.client, 3, 0), kBytes);
    sender.join();
    EXPECT_EQ(pair.client.ending(), Ending::Fin);
}

TEST_P(Exactness, T12_FinBehindWhatASleepingReaderHasNotTaken) {
    for (const std::size_t extra : {0U, 1U, 4095U, 16385U, 65537U}) {
        Pair pair = connect();
        pair.client.set_buffers(65536);
        // Pieces of less than a pipe is worth keep it in buffers.
        const std::size_t size = 3'000'000 + extra;
        std::thread sender{[&] {
            send_range(pair.server, 4, 0, size, GetParam() == Carrier::Pipes ? 200'000 : 10'000);
            pair.server.finish();
        }};
        sender.join();
        EXPECT_EQ(receive_range(pair.client, 4, 0), size);
        EXPECT_EQ(pair.client.ending(), Ending::Fin);
    }
}

TEST_P(Exactness, T10_WhatArrivedBeforeTheResetIsDelivered) {
    constexpr std::size_t kAnswer = 20'000;
    for (int round = 0; round < 20; ++round) {
        Pair pair = connect();
        ASSERT_TRUE(send_range(pair.server, 5, 0, kAnswer));
        // What has not left the server yet would be lost there.
        ASSERT_TRUE(eventually([&] { return has_left(pair.server); }));
        pair.server.reset();
        EXPECT_EQ(receive_range(pair.client, 5, 0), kAnswer) << round;
        EXPECT_EQ(pair.client.ending(), Ending::Reset);
    }
}

TEST_P(Exactness, T11_AnswerArrivesAfterTheClientsFin) {
    constexpr std::size_t kRequest = 70'000;
    constexpr std::size_t kAnswer = 3'000'000;
    Pair pair = connect();
    ASSERT_TRUE(send_range(pair.client, 1, 0, kRequest));
    pair.client.finish();
    EXPECT_EQ(receive_range(pair.server, 1, 0), kRequest);
    EXPECT_EQ(pair.server.ending(), Ending::Fin);
    std::thread answerer{[&] {
        EXPECT_TRUE(send_range(pair.server, 2, 0, kAnswer));
        pair.server.close();
    }};
    EXPECT_EQ(receive_range(pair.client, 2, 0), kAnswer);
    EXPECT_EQ(pair.client.ending(), Ending::Fin);
    answerer.join();
}

/// The sender is reset, or the reader, while everything between them is full.
TEST_P(Exactness, T8_T15_ResetUnderBackPressureEndsWithoutSpinning) {
    for (const bool download : {true, false}) {
        for (const bool sender_resets : {true, false}) {
            SCOPED_TRACE(testing::Message()
                         << "download " << download << ", sender resets " << sender_resets);
            Pair pair = connect();
            Stream& sender = download ? pair.server : pair.client;
            Stream& reader = download ? pair.client : pair.server;
            reader.set_buffers(65536);
            const std::size_t sent = send_until_full(sender, 6);
            EXPECT_GT(sent, 65536U);
            EXPECT_TRUE(is_quiet());
            const std::uint64_t before = ended();
            (sender_resets ? sender : reader).reset();
            EXPECT_TRUE(eventually([&] { return ended() == before + 1; }));
            EXPECT_EQ(relay.counters().finished, 0U);
            EXPECT_TRUE(is_quiet());
            Stream& left = sender_resets ? reader : sender;
            EXPECT_LE(receive_range(left, 6, 0), sender_resets ? sent : 0U);
            EXPECT_EQ(left.ending(), Ending::Reset);
        }
    }
    EXPECT_EQ(relay.counters().reset_by_client, 2U);
    EXPECT_EQ(relay.counters().reset_by_upstream, 2U);
}

/// Where a connection can be when one side resets it.
enum class Phase { Open, AfterOwnFin, AfterTheOthersFin, BytesOnTheirWay, Delivering };

void bring_to(Phase phase, Stream& resetter, Stream& other) {
    switch (phase) {
        case Phase::Open:
            return;
        case Phase::AfterOwnFin:
            resetter.finish();
            EXPECT_EQ(other.receive_all(), "");
            return;
        case Phase::AfterTheOthersFin:
            other.finish();
            EXPECT_EQ(resetter.receive_all(), "");
            return;
        case Phase::BytesOnTheirWay:
            EXPECT_TRUE(send_range(resetter, 7, 0, 30'000));
            EXPECT_TRUE(send_range(other, 8, 0, 30'000));
            return;
        case Phase::Delivering:
            // Both FINs passed on, and the resetter's window closed before all bytes are through.
            resetter.set_buffers(8192);
            EXPECT_TRUE(send_range(other, 8, 0, 150'000));
            other.finish();
            resetter.finish();
            EXPECT_EQ(other.receive_all(), "");
            return;
    }
}

TEST_P(Exactness, T7_T33_T46_ResetInEveryPhaseEndsTheConnectionOnce) {
    std::uint64_t connections = 0;
    for (const Phase phase : {Phase::Open, Phase::AfterOwnFin, Phase::AfterTheOthersFin,
                              Phase::BytesOnTheirWay, Phase::Delivering}) {
        for (const bool client_resets : {true, false}) {
            SCOPED_TRACE(testing::Message()
                         << "phase " << static_cast<int>(phase) << ", client " << client_resets);
            Pair pair = connect();
            Stream& resetter = client_resets ? pair.client : pair.server;
            Stream& other = client_resets ? pair.server : pair.client;
            bring_to(phase, resetter, other);
            resetter.reset();
            EXPECT_TRUE(eventually([&] { return ended() == connections + 1; }));
            if (phase == Phase::Open || phase == Phase::BytesOnTheirWay) {
                EXPECT_LE(receive_range(other, 7, 0), 30'000U);
                EXPECT_EQ(other.ending(), Ending::Reset);
            }
            ++connections;
        }
    }
    EXPECT_TRUE(is_quiet());
    EXPECT_EQ(ended(), connections);
    EXPECT_EQ(relay.counters().active, 0U);
    EXPECT_EQ(relay.status().upstreams[0].active, 0U);
}

TEST_P(Exactness, T6_HalfClosedAndIdleUsesNoProcessorTime) {
    Pair by_client = connect();
    Pair by_server = connect();
    by_client.client.finish();
    by_server.server.finish();
    EXPECT_EQ(by_client.server.receive_all(), "");
    EXPECT_EQ(by_server.client.receive_all(), "");
    EXPECT_TRUE(is_quiet());
    // And they still work.
    ASSERT_TRUE(by_client.server.send("late"));
    EXPECT_EQ(by_client.client.receive(4), "late");
    ASSERT_TRUE(by_server.client.send("late"));
    EXPECT_EQ(by_server.server.receive(4), "late");
}

TEST_P(Exactness, T38_AnswerIsWholeAlthoughTheRestOfTheRequestIsNeverRead) {
    constexpr std::size_t kAnswer = 2'000'000;
    Pair pair = connect();
    // More than the server ever reads lies in front of it when it ends its answer.
    const std::size_t unread = send_until_full(pair.client, 9);
    EXPECT_GT(unread, 100'000U);
    std::thread answerer{[&] {
        EXPECT_TRUE(send_range(pair.server, 10, 0, kAnswer));
        pair.server.finish();
    }};
    EXPECT_EQ(receive_range(pair.client, 10, 0), kAnswer);
    EXPECT_EQ(pair.client.ending(), Ending::Fin);
    answerer.join();
    EXPECT_TRUE(is_quiet());
    EXPECT_EQ(ended(), 0U) << "the request's direction is still open";
}

TEST_P(Exactness, T13_ADyingStreamHarmsNoOther) {
    constexpr std::size_t kSize = 4'000'000;
    Pair survivor = connect();
    for (std::uint64_t round = 0; round < 4; ++round) {
        Pair victim = connect();
        victim.client.set_buffers(65536);
        send_until_full(victim.server, 100 + round);
        std::thread sender{[&] { send_range(survivor.server, round, 0, kSize); }};
        EXPECT_EQ(receive_range(survivor.client, round, 0, kSize / 2), kSize / 2);
        victim.client.reset();
        EXPECT_EQ(receive_range(survivor.client, round, kSize / 2, kSize), kSize);
        sender.join();
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().reset_by_client == 4; }));
}

/// More streams in need of a pipe than a user without privileges is granted.
void relay_without_privileges() {
    constexpr unsigned kNobody = 65534;
    constexpr std::size_t kStreams = 120;
    constexpr std::size_t kSize = 3'000'000;
    const rlimit descriptors{.rlim_cur = 4096, .rlim_max = 4096};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    if (::geteuid() == 0) {
        ASSERT_EQ(::setresgid(kNobody, kNobody, kNobody), 0);
        ASSERT_EQ(::setresuid(kNobody, kNobody, kNobody), 0);
    }
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()})};
    std::vector<Pair> pairs(kStreams);
    std::vector<std::size_t> sent(kStreams);
    for (std::size_t index = 0; index < kStreams; ++index) {
        Pair& pair = pairs[index];
        pair.client = relay.connect();
        pair.server = upstream.accept();
        ASSERT_TRUE(pair.server.is_open());
        pair.client.set_buffers(65536);
        const PositionedBytes bytes{index};
        while (sent[index] < kSize) {
            const std::string_view part =
                bytes.at(sent[index], std::min<std::size_t>(200'000, kSize - sent[index]));
            const ssize_t count =
                ::send(pair.server.native(), part.data(), part.size(), MSG_DONTWAIT);
            if (count <= 0) {
                break;
            }
            sent[index] += static_cast<std::size_t>(count);
        }
        pair.server.finish();
    }
    for (std::size_t index = 0; index < kStreams; ++index) {
        EXPECT_EQ(receive_range(pairs[index].client, index, 0), sent[index]) << index;
        EXPECT_EQ(pairs[index].client.ending(), Ending::Fin);
    }
    EXPECT_GT(relay.counters().bytes_spliced, 0U);
}

TEST(ExactnessOfMany, T16_MoreStreamsThanPipesOfAnUnprivilegedUser) {
    in_child(relay_without_privileges);
}

}  // namespace
}  // namespace tandem::relay::test
