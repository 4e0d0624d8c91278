#include "proxy/daemon/supervisor.hpp"

#include <csignal>

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = Supervisor::TimePoint;

constexpr NodeEnd kKilled{true, SIGKILL};
constexpr NodeEnd kFailed{false, 1};
constexpr NodeEnd kStopped{false, 0};

Time at(milliseconds since_start) {
    return Time{} + seconds{1000} + since_start;
}

/// A node that has started, is ready and was heard of at `at(0)`.
Supervisor running() {
    Supervisor supervisor;
    supervisor.on_start(at(milliseconds{0}));
    supervisor.on_ready();
    supervisor.on_heartbeat(at(milliseconds{0}));
    return supervisor;
}

SupervisorActions died(NodeEnd end, milliseconds delay) {
    return {ExecuteWills{}, TellDeath{end, delay}};
}

TEST(Supervisor, StartsTheNodeOnce) {
    Supervisor supervisor;
    EXPECT_EQ(supervisor.on_start(at(milliseconds{0})), SupervisorActions{StartNode{}});
    EXPECT_EQ(supervisor.on_start(at(milliseconds{1})), SupervisorActions{});
    EXPECT_FALSE(supervisor.next_deadline()) << "the time of a start has no limit";
}

TEST(Supervisor, DeathIsCleanedUpAtOnceAndTheNodeStartedAgain) {
    Supervisor supervisor = running();
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(milliseconds{500})),
              died(kKilled, milliseconds{0}));
    ASSERT_EQ(supervisor.next_deadline(), at(milliseconds{500}));
    EXPECT_EQ(supervisor.on_deadline(at(milliseconds{500})), SupervisorActions{StartNode{}});
    EXPECT_EQ(supervisor.restarts(), 1U);
}

TEST(Supervisor, ClosedChannelIsDeathThatIsNotOverYet) {
    Supervisor supervisor;
    EXPECT_EQ(supervisor.on_channel_closed(), SupervisorActions{});
    supervisor = running();
    EXPECT_EQ(supervisor.on_channel_closed(), SupervisorActions{ExecuteWills{}});
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(milliseconds{40})),
              died(kKilled, milliseconds{0}));
    EXPECT_EQ(supervisor.on_channel_closed(), SupervisorActions{});
}

TEST(Supervisor, RepeatedDeathsWaitLongerUpToAMinute) {
    Supervisor supervisor = running();
    Time now = at(milliseconds{0});
    for (const int expected : {0, 1, 2, 4, 8, 16, 32, 60, 60, 60}) {
        EXPECT_EQ(supervisor.on_node_end(kFailed, now), died(kFailed, seconds{expected}));
        now += seconds{expected};
        EXPECT_EQ(supervisor.on_deadline(now), SupervisorActions{StartNode{}}) << expected;
    }
}

TEST(Supervisor, ALongLifeForgivesEarlierDeaths) {
    Supervisor supervisor = running();
    supervisor.on_node_end(kKilled, at(seconds{1}));
    supervisor.on_deadline(at(seconds{1}));
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(seconds{61})), died(kKilled, seconds{0}));
    supervisor.on_deadline(at(seconds{61}));
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(seconds{62})), died(kKilled, seconds{1}));
}

TEST(Supervisor, NodeThatWasNeverReadyIsNotStartedAgain) {
    Supervisor supervisor;
    supervisor.on_start(at(milliseconds{0}));
    EXPECT_EQ(supervisor.on_node_end({false, 4}, at(milliseconds{10})),
              (SupervisorActions{ExecuteWills{}, ExitGuardian{4}}));
    Supervisor crashed;
    crashed.on_start(at(milliseconds{0}));
    EXPECT_EQ(crashed.on_node_end({true, SIGSEGV}, at(milliseconds{10})),
              (SupervisorActions{ExecuteWills{}, ExitGuardian{1}}));
}

TEST(Supervisor, LaterLifeThatDoesNotGetReadyIsTriedAgain) {
    Supervisor supervisor = running();
    supervisor.on_node_end(kKilled, at(milliseconds{0}));
    supervisor.on_deadline(at(milliseconds{0}));
    EXPECT_EQ(supervisor.on_node_end({false, 4}, at(milliseconds{10})),
              died({false, 4}, seconds{1}));
}

TEST(Supervisor, EndWithStatusZeroWasWanted) {
    Supervisor supervisor = running();
    EXPECT_EQ(supervisor.on_node_end(kStopped, at(milliseconds{10})),
              (SupervisorActions{ExecuteWills{}, ExitGuardian{0}}));
    EXPECT_FALSE(supervisor.next_deadline());
}

