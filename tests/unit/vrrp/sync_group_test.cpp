// The plan of a sync group: each rule alone, then two nodes with two members each in every short
// sequence of events and in long random ones.
#include "vrrp/sync_group.hpp"

#include "tests/support/group_world.hpp"

#include <functional>
#include <random>

#include <gmock/gmock.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;
using test::GroupWorld;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = MemberOrder::Kind;

constexpr MemberView kActive{.state = State::Active};
constexpr MemberView kReleasing{.state = State::Active, .releasing = true};
constexpr MemberView kBackup{.state = State::Backup};
constexpr MemberView kWants{.state = State::Backup, .wants_active = true};
constexpr MemberView kStopped{.state = State::Initialize};
constexpr MemberView kFaulty{.state = State::Fault, .faulty = true};
/// Held in Fault by the group only.
constexpr MemberView kHeld{.state = State::Fault};

std::vector<MemberOrder> plan(const std::vector<MemberView>& members, bool group_faulty = false) {
    return plan_sync_group(members, group_faulty);
}

TEST(SyncGroupPlan, NothingToDo) {
    EXPECT_THAT(plan({}), IsEmpty());
    EXPECT_THAT(plan({kActive, kActive}), IsEmpty());
    EXPECT_THAT(plan({kBackup, kBackup}), IsEmpty());
    EXPECT_THAT(plan({kStopped, kStopped}), IsEmpty());
    EXPECT_THAT(plan({kReleasing, kReleasing}), IsEmpty());
}

TEST(SyncGroupPlan, ClaimsWhenEveryMemberWantsTo) {
    EXPECT_THAT(plan({kWants}), ElementsAre(MemberOrder{0, Kind::Claim}));
    EXPECT_THAT(plan({kWants, kWants}),
                ElementsAre(MemberOrder{0, Kind::Claim}, MemberOrder{1, Kind::Claim}));
    EXPECT_THAT(plan({kActive, kWants}), ElementsAre(MemberOrder{1, Kind::Claim}));
}

TEST(SyncGroupPlan, WaitsForTheLastMember) {
    for (const MemberView& other : {kBackup, kStopped, kReleasing}) {
        EXPECT_THAT(plan({kWants, other}), IsEmpty());
        EXPECT_THAT(plan({other, kWants, kWants}), IsEmpty());
    }
}

TEST(SyncGroupPlan, OneThatLeavesPullsTheOthers) {
    for (const MemberView& other : {kBackup, kStopped, kReleasing}) {
        EXPECT_THAT(plan({kActive, other, kActive}),
                    ElementsAre(MemberOrder{0, Kind::Release}, MemberOrder{2, Kind::Release}));
    }
    EXPECT_THAT(plan({kActive, kBackup, kWants}), ElementsAre(MemberOrder{0, Kind::Release}));
}

TEST(SyncGroupPlan, AFaultIsEveryMembersFaultOnce) {
    EXPECT_THAT(plan({kActive, kFaulty}),
                ElementsAre(MemberOrder{0, Kind::Fault}, MemberOrder{1, Kind::Fault}));
    EXPECT_THAT(plan({kHeld, kFaulty}, true), IsEmpty());
}

TEST(SyncGroupPlan, AFaultEndsWithTheLastOne) {
    EXPECT_THAT(plan({kFaulty, kHeld}, true), IsEmpty());
    EXPECT_THAT(plan({kHeld, kHeld}, true),
                ElementsAre(MemberOrder{0, Kind::FaultEnded}, MemberOrder{1, Kind::FaultEnded}));
}

TEST(SyncGroupPlan, AFaultyMemberThatIsNotStartedIsAFaultToo) {
    constexpr MemberView kStoppedFaulty{.state = State::Initialize, .faulty = true};
    EXPECT_THAT(plan({kWants, kStoppedFaulty}),
                ElementsAre(MemberOrder{0, Kind::Fault}, MemberOrder{1, Kind::Fault}));
}

