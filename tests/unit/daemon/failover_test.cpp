#include "proxy/daemon/failover.hpp"

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using vrrp::IpAddress;
using vrrp::State;

const IpAddress kPeer = boost::asio::ip::make_address("198.51.100.12");
constexpr TimePoint kStart{100s};

InstanceView view(const std::string& name, State state, std::uint64_t connections = 0) {
    InstanceView out;
    out.name = name;
    out.state = state;
    out.advertisement_interval = 1s;
    out.active_down_interval = 3'609'375us;
    out.connections = connections;
    if (state == State::Backup) {
        out.peer = kPeer;
    }
    return out;
}

FailoverResult result_of(const FailoverActions& actions) {
    EXPECT_FALSE(actions.empty());
    const auto* finish = std::get_if<Finish>(&actions.back());
    EXPECT_NE(finish, nullptr);
    return finish == nullptr ? FailoverResult{} : finish->result;
}

TEST(Failover, MovesOneInstanceAndMeasuresTheGap) {
    FailoverMachine machine;
    FailoverCommand command;
    command.hold_for = 10s;
    const auto actions = machine.on_command(command, {view("VI_1", State::Active)}, kStart);
    ASSERT_EQ(actions.size(), 1U);
    const auto& start = std::get<StartFailover>(actions[0]);
    EXPECT_EQ(start.instance, "VI_1");
    EXPECT_EQ(start.hold_until, kStart + 10s);
    EXPECT_TRUE(machine.in_progress());

    EXPECT_TRUE(machine.on_released("VI_1", 0, kStart + 2ms).empty());
    const auto result = result_of(machine.on_peer_active("VI_1", kPeer, kStart + 611ms));
    EXPECT_EQ(result.outcome, Outcome::Done);
    EXPECT_EQ(result.gap, 609ms);
    EXPECT_EQ(result.release_time, 2ms);
    EXPECT_EQ(result.peer, kPeer);
    EXPECT_EQ(result.message, "VI_1 moved to 198.51.100.12: gap 609.0 ms, 0 connections reset");
    EXPECT_FALSE(machine.in_progress());
    EXPECT_FALSE(machine.next_deadline());
}

TEST(Failover, ConnectionsResetAreADegradedResultUnlessAccepted) {
    for (const bool accepted : {false, true}) {
        FailoverMachine machine;
        FailoverCommand command;
        command.no_handover = accepted;
        machine.on_command(command, {view("VI_1", State::Active, 7)}, kStart);
        machine.on_released("VI_1", 7, kStart);
        const auto result = result_of(machine.on_peer_active("VI_1", kPeer, kStart + 1ms));
        EXPECT_EQ(result.outcome, accepted ? Outcome::Done : Outcome::Degraded);
        EXPECT_EQ(result.connections_reset, 7U);
    }
}

TEST(Failover, AnAdvertisementBeforeTheReleaseIsNotTheTakeover) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active)}, kStart);
    EXPECT_TRUE(machine.on_peer_active("VI_1", kPeer, kStart + 1ms).empty());
    EXPECT_TRUE(machine.in_progress());
}

TEST(Failover, TakesBackWhenNoPeerAnswersAndReportsTheOutage) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active)}, kStart);
    machine.on_released("VI_1", 3, kStart + 1ms);
    const auto deadline = machine.next_deadline();
    ASSERT_EQ(deadline, kStart + 1ms + 1550ms);
    EXPECT_TRUE(machine.on_deadline(*deadline - 1us).empty());
    const auto actions = machine.on_deadline(*deadline);
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(std::get<StartTakeBack>(actions[0]).instance, "VI_1");
    const auto result = result_of(machine.on_active_here("VI_1", *deadline + 1ms));
    EXPECT_EQ(result.outcome, Outcome::RolledBack);
    EXPECT_EQ(result.gap, 1551ms);
    EXPECT_EQ(result.connections_reset, 3U);
}

// A member of a sync group whose sibling moved is not taken back by the group: the command must
// end all the same.
TEST(Failover, ATakeBackThatNeverHappensEndsTheCommand) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active)}, kStart);
    machine.on_released("VI_1", 0, kStart);
    machine.on_deadline(*machine.next_deadline());
    const auto deadline = machine.next_deadline();
    ASSERT_EQ(deadline, kStart + 1550ms + 5s);
    EXPECT_TRUE(machine.on_deadline(*deadline - 1us).empty());
    EXPECT_NE(result_of(machine.on_deadline(*deadline)).outcome, Outcome::Done);
    EXPECT_FALSE(machine.in_progress());
}

