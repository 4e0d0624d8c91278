// Rates in integers: exact over any time and any amount.
#include "proxy/relay/token_bucket.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

TEST(TokenBucket, StartsFullAndNeverHoldsMore) {
    const TokenBucket::Rate rate{10, 4};
    TokenBucket bucket{rate, kStart};
    EXPECT_EQ(bucket.available(rate, kStart), 4U);
    EXPECT_EQ(bucket.available(rate, kStart + 1h), 4U);
    bucket.take(3);
    EXPECT_EQ(bucket.available(rate, kStart + 1h), 1U);
    EXPECT_EQ(bucket.available(rate, kStart + 1h + 100ms), 2U);
    EXPECT_EQ(bucket.available(rate, kStart + 2h), 4U);
}

TEST(TokenBucket, TimeThatGoesBackGivesAndTakesNothing) {
    const TokenBucket::Rate rate{10, 10};
    TokenBucket bucket{rate, kStart};
    bucket.take(10);
    EXPECT_EQ(bucket.available(rate, kStart - 1h), 0U);
    EXPECT_EQ(bucket.available(rate, kStart + 100ms), 1U);
}

TEST(TokenBucket, T36_OneTokenPerSecondIsExactHoweverOftenItIsAsked) {
    const TokenBucket::Rate rate{1, 2};
    TokenBucket bucket{rate, kStart};
    std::uint64_t taken = 0;
    TimePoint now = kStart;
    // Seven milliseconds do not divide a second: the fractions must add up.
    for (; now < kStart + 1000s; now += 7ms) {
        const std::uint64_t some = bucket.available(rate, now);
        bucket.take(some);
        taken += some;
    }
    EXPECT_EQ(taken, 2U + 1000U - 1U);
    EXPECT_EQ(bucket.available(rate, kStart + 1000s), 1U);
}

TEST(TokenBucket, T36_MoreThanFourGigabytesAreExactAndNothingOverflows) {
    for (const std::uint64_t per_second :
         {std::uint64_t{3'000'000'000}, std::uint64_t{999'999'937}, TokenBucket::kHighest}) {
        const TokenBucket::Rate rate{per_second, per_second / 8};
        TokenBucket bucket{rate, kStart};
        std::uint64_t taken = bucket.available(rate, kStart);
        bucket.take(taken);
        for (TimePoint now = kStart; now <= kStart + 100s; now += 16'666'667ns) {
            const std::uint64_t some = bucket.available(rate, now);
            bucket.take(some);
            taken += some;
        }
        const std::uint64_t rest = bucket.available(rate, kStart + 100s);
        EXPECT_EQ(taken + rest, rate.depth + per_second * 100);
    }
}

TEST(TokenBucket, T36_YearsOfRestFillItOnce) {
    const TokenBucket::Rate rate{TokenBucket::kHighest, TokenBucket::kHighest};
    TokenBucket bucket{rate, kStart};
    bucket.take(TokenBucket::kHighest);
    EXPECT_EQ(bucket.available(rate, kStart + std::chrono::hours{24 * 365 * 100}),
              TokenBucket::kHighest);
}

TEST(TokenBucket, WaitIsTheShortestThatIsEnough) {
    for (const TokenBucket::Rate rate :
         {TokenBucket::Rate{1, 3}, TokenBucket::Rate{3, 7}, TokenBucket::Rate{999'999'937, 5000},
          TokenBucket::Rate{TokenBucket::kHighest, TokenBucket::kHighest}}) {
        for (const auto passed : {0ns, 1ns, 333'333'333ns, 999'999'999ns}) {
            TokenBucket bucket{rate, kStart};
            bucket.take(bucket.available(rate, kStart));
            const TimePoint now = kStart + passed;
            const std::uint64_t wanted = rate.depth;
            if (bucket.available(rate, now) >= wanted) {
                EXPECT_EQ(bucket.wait_for(rate, wanted), 0ns);
                continue;
            }
            const auto wait = bucket.wait_for(rate, wanted);
            ASSERT_GT(wait, 0ns);
            TokenBucket early = bucket;
            EXPECT_LT(early.available(rate, now + wait - 1ns), wanted) << rate.rate;
            EXPECT_EQ(bucket.available(rate, now + wait), wanted) << rate.rate;
        }
    }
}

TEST(SharedRate, OnAverageNeverMoreAndNeverLessThanTheRate) {
    for (const unsigned per_second : {1U, 3U, 1000U, 1'000'000U}) {
        SharedRate rate{per_second};
        std::uint64_t entered = 0;
        TimePoint now = kStart;
        const auto end = kStart + (per_second > 1000 ? 1s : 100s);
        const std::uint64_t expected = per_second * static_cast<std::uint64_t>((end - kStart) / 1s);
        while (now < end) {
            const auto wait = rate.wait(now);
            if (wait == 0ns) {
                rate.enter(now);
                ++entered;
            } else {
                // A timer is up to a tick late.
                now += wait + 16ms;
            }
        }
        EXPECT_LE(entered, expected + per_second / 10 + 1);
        EXPECT_GE(entered, expected - expected / 1000) << per_second;
    }
}

TEST(SharedRate, RestGivesNoMoreThanATenthOfASecond) {
    SharedRate rate{100};
    const auto burst = [&rate](TimePoint now) {
        unsigned count = 0;
        while (rate.wait(now) == 0ns) {
            rate.enter(now);
            ++count;
        }
        return count;
    };
    EXPECT_EQ(burst(kStart), 11U);
    EXPECT_EQ(burst(kStart + 1h), 11U);
}

TEST(SharedRate, T5_IsKeptByManyThreadsTogether) {
    SharedRate rate{1000};
    std::atomic<unsigned> entered{0};
    std::vector<std::thread> threads;
    for (int count = 0; count < 4; ++count) {
        threads.emplace_back([&] {
            for (int step = 0; step < 100'000; ++step) {
                // One second of time passes in each thread.
                const TimePoint now = kStart + step * 10us;
                if (rate.wait(now) == 0ns) {
                    rate.enter(now);
                    ++entered;
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_GE(entered, 1000U);
    EXPECT_LE(entered, 1101U);
}

}  // namespace
}  // namespace tandem::relay::test
