#include "proxy/daemon/script_state.hpp"

#include <cerrno>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = ProgramEnd::Kind;
using Lines = std::vector<std::string>;

constexpr ScriptState::TimePoint kStart{100s};
constexpr ProgramEnd kGood{Kind::Exited, 0};
constexpr ProgramEnd kBad{Kind::Exited, 1};

struct ToLine {
    std::string operator()(const StartProgram&) const { return "start"; }
    std::string operator()(const SendSignal& action) const {
        return "signal " + std::to_string(action.signal);
    }
    std::string operator()(const ReportStatus& action) const {
        const auto& status = action.status;
        return !status.up   ? "unknown"
               : *status.up ? "up" + status.detail
                            : "down: " + status.detail;
    }
    std::string operator()(const ReportProblem& action) const { return "problem: " + action.text; }
};

Lines lines(const ScriptActions& actions) {
    Lines out;
    for (const auto& action : actions) {
        out.push_back(std::visit(ToLine{}, action));
    }
    return out;
}

config::ScriptSettings settings() {
    config::ScriptSettings out;
    out.name = "check";
    out.interval = 2s;
    out.timeout = 2s;
    return out;
}

/// One run: due now, ends at once.
Lines run(ScriptState& state, const ProgramEnd& end, ScriptState::TimePoint now) {
    EXPECT_THAT(lines(state.on_deadline(now)), ElementsAre("start"));
    return lines(state.on_ended(end, now));
}

TEST(ScriptState, RunsAtOnceAndThenEveryInterval) {
    ScriptState state(settings());
    EXPECT_FALSE(state.next_deadline());
    EXPECT_THAT(lines(state.on_start(kStart)), ElementsAre("start"));
    EXPECT_EQ(state.next_deadline(), kStart + 2s);
    EXPECT_THAT(lines(state.on_ended(kGood, kStart + 10ms)), ElementsAre("up"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 1999ms)), IsEmpty());
    // A little late: the rhythm stays.
    EXPECT_THAT(lines(state.on_deadline(kStart + 2100ms)), ElementsAre("start"));
    EXPECT_THAT(lines(state.on_ended(kGood, kStart + 2200ms)), IsEmpty());
    EXPECT_EQ(state.next_deadline(), kStart + 4s);
    // Very late: runs that were missed are not made up for.
    EXPECT_THAT(lines(state.on_deadline(kStart + 61s)), ElementsAre("start"));
    EXPECT_THAT(lines(state.on_ended(kGood, kStart + 61s)), IsEmpty());
    EXPECT_EQ(state.next_deadline(), kStart + 63s);
}

TEST(ScriptState, CountsByRiseAndFall) {
    struct Case {
        std::string name;
        unsigned rise;
        unsigned fall;
        bool init_fail;
        /// Results in order: '+' success, '-' failure.
        std::string results;
        /// State after each result: 'u' up, 'd' down.
        std::string states;
    };
    const Case cases[] = {
        {"the first result decides, whatever rise says", 3, 3, false, "+-+-", "uuuu"},
        {"and whatever fall says", 3, 3, false, "-+-+", "dddd"},
        {"one of each", 1, 1, false, "+-+-", "udud"},
        {"fall in a row", 1, 3, false, "+--+---+", "uuuuuudu"},
        {"rise in a row", 3, 1, false, "-++-+++-",
         "dddddd"
         "ud"},
        {"init_fail needs rise successes", 3, 1, true, "+++-", "ddud"},
        {"init_fail counts from the start again", 2, 1, true, "+-++", "dddu"},
    };
    for (const auto& test : cases) {
        SCOPED_TRACE(test.name);
        auto config = settings();
        config.rise = test.rise;
        config.fall = test.fall;
        config.init_fail = test.init_fail;
        ScriptState state(config);
        std::string last;
        auto now = kStart;
        std::string states;
        const auto note = [&last](const Lines& reported) {
            for (const auto& line : reported) {
                last = line.starts_with("up") || line.starts_with("down") ? line : last;
            }
        };
        note(lines(state.on_start(now)));
        EXPECT_EQ(last.starts_with("down"), test.init_fail);
        for (const char result : test.results) {
            note(lines(state.on_ended(result == '+' ? kGood : kBad, now)));
            states += last.at(0);
            now += 2s;
            state.on_deadline(now);
        }
        EXPECT_EQ(states, test.states);
    }
}