TEST(Failover, APeerThatComesWhileTakingBackCounts) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active)}, kStart);
    machine.on_released("VI_1", 0, kStart);
    machine.on_deadline(kStart + 2s);
    EXPECT_EQ(result_of(machine.on_peer_active("VI_1", kPeer, kStart + 2s)).outcome, Outcome::Done);
}

TEST(Failover, TheElectorMayTakeOverFirst) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active)}, kStart);
    machine.on_released("VI_1", 0, kStart);
    EXPECT_EQ(result_of(machine.on_active_here("VI_1", kStart + 1s)).outcome, Outcome::RolledBack);
}

TEST(Failover, PatienceFollowsVersionIntervalAndTimeout) {
    InstanceView fast = view("VI_1", State::Active);
    fast.advertisement_interval = 10ms;
    EXPECT_EQ(default_patience(fast), 65ms);
    fast.version = vrrp::Version::V2;
    fast.advertisement_interval = 1s;
    EXPECT_EQ(default_patience(fast), 1550ms);

    FailoverMachine machine;
    FailoverCommand command;
    command.timeout = 60s;  // never beyond the active down interval: this node takes over then
    machine.on_command(command, {view("VI_1", State::Active)}, kStart);
    machine.on_released("VI_1", 0, kStart);
    EXPECT_EQ(machine.next_deadline(), kStart + 3'609'375us);
}

TEST(Failover, MovesSeveralInstancesAndReportsTheLongestGap) {
    FailoverMachine machine;
    const auto actions =
        machine.on_command({}, {view("VI_1", State::Active), view("VI_2", State::Active)}, kStart);
    EXPECT_EQ(actions.size(), 2U);
    machine.on_released("VI_1", 1, kStart);
    machine.on_released("VI_2", 2, kStart + 1ms);
    EXPECT_TRUE(machine.on_peer_active("VI_1", kPeer, kStart + 10ms).empty());
    const auto result = result_of(machine.on_peer_active("VI_2", kPeer, kStart + 31ms));
    EXPECT_EQ(result.gap, 30ms);
    EXPECT_EQ(result.connections_reset, 3U);
    EXPECT_EQ(result.instances, (std::vector<std::string>{"VI_1", "VI_2"}));
}

TEST(Failover, HalfMovedIsDegraded) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active), view("VI_2", State::Active)}, kStart);
    machine.on_released("VI_1", 0, kStart);
    machine.on_released("VI_2", 0, kStart);
    machine.on_peer_active("VI_1", kPeer, kStart + 10ms);
    machine.on_deadline(kStart + 2s);
    EXPECT_EQ(result_of(machine.on_active_here("VI_2", kStart + 2s)).outcome, Outcome::Degraded);
}

TEST(Failover, AFaultDuringItEndsIt) {
    for (const bool released : {false, true}) {
        FailoverMachine machine;
        machine.on_command({}, {view("VI_1", State::Active)}, kStart);
        if (released) {
            machine.on_released("VI_1", 0, kStart);
        }
        const auto result = result_of(machine.on_unavailable("VI_1", kStart + 5ms));
        EXPECT_EQ(result.outcome, Outcome::Degraded);
        EXPECT_FALSE(machine.in_progress());
    }
}

TEST(Failover, AReleaseThatNeverEndsIsNotWaitedForForever) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active)}, kStart);
    ASSERT_TRUE(machine.next_deadline());
    EXPECT_EQ(result_of(machine.on_deadline(*machine.next_deadline())).outcome, Outcome::Degraded);
}

TEST(Failover, ASecondCommandIsRefusedWhileOneRuns) {
    FailoverMachine machine;
    machine.on_command({}, {view("VI_1", State::Active)}, kStart);
    const auto result = result_of(machine.on_command({}, {view("VI_1", State::Active)}, kStart));
    EXPECT_EQ(result.outcome, Outcome::Refused);
    EXPECT_EQ(result.refused.at(0).code, "IN_PROGRESS");
    EXPECT_TRUE(machine.in_progress());
}

TEST(Failover, DryRunChangesNothing) {
    FailoverMachine machine;
    FailoverCommand command;
    command.dry_run = true;
    const auto result =
        result_of(machine.on_command(command, {view("VI_1", State::Active, 4)}, kStart));
    EXPECT_EQ(result.outcome, Outcome::Done);
    EXPECT_EQ(result.connections_reset, 4U);
    EXPECT_FALSE(machine.in_progress());
}

