// Another configuration while the election goes on.
#include "tests/unit/vrrp/elector_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::vrrp {
namespace {

using test::kStart;
using test::make_active;
using test::make_advert;
using test::make_backup;
using test::make_config;
using test::outcome;
using test::Subject;
using namespace std::chrono_literals;

Actions change(Subject& subject, const InstanceConfig& config) {
    return subject.elector.on_reconfigure(config, subject.now);
}

InstanceConfig with_interval(Duration interval) {
    InstanceConfig config = make_config();
    config.advertisement_interval = interval;
    return config;
}

TEST(Reconfigure, TheSameChangesNothing) {
    for (Subject subject : {make_backup(), make_active()}) {
        subject.now += 300ms;
        const auto deadline = subject.elector.next_deadline();
        const State state = subject.elector.state();
        EXPECT_TRUE(change(subject, make_config()).empty());
        EXPECT_EQ(subject.elector.next_deadline(), deadline);
        EXPECT_EQ(subject.elector.state(), state);
    }
}

TEST(Reconfigure, AnActiveNodeTellsItsNewIntervalAtOnce) {
    Subject subject = make_active();
    subject.now += 100ms;
    EXPECT_EQ(outcome(change(subject, with_interval(10s)), subject),
              "tx prio=100; = active +10000000");
    subject.now += 5s;
    EXPECT_EQ(outcome(change(subject, with_interval(100ms)), subject),
              "tx prio=100; = active +100000");
}

TEST(Reconfigure, ALongSilenceOfALongerIntervalIsNoStall) {
    Subject subject = make_active();
    change(subject, with_interval(10s));
    subject.now += 9s;
    const auto actions = change(subject, with_interval(100ms));
    EXPECT_EQ(outcome(actions, subject), "tx prio=100; = active +100000");
    // A failure to send counts from that advertisement.
    subject.elector.on_send_result(true, subject.now);
    EXPECT_TRUE(subject.elector.on_send_result(false, subject.now).empty());
}

TEST(Reconfigure, ABackupThatHeardNobodyWaitsAnewWithTheNewInterval) {
    Subject subject = make_backup();
    subject.now += 3s;
    change(subject, with_interval(100ms));
    EXPECT_EQ(*subject.elector.next_deadline() - subject.now,
              subject.elector.active_down_interval());
    EXPECT_LT(subject.elector.active_down_interval(), 400ms);
    EXPECT_EQ(subject.elector.state(), State::Backup);
}

TEST(Reconfigure, ABackupKeepsTheIntervalThatItHasLearned) {
    Subject subject = make_backup();
    auto advert = make_advert(200);
    advert.interval = 2s;
    subject.elector.on_advertisement(advert, subject.now);
    const Duration learned = subject.elector.active_down_interval();
    change(subject, with_interval(500ms));
    EXPECT_EQ(subject.elector.active_down_interval(), learned);
    change(subject, with_interval(100ms));  // ten times our own is the most that is believed
    EXPECT_EQ(subject.elector.active_down_interval() / 3, (learned / 3) / 2);
}

TEST(Reconfigure, MoreLostAdvertisementsAreAllowedFromNowOn) {
    Subject subject = make_backup();
    InstanceConfig config = make_config();
    config.down_timer_adverts = 5;
    subject.now += 3500ms;
    EXPECT_TRUE(change(subject, config).empty());
    EXPECT_EQ(*subject.elector.next_deadline() - subject.now,
              subject.elector.active_down_interval());
    EXPECT_GT(subject.elector.active_down_interval(), 5s);
}

TEST(Reconfigure, PreemptionBeginsAndEnds) {
    Subject subject = make_backup();
    InstanceConfig config = make_config();
    config.preempt = false;
    change(subject, config);
    subject.now += 2s;
    subject.elector.on_advertisement(make_advert(50), subject.now);
    EXPECT_EQ(*subject.elector.next_deadline() - subject.now,
              subject.elector.active_down_interval())
        << "nopreempt: it was given way to";
    const auto deadline = subject.elector.next_deadline();
    change(subject, make_config());
    subject.now += 1s;
    subject.elector.on_advertisement(make_advert(50), subject.now);
    EXPECT_EQ(subject.elector.next_deadline(), deadline) << "not waited for any more";
}

TEST(Reconfigure, AClaimThatWaitedForAGroupThatIsLeftIsMade) {
    InstanceConfig config = make_config();
    config.in_sync_group = true;
    Subject subject{Elector(config), kStart};
    subject.elector.on_startup(subject.now);
    subject.now = *subject.elector.next_deadline();
    subject.elector.on_deadline(subject.now);
    ASSERT_TRUE(subject.elector.wants_active());
    EXPECT_EQ(outcome(change(subject, make_config()), subject),
              "tx prio=100; state backup active active-down; acquire; = active +1000000");
}

TEST(Reconfigure, AReleaseInFlightGoesOn) {
    Subject subject = make_active();
    subject.elector.on_shutdown(subject.now);
    change(subject, with_interval(2s));
    EXPECT_TRUE(subject.elector.releasing());
    subject.elector.on_addresses_released(subject.now);
    EXPECT_EQ(subject.elector.state(), State::Initialize);
    EXPECT_TRUE(change(subject, make_config()).empty());
    EXPECT_EQ(subject.elector.next_deadline(), std::nullopt);
}

}  // namespace
}  // namespace tandem::vrrp
