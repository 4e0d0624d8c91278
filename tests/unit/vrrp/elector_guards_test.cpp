// Rules that hold in every sequence of events, checked on all short ones, and the corner cases that
// no trace shows.
#include "tests/support/watched_elector.hpp"
#include "tests/unit/vrrp/elector_fixture.hpp"

#include <array>
#include <functional>

#include <gmock/gmock.h>

namespace tandem::vrrp {
namespace {

using tandem::test::WatchedElector;
using test::kStart;
using test::make_active;
using test::make_advert;
using test::make_backup;
using test::make_config;
using test::outcome;
using test::Subject;
using namespace std::chrono_literals;

using Step = std::function<Actions(WatchedElector&)>;

Step hear(std::uint8_t priority) {
    return [priority](WatchedElector& w) {
        return w.elector.on_advertisement(make_advert(priority), w.now);
    };
}

/// A configuration that a reload brings: alone with another interval, or in a group.
InstanceConfig reloaded(bool in_sync_group) {
    InstanceConfig config = make_config(100);
    config.in_sync_group = in_sync_group;
    config.preempt = !in_sync_group;
    config.advertisement_interval = in_sync_group ? 1s : 200ms;
    return config;
}

/// Every event; results of address operations only when one is in flight, as a shell would.
std::vector<Step> all_steps() {
    return {
        [](WatchedElector& w) { return w.elector.on_startup(w.now); },
        [](WatchedElector& w) { return w.elector.on_shutdown(w.now); },
        hear(0),
        hear(50),
        hear(200),
        [](WatchedElector& w) {
            w.now = std::max(w.now, w.elector.next_deadline().value_or(w.now));
            return w.elector.on_deadline(w.now);
        },
        [](WatchedElector& w) {
            w.now += 20s;
            return w.elector.on_deadline(w.now);
        },
        [](WatchedElector& w) {
            // Does not run for a while; the next event is the first to see it.
            w.now += 20s;
            return Actions{};
        },
        [](WatchedElector& w) {
            if (!w.acquiring) {
                return Actions{};
            }
            w.acquiring = false;
            w.address_on = true;
            return w.elector.on_addresses_acquired(true, w.now);
        },
        [](WatchedElector& w) {
            if (!w.acquiring) {
                return Actions{};
            }
            w.acquiring = false;
            return w.elector.on_addresses_acquired(false, w.now);
        },
        [](WatchedElector& w) {
            if (!w.releasing || w.acquiring) {
                return Actions{};
            }
            w.releasing = false;
            w.address_on = false;
            return w.elector.on_addresses_released(w.now);
        },
        [](WatchedElector& w) { return w.elector.on_fault(true, w.now); },
        [](WatchedElector& w) { return w.elector.on_fault(false, w.now); },
        [](WatchedElector& w) { return w.elector.on_failover(std::nullopt, w.now); },
        [](WatchedElector& w) { return w.elector.on_take_back(w.now); },
        [](WatchedElector& w) { return w.elector.on_priority(90, w.now); },
        [](WatchedElector& w) { return w.elector.on_priority(210, w.now); },
        [](WatchedElector& w) { return w.elector.on_group_claim(w.now); },
        [](WatchedElector& w) { return w.elector.on_group_release(w.now); },
        [](WatchedElector& w) { return w.elector.on_reconfigure(reloaded(false), w.now); },
        [](WatchedElector& w) { return w.elector.on_reconfigure(reloaded(true), w.now); },
    };
}

/// @return the steps to the first broken rule; empty: every rule was kept.
std::string explore(const WatchedElector& from, const std::vector<Step>& steps, unsigned depth) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
        WatchedElector next = from;
        next.now += 1ms;
        std::string broken = next.apply(steps[i](next));
        if (broken.empty() && depth > 1) {
            broken = explore(next, steps, depth - 1);
        }
        if (!broken.empty()) {
            return std::string("step ").append(std::to_string(i)).append(", ").append(broken);
        }
    }
    return "";
}