TEST(Failover, AnInstanceNamedTwiceMovesOnce) {
    FailoverMachine machine;
    FailoverCommand command;
    command.instances = {"VI_1", "VI_1"};
    EXPECT_EQ(machine.on_command(command, {view("VI_1", State::Active)}, kStart).size(), 1U);
    machine.on_released("VI_1", 1, kStart);
    const auto result = result_of(machine.on_peer_active("VI_1", kPeer, kStart + 1ms));
    EXPECT_EQ(result.outcome, Outcome::Degraded);
    EXPECT_EQ(result.message, "VI_1 moved to 198.51.100.12: gap 1.0 ms, 1 connection reset");
}

TEST(Failover, UnknownEventsAreHarmless) {
    FailoverMachine machine;
    EXPECT_TRUE(machine.on_released("VI_9", 1, kStart).empty());
    EXPECT_TRUE(machine.on_peer_active("VI_9", kPeer, kStart).empty());
    EXPECT_TRUE(machine.on_active_here("VI_9", kStart).empty());
    EXPECT_TRUE(machine.on_unavailable("VI_9", kStart).empty());
    EXPECT_TRUE(machine.on_deadline(kStart).empty());
}

struct PrecheckCase {
    const char* name;
    std::vector<InstanceView> instances;
    std::vector<std::string> wanted;
    FailoverCommand::Direction direction;
    Outcome outcome;
    const char* code;
};

class FailoverPrecheck : public testing::TestWithParam<PrecheckCase> {};

TEST_P(FailoverPrecheck, AnswersAtOnce) {
    FailoverMachine machine;
    FailoverCommand command;
    command.instances = GetParam().wanted;
    command.direction = GetParam().direction;
    const auto result = result_of(machine.on_command(command, GetParam().instances, kStart));
    EXPECT_EQ(result.outcome, GetParam().outcome) << result.message;
    EXPECT_EQ(result.refused.empty() ? "" : result.refused[0].code, GetParam().code);
    EXPECT_FALSE(result.message.empty());
    EXPECT_FALSE(machine.in_progress());
}

using Direction = FailoverCommand::Direction;
INSTANTIATE_TEST_SUITE_P(
    All, FailoverPrecheck,
    testing::Values(
        PrecheckCase{"BackupSwitch",
                     {view("VI_1", State::Backup)},
                     {},
                     Direction::Switch,
                     Outcome::Refused,
                     "NOT_ACTIVE"},
        PrecheckCase{"FaultSwitch",
                     {view("VI_1", State::Fault)},
                     {},
                     Direction::Switch,
                     Outcome::Refused,
                     "NOT_ACTIVE"},
        PrecheckCase{"FaultToPeer",
                     {view("VI_1", State::Fault)},
                     {},
                     Direction::ToPeer,
                     Outcome::Refused,
                     "NOT_ACTIVE"},
        PrecheckCase{"Nothing", {}, {}, Direction::Switch, Outcome::Refused, "NOT_ACTIVE"},
        PrecheckCase{"BackupToPeer",
                     {view("VI_1", State::Backup)},
                     {},
                     Direction::ToPeer,
                     Outcome::Done,
                     ""},
        PrecheckCase{
            "ActiveHere", {view("VI_1", State::Active)}, {}, Direction::Here, Outcome::Done, ""},
        PrecheckCase{"BackupHere",
                     {view("VI_1", State::Backup)},
                     {},
                     Direction::Here,
                     Outcome::Refused,
                     "PEER_CONTROL"},
        PrecheckCase{"Mixed",
                     {view("VI_1", State::Active), view("VI_2", State::Backup)},
                     {},
                     Direction::Switch,
                     Outcome::Refused,
                     "NOT_ACTIVE"},
        PrecheckCase{"UnknownName",
                     {view("VI_1", State::Active)},
                     {"VI_7"},
                     Direction::Switch,
                     Outcome::Usage,
                     ""}),
    [](const auto& test) { return test.param.name; });

// The trap of nopreempt with a weighted track_script: the peer would never take over.
TEST(GivesUpOnLowerPriority, OnlyTheActiveNodeOfANopreemptInstanceWhosePriorityDrops) {
    vrrp::InstanceConfig nopreempt;
    nopreempt.preempt = false;
    EXPECT_TRUE(gives_up_on_lower_priority(nopreempt, State::Active, 150, 130));
    EXPECT_FALSE(gives_up_on_lower_priority(nopreempt, State::Active, 130, 150));
    EXPECT_FALSE(gives_up_on_lower_priority(nopreempt, State::Backup, 150, 130));
    EXPECT_FALSE(gives_up_on_lower_priority(vrrp::InstanceConfig{}, State::Active, 150, 130));
}

}  // namespace
}  // namespace tandem::daemon
