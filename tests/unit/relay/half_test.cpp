#include "proxy/relay/half.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using Step = Half::Step;

Half ready_half(std::size_t capacity = Half::kSmallest) {
    Half half;
    half.sink_ready();
    half.source_ready();
    half.set_capacity(capacity);
    return half;
}

TEST(Half, ReadsNothingBeforeTheSinkIsThere) {
    Half half;
    half.source_ready();
    EXPECT_EQ(half.next(), Step::Nothing);
    half.sink_ready();
    EXPECT_EQ(half.next(), Step::Read);
}

TEST(Half, ReadThenWriteAtOnce) {
    Half half = ready_half();
    half.on_read(100);
    EXPECT_EQ(half.next(), Step::Write);
    half.on_written(100);
    EXPECT_EQ(half.next(), Step::Nothing) << "a short read has emptied the source";
    EXPECT_EQ(half.begin(), 0U);
}

TEST(Half, AFullReadIsFollowedByAnother) {
    Half half = ready_half();
    half.on_read(Half::kSmallest);
    half.on_written(Half::kSmallest);
    EXPECT_EQ(half.next(), Step::Read);
}

TEST(Half, ShortReadAfterHangupIsProbed) {
    Half half = ready_half();
    half.source_hangup();
    half.on_read(10);
    half.on_written(10);
    EXPECT_EQ(half.next(), Step::Read);
    half.on_end_of_source();
    EXPECT_EQ(half.next(), Step::Shutdown);
    half.on_shutdown();
    EXPECT_TRUE(half.finished());
    EXPECT_EQ(half.next(), Step::Nothing);
}

TEST(Half, BackPressureStopsReadingAndKeepsTheReadiness) {
    Half half = ready_half();
    half.on_read(Half::kSmallest);
    half.on_write_blocked();
    EXPECT_EQ(half.next(), Step::Nothing);
    half.source_ready();
    EXPECT_EQ(half.next(), Step::Nothing) << "the buffer is full";
    half.sink_ready();
    EXPECT_EQ(half.next(), Step::Write);
    half.on_written(1000);
    EXPECT_EQ(half.next(), Step::Nothing) << "a short write has filled the sink";
    half.sink_ready();
    half.on_written(Half::kSmallest - 1000);
    EXPECT_EQ(half.next(), Step::Read) << "the edge from before must not be lost";
}

TEST(Half, FinLeavesAfterTheLastByte) {
    Half half = ready_half();
    half.on_read(Half::kSmallest);
    half.on_write_blocked();
    half.on_end_of_source();
    EXPECT_EQ(half.next(), Step::Nothing);
    half.sink_ready();
    EXPECT_EQ(half.next(), Step::Write);
    half.on_written(Half::kSmallest);
    EXPECT_EQ(half.next(), Step::Shutdown);
}

TEST(Half, T10_ResetSourceIsReadToTheEndButNeverBecomesAFin) {
    Half half = ready_half();
    half.source_reset();
    EXPECT_EQ(half.next(), Step::Read);
    half.on_read(10);
    half.on_written(10);
    EXPECT_EQ(half.next(), Step::Read);
    half.on_end_of_source();
    EXPECT_EQ(half.next(), Step::Nothing);
    EXPECT_TRUE(half.was_reset());
    EXPECT_FALSE(half.finished());
}

TEST(Half, T8_ResetUnderBackPressureHasNothingToDo) {
    Half half = ready_half();
    half.on_read(Half::kSmallest);
    half.on_write_blocked();
    half.source_reset();
    EXPECT_EQ(half.next(), Step::Nothing);
}

TEST(Half, AbandonedDoesNothingWhateverIsReported) {
    Half half = ready_half();
    half.on_read(10);
    half.abandon();
    half.source_ready();
    half.sink_ready();
    half.source_hangup();
    EXPECT_EQ(half.next(), Step::Nothing);
    EXPECT_EQ(half.pending(), 0U);
}

TEST(Half, BuffersGrowWhileFilledAndShrinkWhenNot) {
    Half half = ready_half();
    std::vector<std::size_t> sizes;
    for (int round = 0; round < 4; ++round) {
        half.on_read(half.capacity());
        half.on_written(half.capacity());
        half.set_capacity(half.wanted_capacity());
        sizes.push_back(half.capacity());
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{65536, 262144, 262144, 262144}));
    for (int round = 0; round < 3; ++round) {
        half.source_ready();
        half.on_read(100);
        half.on_written(100);
        half.set_capacity(half.wanted_capacity());
        sizes.push_back(half.capacity());
    }
    EXPECT_EQ(sizes.back(), Half::kSmallest);
}

TEST(Half, ReplacedSocketsForgetTheirReadiness) {
    Half half;
    half.source_reset();
    half.sink_ready();
    half.replace_source();
    half.replace_sink();
    EXPECT_FALSE(half.was_reset());
    EXPECT_EQ(half.next(), Step::Nothing);
    half.sink_ready();
    EXPECT_EQ(half.next(), Step::Nothing);
    half.source_ready();
    EXPECT_EQ(half.next(), Step::Read);
}

/// A source and a sink of edge-triggered sockets, driven in any order: the property of I4.
class Model {
  public:
    explicit Model(std::uint64_t seed) : random_(seed) {}