InstanceConfig plain(std::uint8_t priority) {
    return test::make_config(priority);
}

InstanceConfig member(std::uint8_t priority) {
    InstanceConfig config = test::make_config(priority);
    config.in_sync_group = true;
    return config;
}

/// Every option that makes a difference at once.
InstanceConfig with_options(std::uint8_t priority) {
    InstanceConfig config = test::make_config(priority);
    config.preempt_delay = 2s;
    config.startup_delay = 10ms;
    config.lower_priority_no_advert = true;
    config.higher_priority_send_advert = true;
    config.start_as_active = true;
    return config;
}

class ElectorExhaustive : public testing::TestWithParam<InstanceConfig> {};

// C03 (a node that is not active does not accept) is among the rules: what was acquired is released
// as soon as the node is not active any more.
TEST_P(ElectorExhaustive, C03_AllShortSequencesKeepTheRules) {
    const InstanceConfig& config = GetParam();
    EXPECT_EQ(explore(WatchedElector(config), all_steps(), 4), "");
    // Once more from an active node, where more can happen.
    WatchedElector active(config);
    ASSERT_EQ(active.apply(active.elector.on_startup(active.now)), "");
    if (active.state == State::Backup && !active.elector.wants_active()) {
        active.now = *active.elector.next_deadline();
        ASSERT_EQ(active.apply(active.elector.on_deadline(active.now)), "");
    }
    ASSERT_EQ(active.apply(active.elector.on_group_claim(active.now)), "");
    ASSERT_EQ(active.state, State::Active);
    EXPECT_EQ(explore(active, all_steps(), 4), "");
}

INSTANTIATE_TEST_SUITE_P(Configurations, ElectorExhaustive,
                         testing::Values(plain(100), plain(255), member(100), member(255),
                                         with_options(100), with_options(255)),
                         [](const auto& config) {
                             const InstanceConfig& value = config.param;
                             return std::string(value.in_sync_group               ? "member"
                                                : value.startup_delay.count() > 0 ? "options"
                                                                                  : "plain") +
                                    std::to_string(value.priority);
                         });

TEST(ElectorGuards, TimeNeverRunsBackwards) {
    Subject subject = test::make_active();
    const auto before = subject.elector.next_deadline();
    EXPECT_TRUE(subject.elector.on_deadline(TimePoint{}).empty());
    subject.elector.on_advertisement(make_advert(0), TimePoint::min());
    EXPECT_GE(*subject.elector.next_deadline(), *before);
    EXPECT_EQ(subject.elector.state(), State::Active);
}

TEST(ElectorGuards, RepeatedDeadlinesAreHarmless) {
    Subject subject = test::make_active();
    subject.now = *subject.elector.next_deadline();
    EXPECT_EQ(subject.elector.on_deadline(subject.now).size(), 1U);
    EXPECT_TRUE(subject.elector.on_deadline(subject.now).empty());
    EXPECT_TRUE(subject.elector.on_deadline(subject.now).empty());
}

TEST(ElectorGuards, StallBeginsWhereTheFastestPeerTakesOver) {
    // A peer with priority 255 waits 3 intervals and 1/256.
    for (const auto& [pause, state] :
         {std::pair{3'003'906us, State::Active}, std::pair{3'003'907us, State::Backup}}) {
        Subject subject = test::make_active();
        subject.now += pause;
        subject.elector.on_deadline(subject.now);
        EXPECT_EQ(subject.elector.state(), state) << pause.count();
    }
}

TEST(ElectorGuards, BackupListensAgainFromHalfAnInterval) {
    for (const auto& [late, state] :
         {std::pair{500'000us, State::Active}, std::pair{500'001us, State::Backup}}) {
        Subject subject = test::make_backup();
        subject.now = *subject.elector.next_deadline() + late;
        subject.elector.on_deadline(subject.now);
        EXPECT_EQ(subject.elector.state(), state) << late.count();
    }
}

