#include "vrrp/timing.hpp"

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct TimingCase {
    Version version;
    std::uint8_t priority;
    microseconds interval;
    microseconds skew;
    microseconds down;
};

class Timing : public testing::TestWithParam<TimingCase> {};

TEST_P(Timing, T01_T02_T03_SkewAndActiveDown) {
    const TimingCase& row = GetParam();
    EXPECT_EQ(skew_time(row.version, row.priority, row.interval), row.skew);
    EXPECT_EQ(active_down_interval(row.version, row.priority, row.interval, 3), row.down);
}

INSTANTIATE_TEST_SUITE_P(
    Rfc, Timing,
    testing::Values(
        // Version 2: the skew time does not depend on the interval.
        TimingCase{Version::V2, 100, seconds{1}, microseconds{609'375}, microseconds{3'609'375}},
        TimingCase{Version::V2, 200, seconds{1}, microseconds{218'750}, microseconds{3'218'750}},
        TimingCase{Version::V2, 100, seconds{5}, microseconds{609'375}, microseconds{15'609'375}},
        TimingCase{Version::V2, 255, seconds{1}, microseconds{3'906}, microseconds{3'003'906}},
        TimingCase{Version::V2, 1, seconds{255}, microseconds{996'093}, microseconds{765'996'093}},
        // Version 3: a fraction of the interval, not truncated to centiseconds.
        TimingCase{Version::V3, 100, seconds{1}, microseconds{609'375}, microseconds{3'609'375}},
        TimingCase{Version::V3, 100, milliseconds{100}, microseconds{60'937},
                   microseconds{360'937}},
        TimingCase{Version::V3, 200, milliseconds{100}, microseconds{21'875},
                   microseconds{321'875}},
        TimingCase{Version::V3, 254, milliseconds{10}, microseconds{78}, microseconds{30'078}},
        TimingCase{Version::V3, 253, milliseconds{10}, microseconds{117}, microseconds{30'117}},
        TimingCase{Version::V3, 1, milliseconds{40'950}, microseconds{40'790'039},
                   microseconds{163'640'039}}));

TEST(TimingRules, HigherPrioritiesNeverWaitLonger) {
    for (const auto version : {Version::V2, Version::V3}) {
        for (int priority = 1; priority < 255; ++priority) {
            const auto low = static_cast<std::uint8_t>(priority);
            const auto high = static_cast<std::uint8_t>(priority + 1);
            EXPECT_GT(skew_time(version, low, kMinInterval), skew_time(version, high, kMinInterval))
                << priority;
        }
    }
}

TEST(TimingRules, DownTimerAdverts) {
    EXPECT_EQ(active_down_interval(Version::V3, 100, seconds{1}, 1), microseconds{1'609'375});
    EXPECT_EQ(active_down_interval(Version::V3, 100, seconds{1}, 100), microseconds{100'609'375});
}

TEST(TimingRules, NoPeerWaitsLessThanTheShortest) {
    for (int priority = 1; priority <= 255; ++priority) {
        EXPECT_LE(
            shortest_active_down_interval(Version::V3, seconds{1}, 3),
            active_down_interval(Version::V3, static_cast<std::uint8_t>(priority), seconds{1}, 3));
    }
}

TEST(TimingRules, LearnedIntervalsAreClamped) {
    EXPECT_EQ(clamp_interval(microseconds{0}), milliseconds{10});
    EXPECT_EQ(clamp_interval(microseconds{-5}), milliseconds{10});
    EXPECT_EQ(clamp_interval(milliseconds{10}), milliseconds{10});
    EXPECT_EQ(clamp_interval(milliseconds{40'950}), milliseconds{40'950});
    EXPECT_EQ(clamp_interval(seconds{41}), milliseconds{40'950});
}

static_assert(skew_time(Version::V3, 100, seconds{1}) == microseconds{609'375});

}  // namespace
}  // namespace tandem::vrrp