    void play() {
        const std::size_t total = random_() % (random_() % 4 == 0 ? 8'000'000 : 400'000);
        std::size_t produced = 0;
        for (int step = 0; step < 100'000 && !half_.finished(); ++step) {
            switch (random_() % 4) {
                case 0: {
                    const std::size_t more =
                        std::min<std::size_t>(total - produced, random_() % largest_);
                    produced += more;
                    queued_ += more;
                    if (more > 0) {
                        half_.source_ready();
                    }
                    if (produced == total && !fin_) {
                        fin_ = true;
                        half_.source_hangup();
                    }
                    break;
                }
                case 1:
                    if (sink_room_ == 0) {
                        half_.sink_ready();
                    }
                    sink_room_ += random_() % largest_;
                    break;
                default:
                    act();
            }
        }
        EXPECT_TRUE(half_.finished());
        EXPECT_EQ(written_, total);
        EXPECT_EQ(read_, total);
    }
    static unsigned pipes() { return pipes_; }

  private:
    void act() {
        switch (half_.next()) {
            case Step::Nothing:
                break;
            case Step::Read:
                if (half_.pending() == 0) {
                    provide();
                }
                ASSERT_GT(half_.room(), 0U);
                if (half_.uses_pipe() && half_.pending() > 0 && random_() % 4 == 0) {
                    // Its slots are full of small pieces.
                    half_.on_read_blocked();
                } else if (queued_ > 0) {
                    const std::size_t count = readable();
                    queued_ -= count;
                    read_ += count;
                    half_.on_read(count);
                } else if (fin_) {
                    half_.on_end_of_source();
                } else {
                    half_.on_read_blocked();
                }
                break;
            case Step::Write: {
                ASSERT_GT(half_.pending(), 0U);
                const std::size_t count = std::min(sink_room_, half_.pending());
                sink_room_ -= count;
                written_ += count;
                if (count == 0) {
                    half_.on_write_blocked();
                } else {
                    half_.on_written(count);
                }
                break;
            }
            case Step::Shutdown:
                EXPECT_EQ(written_, read_);
                half_.on_shutdown();
                break;
        }
    }

    void provide() {
        half_.set_capacity(0);
        if (half_.wants_pipe()) {
            ++pipes_;
            half_.set_pipe(kPipe, kSlots);
        } else {
            half_.set_capacity(half_.wanted_capacity());
        }
    }
    [[nodiscard]] std::size_t readable() {
        const std::size_t all = std::min(queued_, half_.room());
        // Full slots can end a read into a pipe before the queue is empty.
        return half_.uses_pipe() && all > kSlots ? kSlots + random_() % (all - kSlots + 1) : all;
    }

    static constexpr std::size_t kPipe = std::size_t{1024} * 1024;
    static constexpr std::size_t kSlots = 256;
    static inline unsigned pipes_ = 0;
    std::mt19937_64 random_;
    const std::size_t largest_ = random_() % 2 == 0 ? 70'000 : 700'000;
    Half half_;
    std::size_t queued_ = 0;
    std::size_t sink_room_ = 0;
    std::size_t read_ = 0;
    std::size_t written_ = 0;
    bool fin_ = false;
};

TEST(Half, RandomEventsLoseNothingAndEndWithFin) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE(seed);
        Model{seed}.play();
    }
    EXPECT_GT(Model::pipes(), 100U);
}

/// A half that has moved large amounts, with an empty pipe.
Half streaming() {
    Half half;
    half.source_ready();
    half.sink_ready();
    for (unsigned reads = 0; reads < Half::kReadsToSwitch; ++reads) {
        EXPECT_FALSE(half.wants_pipe());
        half.set_capacity(Half::kLargeRead);
        half.on_read(Half::kLargeRead);
        half.on_written(Half::kLargeRead);
    }
    EXPECT_TRUE(half.wants_pipe());
    half.set_pipe(1'000'000, 100);
    return half;
}

TEST(HalfPipe, T14_BlockedWithBytesInItMeansFull) {
    Half half = streaming();
    half.on_read(500);
    half.on_write_blocked();
    EXPECT_EQ(half.next(), Step::Read);
    half.on_read_blocked();
    EXPECT_EQ(half.next(), Step::Nothing) << "no spinning between a full pipe and a slow sink";
    half.sink_ready();
    half.on_written(500);
    EXPECT_EQ(half.next(), Step::Read) << "the source may have more: its edge was told already";
    half.on_read_blocked();
    EXPECT_EQ(half.next(), Step::Nothing) << "empty pipe: the source has nothing";
}

TEST(HalfPipe, FewerBytesThanSlotsMeansAnEmptySource) {
    Half half = streaming();
    half.on_read(99);
    half.on_written(99);
    EXPECT_EQ(half.next(), Step::Nothing);
    half = streaming();
    half.on_read(100);
    half.on_written(100);
    EXPECT_EQ(half.next(), Step::Read);
}

TEST(HalfPipe, PartsOfItsContentMakeRoom) {
    Half half = streaming();
    half.on_read(1'000'000);
    EXPECT_EQ(half.next(), Step::Write);
    half.on_written(400'000);
    EXPECT_EQ(half.pending(), 600'000U);
    EXPECT_EQ(half.begin(), 0U);
    EXPECT_EQ(half.room(), 400'000U);
    EXPECT_EQ(half.next(), Step::Read) << "the sink took less: it is full";
}

TEST(HalfPipe, SmallAmountsEndIt) {
    Half half = streaming();
    for (unsigned reads = 0; reads < Half::kReadsToSwitch; ++reads) {
        EXPECT_TRUE(half.wants_pipe());
        half.on_read(1000);
        half.on_written(1000);
    }
    EXPECT_FALSE(half.wants_pipe());
}

TEST(HalfPipe, UrgentDataEndsItForGood) {
    Half half = streaming();
    half.source_urgent();
    EXPECT_FALSE(half.wants_pipe());
}

}  // namespace
}  // namespace tandem::relay
