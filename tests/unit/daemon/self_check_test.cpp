#include "proxy/daemon/self_check.hpp"

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

SelfCheck::TimePoint at(milliseconds time) {
    return SelfCheck::TimePoint{} + seconds{1000} + time;
}

SelfFacts accept_error(int error) {
    SelfFacts facts;
    facts.accept_error = error;
    facts.failing_service = "web";
    return facts;
}

TEST(SelfCheck, NothingWrong) {
    SelfCheck check;
    EXPECT_EQ(check.observe({}, at(seconds{0})), SelfVerdict{});
}

TEST(SelfCheck, WorkerThatIsSilentForASecondIsAFault) {
    SelfCheck check;
    SelfFacts facts;
    facts.silent_worker = SelfCheck::kSilence - milliseconds{1};
    EXPECT_THAT(check.observe(facts, at(seconds{0})).faults, IsEmpty());
    facts.silent_worker = SelfCheck::kSilence;
    EXPECT_THAT(check.observe(facts, at(seconds{1})).faults, ElementsAre(HasSubstr("worker")));
}

TEST(SelfCheck, ShortageCountsWhenItLasts) {
    SelfCheck check;
    EXPECT_THAT(check.observe(accept_error(EMFILE), at(milliseconds{0})).faults, IsEmpty());
    EXPECT_THAT(check.observe(accept_error(EMFILE), at(milliseconds{1999})).faults, IsEmpty());
    EXPECT_THAT(check.observe(accept_error(EMFILE), at(milliseconds{2000})).faults,
                ElementsAre(HasSubstr("Too many open files")));
}

TEST(SelfCheck, ShortageThatComesAndGoesDoesNotCount) {
    SelfCheck check;
    for (int round = 0; round < 100; ++round) {
        const auto facts = round % 10 == 9 ? SelfFacts{} : accept_error(EMFILE);
        EXPECT_THAT(check.observe(facts, at(milliseconds{100 * round})).faults, IsEmpty());
    }
}

TEST(SelfCheck, ListenerThatIsGoneCountsAtOnce) {
    SelfCheck check;
    EXPECT_THAT(check.observe(accept_error(EINVAL), at(seconds{0})).faults,
                ElementsAre(HasSubstr("listener of service web is gone")));
}

TEST(SelfCheck, FaultEndsWhenItsCauseHasBeenAbsent) {
    SelfCheck check;
    check.observe(accept_error(EINVAL), at(seconds{0}));
    check.observe({}, at(seconds{1}));
    EXPECT_THAT(check.observe({}, at(milliseconds{5999})).faults, ElementsAre(HasSubstr("web")));
    EXPECT_THAT(check.observe({}, at(milliseconds{6000})).faults, IsEmpty());
}

TEST(SelfCheck, WhatComesBackSoonStaysLonger) {
    SelfCheck check;
    milliseconds now{0};
    for (const int expected : {5, 10, 20, 40, 60, 60}) {
        ASSERT_FALSE(check.observe(accept_error(EINVAL), at(now)).faults.empty());
        now += milliseconds{100};
        check.observe({}, at(now));
        now += seconds{expected} - milliseconds{1};
        EXPECT_FALSE(check.observe({}, at(now)).faults.empty()) << expected;
        now += milliseconds{1};
        EXPECT_TRUE(check.observe({}, at(now)).faults.empty()) << expected;
    }
    now += SelfCheck::kLongestAbsence;
    check.observe(accept_error(EINVAL), at(now));
    check.observe({}, at(now));
    EXPECT_TRUE(check.observe({}, at(now + SelfCheck::kAbsence)).faults.empty()) << "forgiven";
}

TEST(SelfCheck, NoUpstreamIsNotAFaultOfItsOwn) {
    SelfCheck check;
    SelfFacts facts;
    facts.no_upstream = true;
    EXPECT_FALSE(check.observe(facts, at(seconds{0})).no_upstream);
    const auto verdict = check.observe(facts, at(seconds{2}));
    EXPECT_TRUE(verdict.no_upstream);
    EXPECT_THAT(verdict.faults, IsEmpty());
    EXPECT_TRUE(check.observe({}, at(seconds{3})).no_upstream);
    EXPECT_FALSE(check.observe({}, at(seconds{8})).no_upstream);
}

}  // namespace
}  // namespace tandem::daemon
