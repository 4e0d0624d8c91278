// Percentiles of the load generator.
#include "tests/bench/histogram.hpp"

#include <gtest/gtest.h>

namespace tandem::bench {
namespace {

using std::chrono::nanoseconds;

TEST(Histogram, WithoutValuesEveryPercentileIsZero) {
    const Histogram histogram;
    EXPECT_EQ(histogram.size(), 0U);
    EXPECT_EQ(histogram.percentile(0.5), nanoseconds{0});
    EXPECT_EQ(histogram.max(), nanoseconds{0});
}

TEST(Histogram, SmallValuesAreExact) {
    Histogram histogram;
    for (int value = 1; value <= 50; ++value) {
        histogram.add(nanoseconds{value});
    }
    EXPECT_EQ(histogram.percentile(0.5), nanoseconds{25});
    EXPECT_EQ(histogram.percentile(0.98), nanoseconds{49});
    EXPECT_EQ(histogram.percentile(1.0), nanoseconds{50});
}

TEST(Histogram, LargeValuesAreWithinASixtyFourth) {
    Histogram histogram;
    for (std::int64_t value = 1; value <= 10'000; ++value) {
        histogram.add(nanoseconds{value * 1'000});
    }
    for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
        const double expected = share * 10'000'000;
        const auto found = static_cast<double>(histogram.percentile(share).count());
        EXPECT_GE(found, expected) << share;
        EXPECT_LE(found, expected * (1 + 1.0 / 64)) << share;
    }
}

TEST(Histogram, NoPercentileIsAboveTheLargestValue) {
    Histogram histogram;
    histogram.add(nanoseconds{1'000'001});
    EXPECT_EQ(histogram.percentile(0.5), nanoseconds{1'000'001});
    EXPECT_EQ(histogram.max(), nanoseconds{1'000'001});
}

TEST(Histogram, TheExtremesHaveABucket) {
    Histogram histogram;
    histogram.add(nanoseconds::max());
    histogram.add(nanoseconds{-5});
    EXPECT_EQ(histogram.size(), 2U);
    EXPECT_EQ(histogram.percentile(0.5), nanoseconds{0});
    EXPECT_EQ(histogram.percentile(1.0), nanoseconds::max());
}

}  // namespace
}  // namespace tandem::bench
