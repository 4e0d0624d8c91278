#include "proxy/daemon/self_check.hpp"

#include <algorithm>
#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SelfFacts accept_error(int error) {
    SelfFacts facts;
    facts.accept_error = error;
    facts.failing_service = "web";
    return facts;
}

/// A check that is driven as often as it shall be.
class SelfCheckTest : public ::testing::Test {
  protected:
    /// Observes the same facts from now on for so long. @return the last verdict.
    SelfVerdict observe(const SelfFacts& facts, milliseconds time = milliseconds{0}) {
        SelfVerdict verdict = check_.observe(facts, now_);
        for (milliseconds passed{0}; passed < time;) {
            const auto step = std::min(SelfCheck::kInterval, time - passed);
            passed += step;
            now_ += step;
            verdict = check_.observe(facts, now_);
        }
        return verdict;
    }

    SelfCheck check_;
    SelfCheck::TimePoint now_ = SelfCheck::TimePoint{} + seconds{1000};
};

TEST_F(SelfCheckTest, NothingWrong) {
    EXPECT_EQ(observe({}, seconds{10}), SelfVerdict{});
}

TEST_F(SelfCheckTest, WorkerThatIsSilentForASecondIsAFault) {
    SelfFacts facts;
    facts.workers_answer = false;
    EXPECT_THAT(observe(facts, SelfCheck::kSilence - milliseconds{1}).faults, IsEmpty());
    EXPECT_THAT(observe(facts, milliseconds{1}).faults, ElementsAre(HasSubstr("worker")));
}

TEST_F(SelfCheckTest, TimeInWhichTheProcessStoodStillDoesNotCount) {
    SelfFacts facts;
    facts.workers_answer = false;
    observe(facts);
    now_ += seconds{30};
    EXPECT_THAT(observe(facts).faults, IsEmpty());
    EXPECT_THAT(observe({}).faults, IsEmpty());
}

TEST_F(SelfCheckTest, ShortageCountsWhenItLasts) {
    EXPECT_THAT(observe(accept_error(EMFILE), milliseconds{1999}).faults, IsEmpty());
    EXPECT_THAT(observe(accept_error(EMFILE), milliseconds{1}).faults,
                ElementsAre(HasSubstr("Too many open files")));
}

TEST_F(SelfCheckTest, ShortageThatComesAndGoesDoesNotCount) {
    for (int round = 0; round < 100; ++round) {
        EXPECT_THAT(observe(accept_error(EMFILE), milliseconds{1000}).faults, IsEmpty());
        EXPECT_THAT(observe({}, milliseconds{100}).faults, IsEmpty());
    }
}

TEST_F(SelfCheckTest, ListenerThatIsGoneCountsAtOnce) {
    EXPECT_THAT(observe(accept_error(EINVAL)).faults,
                ElementsAre(HasSubstr("listener of service web is gone")));
}

TEST_F(SelfCheckTest, FaultEndsWhenItsCauseHasBeenAbsent) {
    observe(accept_error(EINVAL));
    EXPECT_THAT(observe({}, milliseconds{4999}).faults, ElementsAre(HasSubstr("web")));
    EXPECT_THAT(observe({}, milliseconds{1}).faults, IsEmpty());
}

TEST_F(SelfCheckTest, WhatComesBackSoonStaysLonger) {
    for (const int expected : {5, 10, 20, 40, 60, 60}) {
        ASSERT_FALSE(observe(accept_error(EINVAL)).faults.empty());
        EXPECT_FALSE(observe({}, seconds{expected} - milliseconds{1}).faults.empty()) << expected;
        EXPECT_TRUE(observe({}, milliseconds{1}).faults.empty()) << expected;
    }
    observe({}, SelfCheck::kLongestAbsence);
    observe(accept_error(EINVAL));
    EXPECT_TRUE(observe({}, SelfCheck::kAbsence).faults.empty()) << "forgiven";
}

TEST_F(SelfCheckTest, NoUpstreamIsNotAFaultOfItsOwn) {
    SelfFacts facts;
    facts.no_upstream = true;
    EXPECT_FALSE(observe(facts, milliseconds{1999}).no_upstream);
    const auto verdict = observe(facts, milliseconds{1});
    EXPECT_TRUE(verdict.no_upstream);
    EXPECT_THAT(verdict.faults, IsEmpty());
    EXPECT_TRUE(observe({}, milliseconds{4999}).no_upstream);
    EXPECT_FALSE(observe({}, milliseconds{1}).no_upstream);
}

}  // namespace
}  // namespace tandem::daemon