TEST(ElectorGuards, AlwaysLateStillServes) {
    Subject subject = test::make_backup();
    for (int i = 0; i < 2; ++i) {
        subject.now = *subject.elector.next_deadline() + 900ms;
        subject.elector.on_deadline(subject.now);
    }
    EXPECT_EQ(subject.elector.state(), State::Active);
}

TEST(ElectorGuards, AcquireBackoffEnds) {
    Subject subject = test::make_acquiring();
    subject.elector.on_addresses_acquired(false, subject.now);
    subject.elector.on_addresses_released(subject.now);
    const TimePoint end =
        subject.now + subject.elector.active_down_interval() * Elector::kAcquireBackoff;
    for (; subject.now + 1s < end; subject.now += 1s) {
        subject.elector.on_advertisement(make_advert(50), subject.now);
        const auto next = subject.elector.next_deadline();
        ASSERT_EQ(next, subject.now + subject.elector.active_down_interval());
    }
    const auto last = subject.elector.next_deadline();
    subject.elector.on_advertisement(make_advert(50), end);
    EXPECT_EQ(subject.elector.next_deadline(), last) << "discarded again: it may preempt";
}

/// What an active node sent in answer to 10 000 advertisements in ten intervals.
struct FloodResult {
    unsigned adverts = 0;
    unsigned announcements = 0;
    Duration widest_gap{};
    std::uint64_t delayed = 0;
};

FloodResult flood(Duration interval, const std::vector<std::uint8_t>& priorities) {
    InstanceConfig config = make_config();
    config.advertisement_interval = interval;
    Subject subject{Elector(config), kStart};
    subject.elector.on_startup(subject.now);
    subject.now = *subject.elector.next_deadline();
    subject.elector.on_deadline(subject.now);
    subject.elector.on_addresses_acquired(true, subject.now);
    FloodResult result;
    TimePoint last_sent = subject.now;
    const auto count = [&](const Actions& actions) {
        for (const Action& action : actions) {
            result.announcements += std::holds_alternative<AnnounceAddresses>(action) ? 1U : 0U;
            if (std::holds_alternative<SendAdvertisement>(action)) {
                ++result.adverts;
                result.widest_gap =
                    std::max(result.widest_gap,
                             std::chrono::duration_cast<Duration>(subject.now - last_sent));
                last_sent = subject.now;
            }
        }
    };
    const TimePoint begin = subject.now;
    for (unsigned i = 0; i < 10'000; ++i) {
        const TimePoint at = begin + interval * i / 1000;
        while (*subject.elector.next_deadline() <= at) {
            subject.now = *subject.elector.next_deadline();
            count(subject.elector.on_deadline(subject.now));
        }
        subject.now = at;
        ReceivedAdvertisement advert = make_advert(priorities[i % priorities.size()]);
        advert.interval = interval;
        count(subject.elector.on_advertisement(advert, subject.now));
    }
    EXPECT_EQ(subject.elector.state(), State::Active);
    result.delayed = subject.elector.answers_delayed();
    return result;
}