TEST(ScriptState, ReportsEachChangeOnceWithTheReason) {
    ScriptState state(settings());
    state.on_start(kStart);
    EXPECT_THAT(lines(state.on_ended(kBad, kStart)), ElementsAre("down: exit code 1"));
    EXPECT_THAT(run(state, kBad, kStart + 2s), IsEmpty());
    EXPECT_THAT(run(state, {Kind::Exited, 2}, kStart + 4s), ElementsAre("down: exit code 2"));
    EXPECT_THAT(run(state, {Kind::Signalled, SIGSEGV}, kStart + 6s),
                ElementsAre("down: killed by signal 11"));
    EXPECT_THAT(run(state, {Kind::Unknown, 0}, kStart + 8s),
                ElementsAre("down: ended, its result is not known"));
    EXPECT_THAT(run(state, kGood, kStart + 10s), ElementsAre("up"));
}

TEST(ScriptState, KeepsTheReasonWhileItIsOnItsWayUp) {
    auto config = settings();
    config.rise = 2;
    ScriptState state(config);
    state.on_start(kStart);
    EXPECT_THAT(lines(state.on_ended(kBad, kStart)), ElementsAre("down: exit code 1"));
    EXPECT_THAT(run(state, kGood, kStart + 2s), IsEmpty());
    EXPECT_THAT(run(state, kGood, kStart + 4s), ElementsAre("up"));
}

TEST(ScriptState, SaysNothingOfFailuresThatDoNotCountYet) {
    auto config = settings();
    config.fall = 2;
    ScriptState state(config);
    state.on_start(kStart);
    EXPECT_THAT(lines(state.on_ended(kGood, kStart)), ElementsAre("up"));
    EXPECT_THAT(run(state, kBad, kStart + 2s), IsEmpty());
    EXPECT_THAT(run(state, kBad, kStart + 4s), ElementsAre("down: exit code 1"));
}

TEST(ScriptState, ATimeoutIsAFailureAtThatMoment) {
    auto config = settings();
    config.timeout = 500ms;
    ScriptState state(config);
    state.on_start(kStart);
    EXPECT_EQ(state.next_deadline(), kStart + 500ms);
    EXPECT_THAT(
        lines(state.on_deadline(kStart + 500ms)),
        ElementsAre("problem: timed out after 0.5 s", "down: timed out after 0.5 s", "signal 15"));
    // It goes, and is not counted a second time.
    EXPECT_THAT(lines(state.on_ended({Kind::Signalled, SIGTERM}, kStart + 510ms)), IsEmpty());
    EXPECT_EQ(state.next_deadline(), kStart + 2s);
    // The next one times out as well: nothing new to say.
    EXPECT_THAT(lines(state.on_deadline(kStart + 2s)), ElementsAre("start"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 2500ms)), ElementsAre("signal 15"));
    EXPECT_THAT(lines(state.on_ended(kGood, kStart + 2600ms)), IsEmpty());
    // A good run: the next timeout is news again.
    EXPECT_THAT(run(state, kGood, kStart + 4s), ElementsAre("up"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 6s)), ElementsAre("start"));
    EXPECT_THAT(
        lines(state.on_deadline(kStart + 6500ms)),
        ElementsAre("problem: timed out after 0.5 s", "down: timed out after 0.5 s", "signal 15"));
}

TEST(ScriptState, KillsTwoSecondsAfterTerm) {
    auto config = settings();
    config.interval = 10s;
    config.timeout = 1s;
    ScriptState state(config);
    state.on_start(kStart);
    state.on_deadline(kStart + 1s);
    EXPECT_EQ(state.next_deadline(), kStart + 3s);
    EXPECT_THAT(lines(state.on_deadline(kStart + 2999ms)), IsEmpty());
    EXPECT_THAT(lines(state.on_deadline(kStart + 3s)), ElementsAre("signal 9"));
    EXPECT_THAT(lines(state.on_ended({Kind::Signalled, SIGKILL}, kStart + 3s)), IsEmpty());
    EXPECT_EQ(state.next_deadline(), kStart + 10s);
}