// Two nodes.

using Priorities = std::array<std::array<int, 2>, 2>;

InstanceConfig member(std::size_t node, std::size_t index, int priority) {
    InstanceConfig config;
    config.version = Version::V3;
    config.priority = static_cast<std::uint8_t>(priority);
    config.in_sync_group = true;
    // Member 0 is won by node 1 on equal priorities, member 1 by node 0.
    const bool high = node != index;
    config.source_address = boost::asio::ip::make_address(
        index == 0 ? (high ? "198.51.100.12" : "198.51.100.11") : (high ? "fe80::b" : "fe80::c"));
    return config;
}

GroupWorld::Settings settings(const Priorities& priorities, bool preempt = true) {
    GroupWorld::Settings settings;
    for (std::size_t node = 0; node < 2; ++node) {
        for (std::size_t i = 0; i < 2; ++i) {
            settings.members[node][i] = member(node, i, priorities[node][i]);
            settings.members[node][i].preempt = preempt;
        }
    }
    return settings;
}

constexpr Priorities kOrdered{{{200, 200}, {100, 100}}};
/// Node 1 wins member 0 and node 0 member 1, by address.
constexpr Priorities kTied{{{100, 100}, {100, 100}}};
constexpr Priorities kCrossed{{{200, 100}, {100, 200}}};

GroupWorld started(const GroupWorld::Settings& settings) {
    GroupWorld world(settings);
    world.start(0);
    world.start(1);
    return world;
}

TEST(SyncGroup, StartsAsOne) {
    GroupWorld world = started(settings(kOrdered));
    world.run(5s);
    EXPECT_TRUE(world.all_active(0));
    EXPECT_EQ(world.count_active(1), 0U);
    EXPECT_EQ(world.broken(), "");
}

TEST(SyncGroup, AFaultOfOneMemberMovesAll) {
    GroupWorld world = started(settings(kOrdered));
    world.run(5s);
    world.set_fault(0, 1, true);
    world.run(1s);
    EXPECT_TRUE(world.all_active(1)) << "after priority 0, the skew time";
    world.set_fault(0, 1, false);
    world.run(5s);
    EXPECT_TRUE(world.all_active(0)) << "preempts again";
    EXPECT_EQ(world.broken(), "");
}

TEST(SyncGroup, AMemberThatWantsForEverHarmsNobody) {
    GroupWorld world = started(settings(kOrdered));
    world.run(5s);
    // Node 1 does not hear member 0 of node 0 any more.
    world.set_link(0, false);
    const std::size_t before = world.transitions();
    world.run(60s);
    EXPECT_TRUE(world.member(1, 0).wants_active());
    EXPECT_TRUE(world.all_active(0));
    EXPECT_EQ(world.transitions(), before);
    world.set_link(0, true);
    world.run(2s);
    EXPECT_FALSE(world.member(1, 0).wants_active()) << "falls back";
    world.stop(0);
    world.run(2s);
    EXPECT_TRUE(world.all_active(1));
    EXPECT_EQ(world.broken(), "");
}

TEST(SyncGroup, PreemptionTakesAll) {
    GroupWorld world(settings(kOrdered));
    world.start(1);
    world.run(5s);
    ASSERT_TRUE(world.all_active(1));
    world.start(0);
    world.run(5s);
    EXPECT_TRUE(world.all_active(0));
    EXPECT_EQ(world.count_active(1), 0U);
    EXPECT_EQ(world.broken(), "");
}

TEST(SyncGroup, FailoverHoldAndTakeBack) {
    GroupWorld world = started(settings(kOrdered));
    world.run(5s);
    world.fail_over(0, std::nullopt);
    world.run(20s);
    EXPECT_TRUE(world.all_active(1));
    world.resume(0);
    world.run(5s);
    EXPECT_TRUE(world.all_active(0));
    world.stop(1);
    world.run(1s);
    world.fail_over(0, std::nullopt);
    world.run(100ms);
    EXPECT_EQ(world.count_active(0), 0U);
    world.take_back(0);
    EXPECT_TRUE(world.all_active(0)) << "at once";
    EXPECT_EQ(world.broken(), "");
}

