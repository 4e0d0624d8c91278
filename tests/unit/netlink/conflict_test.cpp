#include "netlink/conflict.hpp"

#include <gtest/gtest.h>

namespace tandem::netlink {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MacAddress kIntruder{0x02, 0, 0, 0, 0, 0x66};
constexpr auto kDelay = ConflictMonitor::kJudgementDelay;

ConflictMonitor::TimePoint at(milliseconds time) {
    return ConflictMonitor::TimePoint{} + seconds{1000} + time;
}

/// Held since at(0), and the time in which the holder before may still speak is over.
class Conflict : public ::testing::Test {
  protected:
    Conflict() { monitor_.on_held(true, at(-ConflictMonitor::kHandoverGrace)); }

    ConflictMonitor::Verdict claim(milliseconds time) {
        monitor_.on_claim(kIntruder, at(time));
        return monitor_.on_deadline(at(time + kDelay));
    }

    ConflictMonitor monitor_;
};

TEST_F(Conflict, X11ClaimIsJudgedAMomentLaterAnsweredAndReported) {
    monitor_.on_claim(kIntruder, at(milliseconds{0}));
    ASSERT_EQ(monitor_.next_deadline(), at(kDelay));
    EXPECT_FALSE(monitor_.on_deadline(at(kDelay - milliseconds{1})).defend);
    const auto verdict = monitor_.on_deadline(at(kDelay));
    EXPECT_TRUE(verdict.defend);
    ASSERT_TRUE(verdict.report);
    EXPECT_EQ(verdict.report->mac, kIntruder);
    EXPECT_EQ(verdict.report->claims, 1U);
    EXPECT_FALSE(monitor_.next_deadline());
}

TEST_F(Conflict, X11DefenceAndReportAtMostOnceInTenSeconds) {
    int defences = 0;
    int reports = 0;
    std::uint64_t claims = 0;
    for (milliseconds time{0}; time < seconds{30}; time += milliseconds{100}) {
        const auto verdict = claim(time);
        defences += verdict.defend ? 1 : 0;
        reports += verdict.report ? 1 : 0;
        claims += verdict.report ? verdict.report->claims : 0;
    }
    EXPECT_EQ(defences, 3);
    EXPECT_EQ(reports, 3);
    EXPECT_EQ(claims, 201U) << "every claim up to the last report is in one";
}

TEST_F(Conflict, VirtualRouterMayAnnounceBeforeItAdvertises) {
    constexpr MacAddress kVirtualRouter{0, 0, 0x5e, 0, 2, 51};
    monitor_.on_claim(kVirtualRouter, at(milliseconds{0}));
    EXPECT_FALSE(monitor_.on_deadline(at(kDelay)).defend);
    ASSERT_EQ(monitor_.next_deadline(), at(ConflictMonitor::kVirtualRouterDelay));
    EXPECT_TRUE(monitor_.on_deadline(at(ConflictMonitor::kVirtualRouterDelay)).report);
}

TEST_F(Conflict, FloodIsOneJudgement) {
    for (int i = 0; i < 1000; ++i) {
        monitor_.on_claim(kIntruder, at(milliseconds{0}));
    }
    EXPECT_EQ(monitor_.on_deadline(at(kDelay)).report->claims, 1000U);
    EXPECT_FALSE(monitor_.on_deadline(at(kDelay)).defend);
}

TEST_F(Conflict, NewHolderIsNoConflict) {
    monitor_.on_claim(kIntruder, at(milliseconds{0}));
    monitor_.on_released();
    EXPECT_FALSE(monitor_.next_deadline());
    EXPECT_FALSE(monitor_.on_deadline(at(seconds{1})).defend);
    monitor_.on_claim(kIntruder, at(seconds{1}));
    EXPECT_FALSE(monitor_.next_deadline()) << "not held: others may have it";
}

TEST_F(Conflict, LastWordsOfTheHolderBeforeAreAnsweredAndNotReported) {
    monitor_.on_released();
    monitor_.on_held(true, at(milliseconds{0}));
    int defences = 0;
    for (milliseconds time{0}; time < ConflictMonitor::kHandoverGrace - kDelay;
         time += milliseconds{50}) {
        const auto verdict = claim(time);
        defences += verdict.defend ? 1 : 0;
        EXPECT_FALSE(verdict.report);
    }
    EXPECT_EQ(defences, 1);
    EXPECT_TRUE(claim(ConflictMonitor::kHandoverGrace).report) << "it goes on";
}

TEST_F(Conflict, SomebodyHasTheAddressAndNoPeerIsKnown) {
    monitor_.on_released();
    monitor_.on_claim(kIntruder, at(milliseconds{0}));
    const auto verdict = monitor_.on_held(false, at(seconds{3}));
    ASSERT_TRUE(verdict.report);
    EXPECT_EQ(verdict.report->mac, kIntruder);
}

TEST_F(Conflict, WhatClaimedItBeforeWasThePeerOrIsLongAgo) {
    monitor_.on_released();
    EXPECT_FALSE(monitor_.on_held(false, at(seconds{1})).report);
    monitor_.on_released();
    monitor_.on_claim(kIntruder, at(seconds{1}));
    EXPECT_FALSE(monitor_.on_held(true, at(seconds{2})).report);
    monitor_.on_released();
    monitor_.on_claim(kIntruder, at(seconds{3}));
    EXPECT_FALSE(
        monitor_.on_held(false, at(seconds{3} + ConflictMonitor::kMemory + milliseconds{1}))
            .report);
}

}  // namespace
}  // namespace tandem::netlink