TEST(ScriptState, TimeoutEqualToTheIntervalSkipsInSilence) {
    ScriptState state(settings());
    state.on_start(kStart);
    EXPECT_THAT(
        lines(state.on_deadline(kStart + 2s)),
        ElementsAre("problem: timed out after 2 s", "down: timed out after 2 s", "signal 15"));
    EXPECT_THAT(lines(state.on_ended({Kind::Signalled, SIGTERM}, kStart + 2s)), IsEmpty());
    EXPECT_THAT(lines(state.on_deadline(kStart + 4s)), ElementsAre("start"));
}

TEST(ScriptState, ARunThatIsDueWhileOneRunsIsLeftOutAndSaidOnce) {
    auto config = settings();
    config.timeout = 7s;
    ScriptState state(config);
    state.on_start(kStart);
    EXPECT_THAT(
        lines(state.on_deadline(kStart + 2s)),
        ElementsAre("problem: runs longer than its interval of 2 s: the next run is left out"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 4s)), IsEmpty());
    EXPECT_THAT(lines(state.on_ended(kGood, kStart + 5s)), ElementsAre("up"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 6s)), ElementsAre("start"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 8s)), IsEmpty());
    EXPECT_THAT(lines(state.on_ended(kGood, kStart + 9s)), IsEmpty());
    // One that is in time, then it is news again.
    EXPECT_THAT(run(state, kGood, kStart + 10s), IsEmpty());
    EXPECT_THAT(lines(state.on_deadline(kStart + 12s)), ElementsAre("start"));
    EXPECT_EQ(lines(state.on_deadline(kStart + 14s)).size(), 1U);
}

TEST(ScriptState, AProgramThatCannotBeKilledFailsOncePerInterval) {
    auto config = settings();
    config.timeout = 1s;
    config.fall = 3;
    ScriptState state(config);
    state.on_start(kStart);
    EXPECT_THAT(lines(state.on_ended(kGood, kStart)), ElementsAre("up"));
    state.on_deadline(kStart + 2s);
    EXPECT_THAT(lines(state.on_deadline(kStart + 3s)),
                ElementsAre("problem: timed out after 1 s", "signal 15"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 4s)), IsEmpty());
    EXPECT_THAT(lines(state.on_deadline(kStart + 5s)), ElementsAre("signal 9"));
    EXPECT_THAT(lines(state.on_deadline(kStart + 6s)),
                ElementsAre("down: timed out and cannot be ended"));
}

TEST(ScriptState, AProgramThatIsNotThereIsDownWithTheReason) {
    ScriptState state(settings());
    const ProgramEnd missing{Kind::NotStarted, ENOENT};
    state.on_start(kStart);
    EXPECT_THAT(lines(state.on_ended(missing, kStart)),
                ElementsAre("problem: cannot be started: No such file or directory",
                            "down: cannot be started: No such file or directory"));
    EXPECT_THAT(run(state, missing, kStart + 2s), IsEmpty());
    EXPECT_THAT(run(state, {Kind::NotStarted, EACCES}, kStart + 4s),
                ElementsAre("problem: cannot be started: Permission denied",
                            "down: cannot be started: Permission denied"));
    EXPECT_THAT(run(state, kGood, kStart + 6s), ElementsAre("up"));
}

TEST(ScriptState, EventsOutOfPlaceDoNothing) {
    ScriptState state(settings());
    EXPECT_THAT(lines(state.on_deadline(kStart)), IsEmpty());
    EXPECT_THAT(lines(state.on_ended(kBad, kStart)), IsEmpty());
    state.on_start(kStart);
    state.on_ended(kGood, kStart);
    EXPECT_THAT(lines(state.on_ended(kBad, kStart)), IsEmpty());
}

}  // namespace
}  // namespace tandem::daemon