// I8: others decide how much this node hears, not how much it says.
TEST(ElectorGuards, AnswersToAFloodAreBounded) {
    using Priorities = std::vector<std::uint8_t>;
    for (const Priorities& priorities : {Priorities{99}, Priorities{0}, Priorities{0, 1, 99}}) {
        const FloodResult result = flood(1s, priorities);
        EXPECT_LE(result.adverts, 101U);
        EXPECT_LE(result.widest_gap, 100ms) << "somebody waits for an answer";
        EXPECT_GE(result.delayed, 9'800U);
        EXPECT_LE(result.announcements, 20U);
    }
    EXPECT_LE(flood(10ms, {99}).announcements, 1U) << "twice a second, however short the interval";
    EXPECT_LE(flood(10ms, {99}).adverts, 101U);
}

TEST(ElectorGuards, AnswersBeginAnewWithEachClaim) {
    Subject subject = make_active();
    EXPECT_EQ(subject.elector.on_advertisement(make_advert(0), subject.now).size(), 1U);
    subject.elector.on_failover(subject.now, subject.now);
    subject.elector.on_addresses_released(subject.now);
    subject.elector.on_take_back(subject.now);
    ASSERT_EQ(subject.elector.state(), State::Active);
    EXPECT_EQ(subject.elector.on_advertisement(make_advert(0), subject.now).size(), 1U);
    EXPECT_EQ(subject.elector.answers_delayed(), 0U);
}

TEST(ElectorGuards, HoldThatIsOverDoesNotHold) {
    Subject subject = test::make_active();
    EXPECT_EQ(subject.elector.on_failover(subject.now, subject.now).size(), 1U);
    EXPECT_FALSE(subject.elector.holding());
    EXPECT_TRUE(subject.elector.releasing());
}

TEST(ElectorGuards, HoldBeforeStartupKeepsTheOwnerBack) {
    Subject subject{Elector(test::make_config(255)), test::kStart};
    subject.elector.on_failover(subject.now + 10s, subject.now);
    subject.elector.on_startup(subject.now);
    EXPECT_EQ(subject.elector.state(), State::Backup);
    EXPECT_EQ(subject.elector.hold_until(), subject.now + 10s);
}

TEST(ElectorGuards, WithoutOwnAddressNobodyWinsATie) {
    InstanceConfig config = test::make_config();
    config.source_address.reset();
    Subject subject{Elector(config), test::kStart};
    subject.elector.on_startup(subject.now);
    subject.now = *subject.elector.next_deadline();
    subject.elector.on_deadline(subject.now);
    subject.elector.on_advertisement(make_advert(100), subject.now);
    EXPECT_EQ(subject.elector.state(), State::Active);
    subject.elector.set_source_address(boost::asio::ip::make_address("198.51.100.11"));
    subject.elector.on_advertisement(make_advert(100), subject.now);
    EXPECT_EQ(subject.elector.state(), State::Backup);
}

TEST(ElectorGuards, LastPeerIsKept) {
    Subject subject = test::make_backup();
    EXPECT_FALSE(subject.elector.last_peer());
    subject.now += 1s;
    subject.elector.on_advertisement(make_advert(42), subject.now);
    ASSERT_TRUE(subject.elector.last_peer());
    EXPECT_EQ(subject.elector.last_peer()->priority, 42);
    EXPECT_EQ(subject.elector.last_peer_heard(), subject.now);
}

TEST(ElectorGuards, NamesAreStable) {
    EXPECT_EQ(to_string(State::Active), "active");
    EXPECT_EQ(to_string(Reason::HigherAddress), "higher-address");
    EXPECT_EQ(to_string(Reason::TakeBack), "take-back");
    EXPECT_EQ(to_string(Reason::SendFailed), "send-failed");
}

/// Advertises at each deadline; every attempt fails. @return how long until it gave up.
Duration unheard_until_fault(Subject& subject) {
    const TimePoint begin = subject.now;
    while (subject.elector.state() == State::Active) {
        subject.now = *subject.elector.next_deadline();
        subject.elector.on_deadline(subject.now);
        subject.elector.on_send_result(false, subject.now);
    }
    return std::chrono::duration_cast<Duration>(subject.now - begin);
}

// The peer claims 3 s + 1/256 s after the last advertisement it heard; the fourth try is too late.
TEST(ElectorSendFailure, GivesUpBeforeThePeerClaims) {
    Subject subject = make_active();
    subject.elector.on_send_result(true, subject.now);
    EXPECT_EQ(unheard_until_fault(subject), 3s);
    EXPECT_EQ(subject.elector.next_deadline(), std::nullopt);
}

TEST(ElectorSendFailure, ActionsOfGivingUp) {
    Subject subject = make_active();
    for (int i = 0; i < 2; ++i) {
        subject.now += 1s;
        subject.elector.on_deadline(subject.now);
        EXPECT_EQ(outcome(subject.elector.on_send_result(false, subject.now), subject),
                  "= active +1000000");
    }
    subject.now += 1s;
    subject.elector.on_deadline(subject.now);
    const Actions actions = subject.elector.on_send_result(false, subject.now);
    ASSERT_EQ(actions.size(), 2U);
    EXPECT_EQ(actions[0], Action(StateChanged{State::Active, State::Fault, Reason::SendFailed}));
    EXPECT_EQ(actions[1], Action(ReleaseAddresses{}));
    EXPECT_THAT(subject.elector.on_addresses_released(subject.now),
                testing::ElementsAre(Action(SendAdvertisement{kReleasePriority})));
}

TEST(ElectorSendFailure, OneSuccessStartsTheTimeAgain) {
    Subject subject = make_active();
    for (int i = 0; i < 20; ++i) {
        subject.now += 1s;
        subject.elector.on_deadline(subject.now);
        subject.elector.on_send_result(i % 3 == 2, subject.now);
        ASSERT_EQ(subject.elector.state(), State::Active) << i;
    }
}

TEST(ElectorSendFailure, MattersOnlyWhileActiveAndNotStopping) {
    Subject backup = make_backup();
    EXPECT_TRUE(backup.elector.on_send_result(false, backup.now + 1h).empty());
    EXPECT_EQ(backup.elector.state(), State::Backup);
    Subject stopping = make_active();
    stopping.elector.on_shutdown(stopping.now);
    for (int i = 0; i < 10; ++i) {
        stopping.now += 1s;
        EXPECT_TRUE(stopping.elector.on_send_result(false, stopping.now).empty());
    }
}

// A broken node with the higher priority must not take the addresses from one that is heard.
TEST(ElectorSendFailure, LeavesTheAddressesToAPeerAfterwards) {
    for (const std::uint8_t priority : {std::uint8_t{200}, kOwnerPriority}) {
        Subject subject{Elector(make_config(priority)), kStart};
        subject.elector.on_startup(subject.now);
        while (subject.elector.state() != State::Active) {
            subject.now = *subject.elector.next_deadline();
            subject.elector.on_deadline(subject.now);
        }
        subject.elector.on_addresses_acquired(true, subject.now);
        unheard_until_fault(subject);
        subject.elector.on_addresses_released(subject.now);
        subject.elector.on_fault(false, subject.now);
        for (int i = 0; i < 30; ++i) {
            subject.now += 1s;
            subject.elector.on_advertisement(make_advert(100), subject.now);
            subject.elector.on_deadline(subject.now);
            ASSERT_EQ(subject.elector.state(), State::Backup) << i << " s " << unsigned{priority};
        }
    }
}

TEST(ElectorSendFailure, NextClaimMustBeSentAtTheFirstTry) {
    Subject subject = make_active();
    unheard_until_fault(subject);
    subject.elector.on_addresses_released(subject.now);
    for (const bool sent : {false, true}) {
        subject.elector.on_fault(false, subject.now);
        ASSERT_EQ(subject.elector.state(), State::Backup);
        subject.now = *subject.elector.next_deadline();
        subject.elector.on_deadline(subject.now);
        ASSERT_EQ(subject.elector.state(), State::Active);
        subject.elector.on_send_result(sent, subject.now);
        EXPECT_EQ(subject.elector.state(), sent ? State::Active : State::Fault);
        subject.elector.on_addresses_released(subject.now);
    }
    subject.now += 1s;
    subject.elector.on_deadline(subject.now);
    subject.elector.on_send_result(false, subject.now);
    EXPECT_EQ(subject.elector.state(), State::Active) << "one failure is borne again";
}

}  // namespace
}  // namespace tandem::vrrp