TEST(SyncGroup, AMemberThatCannotAcquireMovesAll) {
    GroupWorld world(settings(kOrdered));
    world.set_acquirable(0, 1, false);
    world.start(0);
    world.start(1);
    world.run(10s);
    EXPECT_TRUE(world.all_active(1));
    const std::size_t before = world.transitions();
    world.run(20s);
    EXPECT_EQ(world.transitions(), before) << "leaves the addresses to the peer for a while";
    EXPECT_EQ(world.broken(), "");
}

TEST(SyncGroup, OwnersOfAllMembersAreActiveAtOnce) {
    GroupWorld world = started(settings(Priorities{{{255, 255}, {100, 100}}}));
    EXPECT_TRUE(world.all_active(0));
    EXPECT_EQ(world.broken(), "");
}

TEST(SyncGroup, AnOwnerWaitsForAMemberThatIsNone) {
    GroupWorld world = started(settings(Priorities{{{255, 200}, {100, 100}}}));
    EXPECT_EQ(world.count_active(0), 0U);
    world.run(5s);
    EXPECT_TRUE(world.all_active(0));
    EXPECT_EQ(world.broken(), "");
}

/// Exactly one node is active, and stays it.
void expect_calm(GroupWorld& world) {
    EXPECT_EQ(world.broken(), "");
    EXPECT_EQ(world.count_active(0) + world.count_active(1), GroupWorld::kMembers);
    const std::size_t before = world.transitions();
    world.run(30s);
    EXPECT_EQ(world.transitions(), before);
    EXPECT_EQ(world.broken(), "");
}

// Both were active behind a cut. Each wins one member when it heals: both give up, and must not do
// so again and again in step, although everything here is symmetric.
TEST(SyncGroup, NoLivelockWhenTheNodesBeatEachOtherInDifferentMembers) {
    for (const Priorities& priorities : {kTied, kCrossed}) {
        for (const Duration wait :
             {Duration{0}, Duration{100ms}, Duration{500ms}, Duration{999ms}}) {
            GroupWorld world(settings(priorities));
            world.set_link(0, false);
            world.set_link(1, false);
            world.start(0);
            world.start(1);
            world.run(10s + wait);
            ASSERT_TRUE(world.all_active(0) && world.all_active(1));
            world.set_link(0, true);
            world.set_link(1, true);
            world.run(15s);
            expect_calm(world);
        }
    }
}

using WorldStep = std::function<void(GroupWorld&)>;

std::vector<WorldStep> all_steps() {
    return {
        [](GroupWorld& w) { w.run_one(); },
        [](GroupWorld& w) { w.run(100ms); },
        [](GroupWorld& w) { w.run(4s); },
        [](GroupWorld& w) { w.start(0); },
        [](GroupWorld& w) { w.stop(0); },
        [](GroupWorld& w) { w.set_fault(0, 0, true); },
        [](GroupWorld& w) { w.set_fault(0, 1, true); },
        [](GroupWorld& w) { w.set_fault(0, 0, false); },
        [](GroupWorld& w) { w.set_fault(0, 1, false); },
        [](GroupWorld& w) { w.fail_over(0, std::nullopt); },
        [](GroupWorld& w) { w.fail_over(1, std::nullopt); },
        [](GroupWorld& w) { w.take_back(0); },
        [](GroupWorld& w) { w.set_acquirable(0, 1, false); },
        [](GroupWorld& w) { w.set_sendable(0, 0, false); },
        [](GroupWorld& w) { w.set_sendable(0, 0, true); },
        [](GroupWorld& w) { w.set_link(0, false); },
        [](GroupWorld& w) { w.set_link(1, false); },
        [](GroupWorld& w) { w.sleep(10s); },
    };
}

