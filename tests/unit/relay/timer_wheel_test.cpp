#include "proxy/relay/timer_wheel.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class TestTimer final : public Timer {
  public:
    explicit TestTimer(std::function<void()> action = {}) : action_(std::move(action)) {}
    ~TestTimer() = default;
    void on_timeout() override {
        ++fired;
        if (action_) {
            action_();
        }
    }
    int fired = 0;

  private:
    std::function<void()> action_;
};

const TimePoint kStart{hours{1000}};

TEST(TimerWheel, NothingScheduledHasNoDeadline) {
    TimerWheel wheel{kStart};
    EXPECT_EQ(wheel.next_deadline(), std::nullopt);
    wheel.advance(kStart + hours{100});
    EXPECT_EQ(wheel.next_deadline(), std::nullopt);
}

TEST(TimerWheel, FiresNeverEarlyAndAtMostATickLateOnEveryLevel) {
    for (const auto delay :
         {milliseconds{0}, milliseconds{1}, milliseconds{15}, milliseconds{16}, milliseconds{17},
          milliseconds{1007}, milliseconds{1008}, milliseconds{1024}, milliseconds{1025},
          milliseconds{65535}, milliseconds{65536}, milliseconds{65537}, milliseconds{3'600'000},
          milliseconds{4'194'303}, milliseconds{4'194'304}, milliseconds{200'000'000}}) {
        for (const auto phase : {milliseconds{0}, milliseconds{5}, milliseconds{999}}) {
            TimerWheel wheel{kStart};
            TestTimer timer;
            const TimePoint now = kStart + phase;
            wheel.advance(now);
            wheel.schedule(timer, now, delay);
            TimePoint last = now;
            int steps = 0;
            while (timer.fired == 0) {
                const auto deadline = wheel.next_deadline();
                ASSERT_TRUE(deadline) << delay.count();
                ASSERT_GT(*deadline, last);
                last = *deadline;
                wheel.advance(*deadline);
                ASSERT_LT(++steps, 6) << "woken up too often for " << delay.count();
            }
            EXPECT_GE(last, now + delay) << delay.count();
            EXPECT_LE(last, now + delay + TimerWheel::kTick) << delay.count();
            EXPECT_EQ(wheel.next_deadline(), std::nullopt);
        }
    }
}

TEST(TimerWheel, LongestDelayIsCutNotLost) {
    TimerWheel wheel{kStart};
    TestTimer timer;
    wheel.schedule(timer, kStart, hours{24 * 365 * 200});
    wheel.advance(kStart + hours{73});
    EXPECT_EQ(timer.fired, 0);
    wheel.advance(kStart + hours{74});
    EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, NegativeDelayFiresAtTheNextTick) {
    TimerWheel wheel{kStart};
    TestTimer timer;
    wheel.schedule(timer, kStart, milliseconds{-5});
    wheel.advance(kStart);
    EXPECT_EQ(timer.fired, 0);
    wheel.advance(kStart + TimerWheel::kTick);
    EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, CancelAndDestructionUnschedule) {
    TimerWheel wheel{kStart};
    TestTimer cancelled;
    wheel.schedule(cancelled, kStart, milliseconds{50});
    {
        TestTimer destroyed;
        wheel.schedule(destroyed, kStart, milliseconds{50});
    }
    TimerWheel::cancel(cancelled);
    EXPECT_EQ(wheel.next_deadline(), std::nullopt);
    wheel.advance(kStart + milliseconds{100});
    EXPECT_EQ(cancelled.fired, 0);
}

TEST(TimerWheel, ReschedulingMovesATimer) {
    TimerWheel wheel{kStart};
    TestTimer timer;
    wheel.schedule(timer, kStart, milliseconds{50});
    wheel.schedule(timer, kStart, milliseconds{500});
    wheel.advance(kStart + milliseconds{200});
    EXPECT_EQ(timer.fired, 0);
    wheel.advance(kStart + milliseconds{600});
    EXPECT_EQ(timer.fired, 1);
}

TEST(TimerWheel, OnTimeoutMayScheduleAndCancelOthersOfTheSameTick) {
    TimerWheel wheel{kStart};
    TestTimer victim;
    TestTimer later;
    TestTimer first{[&] {
        TimerWheel::cancel(victim);
        wheel.schedule(later, kStart, milliseconds{0});
    }};
    wheel.schedule(first, kStart, milliseconds{20});
    wheel.schedule(victim, kStart, milliseconds{20});
    wheel.advance(kStart + milliseconds{32});
    EXPECT_EQ(first.fired, 1);
    EXPECT_EQ(victim.fired, 0);
    EXPECT_EQ(later.fired, 0) << "a rescheduled timer must wait for a later tick";
    wheel.advance(kStart + milliseconds{48});
    EXPECT_EQ(later.fired, 1);
}

// Against the obvious implementation: every timer fires in its window, whatever the steps.
TEST(TimerWheel, RandomSchedulesFireInTheirWindow) {
    for (unsigned seed = 0; seed < 30; ++seed) {
        std::mt19937_64 random{seed};
        TimerWheel wheel{kStart};
        TimePoint now = kStart;
        struct Entry {
            TestTimer timer;
            TimePoint due;
            bool pending = false;
        };
        std::vector<std::unique_ptr<Entry>> entries;
        for (int count = 0; count < 50; ++count) {
            entries.push_back(std::make_unique<Entry>());
        }
        for (int step = 0; step < 2000; ++step) {
            Entry& entry = *entries[random() % entries.size()];
            const milliseconds delay{random() % (std::uint64_t{1} << (random() % 27))};
            if (random() % 4 == 0) {
                TimerWheel::cancel(entry.timer);
                entry.pending = false;
            } else {
                wheel.schedule(entry.timer, now, delay);
                entry.due = now + delay;
                entry.pending = true;
            }
            now += milliseconds{random() % (std::uint64_t{1} << (random() % 20))};
            wheel.advance(now);
            for (const auto& each : entries) {
                const bool fired = each->timer.fired != 0;
                each->timer.fired = 0;
                if (fired) {
                    ASSERT_TRUE(each->pending) << "seed " << seed;
                    ASSERT_GE(now, each->due) << "seed " << seed;
                    each->pending = false;
                } else if (each->pending) {
                    ASSERT_LT(now, each->due + TimerWheel::kTick) << "seed " << seed;
                }
            }
        }
    }
}

}  // namespace
}  // namespace tandem::relay
