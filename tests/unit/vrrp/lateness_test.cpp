#include "vrrp/lateness.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

const Lateness::TimePoint kStart{100h};

LatenessSummary summary_of(std::initializer_list<microseconds> values) {
    LatenessHistogram histogram;
    for (const auto value : values) {
        histogram.add(value);
    }
    return histogram.summary();
}

TEST(LatenessHistogram, NothingIsAllZero) {
    EXPECT_EQ(summary_of({}), LatenessSummary{});
}

TEST(LatenessHistogram, OneValueIsEveryQuantile) {
    // Not the bound of its bucket: nothing is later than the latest.
    for (const microseconds value : {0us, 1us, 15us, 16us, 33us, 1001us, 999'999us}) {
        EXPECT_EQ(summary_of({value}), (LatenessSummary{1, value, value, value, value, value}));
    }
}

TEST(LatenessHistogram, QuantilesByRank) {
    LatenessHistogram histogram;
    for (int number = 0; number < 998; ++number) {
        histogram.add(5us);
    }
    histogram.add(10us);
    EXPECT_EQ(histogram.summary().p999, 10us) << "998 of 999 are less than 99.9 %";
    histogram.add(14us);
    const auto summary = histogram.summary();
    EXPECT_EQ(summary.count, 1000U);
    EXPECT_EQ(summary.p50, 5us);
    EXPECT_EQ(summary.p99, 5us);
    EXPECT_EQ(summary.p999, 10us);
    EXPECT_EQ(summary.max, 14us);
    EXPECT_EQ(summary.sum, 998 * 5us + 24us);
}

// Every value up to the limit: the quantile is at least the value and at most a sixteenth above it.
TEST(LatenessHistogram, BoundsAreTight) {
    for (std::int64_t value = 0; value < LatenessHistogram::kLimit.count();
         value += 1 + value / 37) {
        LatenessHistogram histogram;
        histogram.add(microseconds{value});
        histogram.add(LatenessHistogram::kLimit);
        const auto p50 = histogram.summary().p50.count();
        ASSERT_GE(p50, value);
        ASSERT_LE(p50, value + value / 16) << value;
    }
}

TEST(LatenessHistogram, EarlyIsZeroAndHugeIsCounted) {
    EXPECT_EQ(summary_of({-5us}), (LatenessSummary{1, 0us, 0us, 0us, 0us, 0us}));
    const auto summary = summary_of({1h, 2h, 3h});
    EXPECT_EQ(summary.count, 3U);
    EXPECT_EQ(summary.max, microseconds{3h});
    EXPECT_EQ(summary.sum, microseconds{6h});
    EXPECT_EQ(summary.p50, LatenessHistogram::kLimit);
}

TEST(Lateness, TotalKeepsEverything) {
    Lateness lateness;
    for (int minute = 0; minute < 10; ++minute) {
        lateness.add(1us * minute, kStart + 1min * minute);
    }
    EXPECT_EQ(lateness.total().count, 10U);
    EXPECT_EQ(lateness.total().max, 9us);
}

TEST(Lateness, RecentForgetsAfterOneToTwoWindows) {
    Lateness lateness;
    EXPECT_EQ(lateness.recent(kStart), LatenessSummary{});
    lateness.add(7us, kStart);
    lateness.add(3us, kStart + 59s);
    EXPECT_EQ(lateness.recent(kStart + 59s).max, 7us);
    lateness.add(2us, kStart + 61s);
    EXPECT_EQ(lateness.recent(kStart + 61s).count, 3U) << "the window before is still recent";
    EXPECT_EQ(lateness.recent(kStart + 61s).max, 7us);
    lateness.add(1us, kStart + 121s);
    EXPECT_EQ(lateness.recent(kStart + 121s).max, 2us);
    EXPECT_EQ(lateness.total().max, 7us);
}

TEST(Lateness, RecentIsEmptyAfterSilence) {
    Lateness lateness;
    lateness.add(7us, kStart);
    EXPECT_EQ(lateness.recent(kStart + 119s).count, 1U);
    EXPECT_EQ(lateness.recent(kStart + 120s), LatenessSummary{});
    lateness.add(2us, kStart + 1h);
    EXPECT_EQ(lateness.recent(kStart + 1h).max, 2us);
}

}  // namespace
}  // namespace tandem::vrrp