std::string explore(const GroupWorld& from, const std::vector<WorldStep>& steps, unsigned depth) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
        GroupWorld next = from;
        steps[i](next);
        std::string broken = next.broken();
        if (broken.empty() && depth > 1) {
            broken = explore(next, steps, depth - 1);
        }
        if (!broken.empty()) {
            return std::string("step ").append(std::to_string(i)).append(", ").append(broken);
        }
    }
    return "";
}

class SyncGroupExhaustive : public testing::TestWithParam<Priorities> {};

TEST_P(SyncGroupExhaustive, AllShortSequencesKeepTheRules) {
    GroupWorld world = started(settings(GetParam()));
    EXPECT_EQ(explore(world, all_steps(), 3), "");
    world.run(10s);
    EXPECT_EQ(explore(world, all_steps(), 3), "");
}

INSTANTIATE_TEST_SUITE_P(Priorities, SyncGroupExhaustive,
                         testing::Values(kOrdered, kTied, kCrossed));

/// A long random history, then everything is healed.
class RandomHistory {
  public:
    explicit RandomHistory(unsigned seed) : random_(seed) {}

    void run(const Priorities& priorities) {
        GroupWorld::Settings chosen = settings(priorities, below(2) == 0);
        chosen.delay = {Duration{below(5000)}, Duration{below(5000)}};
        chosen.acquire = Duration{below(20'000)};
        chosen.release = Duration{below(200'000)};
        GroupWorld world(chosen);
        for (int i = 0; i < 60 && world.broken().empty(); ++i) {
            step(world);
            world.run(Duration{below(below(2) == 0 ? 5'000'000 : 10'000)});
        }
        heal(world);
        // Ten active down intervals of a node that failed, then an ordinary election, twice.
        world.run(60s);
        expect_calm(world);
        if (priorities == kOrdered && chosen.members[0][0].preempt) {
            EXPECT_TRUE(world.all_active(0));
        }
    }

  private:
    std::int64_t below(std::int64_t limit) {
        return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
    }

    void step(GroupWorld& world) {
        const auto node = static_cast<std::size_t>(below(2));
        const auto index = static_cast<std::size_t>(below(2));
        switch (below(11)) {
            case 0:
                world.start(node);
                break;
            case 1:
                world.stop(node);
                break;
            case 2:
            case 3:
                world.set_fault(node, index, below(2) == 0);
                break;
            case 4:
                world.fail_over(node, below(2) == 0 ? std::nullopt : std::optional<Duration>{10s});
                break;
            case 5:
                world.take_back(node);
                break;
            case 6:
            case 7:
                world.set_link(index, below(2) == 0);
                break;
            case 8:
                world.set_acquirable(node, index, below(2) == 0);
                break;
            case 9:
                world.set_sendable(node, index, below(2) == 0);
                break;
            default:
                world.sleep(Duration{below(10'000'000)});
        }
    }

    static void heal(GroupWorld& world) {
        for (std::size_t node = 0; node < 2; ++node) {
            for (std::size_t index = 0; index < 2; ++index) {
                world.set_fault(node, index, false);
                world.set_acquirable(node, index, true);
                world.set_sendable(node, index, true);
                world.set_link(index, true);
            }
            // A stop under way ends first: only then a start is one.
            world.run(1s);
            world.start(node);
            world.resume(node);
        }
    }

    std::mt19937 random_;
};

TEST(SyncGroup, RandomHistoriesEndWithOneActiveNode) {
    for (unsigned seed = 1; seed <= 600; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        for (const Priorities& priorities : {kOrdered, kTied, kCrossed}) {
            RandomHistory(seed).run(priorities);
        }
        if (testing::Test::HasFailure()) {
            return;
        }
    }
}

}  // namespace
}  // namespace tandem::vrrp