TEST(Supervisor, SilenceIsDeath) {
    Supervisor supervisor = running();
    ASSERT_EQ(supervisor.next_deadline(), at(milliseconds{1000}));
    EXPECT_EQ(supervisor.on_deadline(at(milliseconds{999})), SupervisorActions{});
    supervisor.on_heartbeat(at(milliseconds{999}));
    EXPECT_EQ(supervisor.on_deadline(at(milliseconds{1000})), SupervisorActions{});
    const auto actions = supervisor.on_deadline(at(milliseconds{1999}));
    ASSERT_EQ(actions.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<KillNode>(actions[0]));
    EXPECT_TRUE(std::holds_alternative<ExecuteWills>(actions[1]));
    EXPECT_FALSE(supervisor.next_deadline());
    // Once more when it is really gone: it may have put an address back as it died.
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(milliseconds{2010})),
              died(kKilled, milliseconds{0}));
}

TEST(Supervisor, SilenceBeforeTheFirstWordIsAStart) {
    Supervisor supervisor;
    supervisor.on_start(at(milliseconds{0}));
    EXPECT_FALSE(supervisor.next_deadline());
    EXPECT_EQ(supervisor.on_deadline(at(seconds{100})), SupervisorActions{});
}

TEST(Supervisor, GuardianThatWasLateItselfWaitsOnceMore) {
    Supervisor supervisor = running();
    EXPECT_EQ(supervisor.on_deadline(at(milliseconds{1101})), SupervisorActions{});
    ASSERT_EQ(supervisor.next_deadline(), at(milliseconds{2101}));
    EXPECT_EQ(supervisor.on_deadline(at(milliseconds{2101})).size(), 2U);
}

TEST(Supervisor, StopIsHandedOnAndEndsWithTheNodesStatus) {
    for (const int signal : {SIGTERM, SIGINT}) {
        Supervisor supervisor = running();
        EXPECT_EQ(supervisor.on_signal(signal, at(milliseconds{0})),
                  SupervisorActions{SignalNode{signal}});
        supervisor.on_heartbeat(at(milliseconds{10}));
        EXPECT_EQ(supervisor.next_deadline(), at(Supervisor::kStopPatience));
        EXPECT_EQ(supervisor.on_node_end({false, 1}, at(milliseconds{20})),
                  (SupervisorActions{ExecuteWills{}, ExitGuardian{1}}));
    }
}

TEST(Supervisor, NodeThatDoesNotStopIsKilled) {
    Supervisor supervisor = running();
    supervisor.on_signal(SIGTERM, at(milliseconds{0}));
    const auto actions = supervisor.on_deadline(at(Supervisor::kStopPatience));
    ASSERT_EQ(actions.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<KillNode>(actions[0]));
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(seconds{16})),
              (SupervisorActions{ExecuteWills{}, ExitGuardian{1}}));
}

TEST(Supervisor, StopWhileItWaitsForTheNextStart) {
    Supervisor supervisor = running();
    supervisor.on_node_end(kKilled, at(milliseconds{0}));
    EXPECT_EQ(supervisor.on_signal(SIGHUP, at(milliseconds{0})), SupervisorActions{});
    EXPECT_EQ(supervisor.on_signal(SIGTERM, at(milliseconds{0})),
              SupervisorActions{ExitGuardian{0}});
    EXPECT_EQ(supervisor.on_deadline(at(seconds{10})), SupervisorActions{});
}

TEST(Supervisor, StopWhileTheNodeIsBeingKilled) {
    Supervisor supervisor = running();
    supervisor.on_deadline(at(milliseconds{1000}));
    EXPECT_EQ(supervisor.on_signal(SIGTERM, at(milliseconds{1001})), SupervisorActions{});
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(milliseconds{1002})),
              (SupervisorActions{ExecuteWills{}, ExitGuardian{1}}));
}

TEST(Supervisor, OtherSignalsAreHandedOn) {
    Supervisor supervisor = running();
    EXPECT_EQ(supervisor.on_signal(SIGHUP, at(milliseconds{0})),
              SupervisorActions{SignalNode{SIGHUP}});
    EXPECT_EQ(supervisor.next_deadline(), at(milliseconds{1000})) << "and it is watched as before";
}

TEST(Supervisor, EventsThatDoNotFitDoNothing) {
    Supervisor supervisor;
    EXPECT_EQ(supervisor.on_node_end(kKilled, at(milliseconds{0})), SupervisorActions{});
    EXPECT_EQ(supervisor.on_signal(SIGTERM, at(milliseconds{0})), SupervisorActions{});
    supervisor.on_heartbeat(at(milliseconds{0}));
    EXPECT_FALSE(supervisor.next_deadline());
}

TEST(NodeEnd, IsNamedForPeople) {
    EXPECT_EQ(to_string(NodeEnd{true, SIGKILL}), "signal 9 (Killed)");
    EXPECT_EQ(to_string(NodeEnd{false, 3}), "exit status 3");
}

}  // namespace
}  // namespace tandem::daemon
