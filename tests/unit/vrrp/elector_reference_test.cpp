// The elector against a second one, written from the text of RFC 9568 section 6.4 and RFC 3768
// section 6.4 alone, on random streams of events. Of the extensions the reference knows those that
// change a decision of these sections: preempt_delay, lower_prio_no_advert, owner_ignore_adverts,
// priorities that change, the bounds of a learned interval and of answers, and an owner that gives
// in to another one.
#include "tests/unit/vrrp/elector_fixture.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

/// Section 6.4 with times as plain microseconds; -1: timer not running.
struct Reference {
    int version, priority;
    bool preempt;
    std::int64_t own_interval;
    std::uint32_t address;
    bool answers_lower = true;
    bool owner_listens = true;
    std::int64_t preempt_delay = 0;

    enum { kInitialize, kBackup, kActive } state = kInitialize;
    std::int64_t interval = 0, timer = -1, preempt_from = -1;
    std::int64_t answered = -1, rival_first = -1, rival_last = -1;
    bool owner = priority == 255;
    int rivals = 0;
    bool owes_answer = false;
    std::vector<int> sent{};

    std::int64_t skew() const {
        return (256 - priority) * (version == 2 ? 1'000'000 : interval) / 256;
    }
    std::int64_t down() const { return 3 * interval + skew(); }
    void send(int value, std::int64_t now) {
        sent.push_back(value);
        timer = now + own_interval;
    }
    void become_active(std::int64_t now) {
        interval = own_interval;
        answered = rival_first = -1;
        owes_answer = false;
        send(priority, now);
        state = kActive;
    }
    /// A tenth of an interval apart at least; what comes sooner shares the next one.
    void answer(std::int64_t now) {
        const std::int64_t next = answered < 0 ? now : answered + own_interval / 10;
        owes_answer = now < next;
        if (owes_answer) {
            timer = std::min(timer, next);
        } else {
            answered = now;
            send(priority, now);
        }
    }
    /// The third advertisement in a row of another owner, 1.2 of the longer interval after the
    /// first.
    bool gives_in(int theirs, std::int64_t their_interval, std::int64_t now) {
        if (theirs != 255 || priority != 255) {
            return false;
        }
        const std::int64_t patience =
            6 * std::max(own_interval, std::min(their_interval, 10 * own_interval)) / 5;
        if (rival_first < 0 || now - rival_last > 2 * patience) {
            rival_first = now;
            rivals = 0;
        }
        rival_last = now;
        return ++rivals > 2 && now - rival_first >= patience;
    }
    void startup(std::int64_t now) {
        if (state != kInitialize) {
            return;
        }
        interval = own_interval;
        priority = owner ? 255 : priority;
        if (priority == 255) {
            become_active(now);
        } else {
            back_up(now);
        }
    }
    void back_up(std::int64_t now) {
        state = kBackup;
        preempt_from = -1;
        timer = now + down();
    }
    void learn(std::int64_t theirs) {
        interval =
            version == 3 ? std::clamp(theirs, own_interval / 10, own_interval * 10) : own_interval;
    }
    void change_priority(int value, std::int64_t now) {
        if (owner) {
            return;
        }
        const std::int64_t before = skew();
        priority = value;
        if (state == kBackup) {
            timer = std::max(now, timer + skew() - before);
        }
    }
    /// Whether a lower priority is left alone for now because of the delay.
    bool delays(std::int64_t now) {
        if (preempt_delay > 0 && preempt_from < 0) {
            preempt_from = now + preempt_delay;
        }
        return preempt_delay > 0 && now < preempt_from;
    }
    void shutdown() {
        if (state == kActive) {
            sent.push_back(0);
        }
        state = kInitialize;
        timer = -1;
    }
    void fire(std::int64_t now) {
        if (state == kActive && owes_answer) {
            answer(now);
        } else if (state == kActive) {
            send(priority, now);
        } else if (state == kBackup) {
            become_active(now);
        }
    }
    void hear(int theirs, std::uint32_t from, std::int64_t their_interval, std::int64_t now) {
        if (priority == 255 && !owner_listens) {
            return;
        }
        if (state == kBackup && theirs == 0) {
            preempt_from = -1;
            timer = std::min(timer, now + skew());  // the one deviation: never later
        } else if (state == kBackup) {
            const bool lower = theirs < priority;
            preempt_from = lower ? preempt_from : -1;
            if (lower && (preempt || owner) && !delays(now)) {
                return;
            }
            learn(their_interval);
            timer = now + down();
        } else if (state == kActive && theirs == 0) {
            answer(now);
        } else if (state == kActive &&
                   (theirs > priority || (theirs == priority && from > address))) {
            learn(their_interval);
            back_up(now);
        } else if (state == kActive && gives_in(theirs, their_interval, now)) {
            priority = 254;
            learn(their_interval);
            back_up(now);
        } else if (state == kActive && answers_lower) {
            answer(now);
        }
    }
};

class RandomStream {
  public:
    explicit RandomStream(unsigned seed) : random_(seed) {}

    void run() {
        const InstanceConfig config = make_random_config();
        Elector elector(config);
        Reference reference{static_cast<int>(config.version),
                            config.priority,
                            config.preempt,
                            config.advertisement_interval.count(),
                            config.source_address->to_v4().to_uint(),
                            !config.lower_priority_no_advert,
                            !config.owner_ignores_adverts,
                            config.preempt_delay.count()};
        std::int64_t now = 1'000'000;
        for (int step = 0; step < 300; ++step) {
            reference.sent.clear();
            sent_.clear();
            now = next_time(reference.timer, now);
            if (reference.timer == now) {
                reference.fire(now);
                execute(elector, elector.on_deadline(at(now)), at(now));
            } else {
                feed(elector, reference, now);
            }
            ASSERT_EQ(sent_, reference.sent) << "step " << step;
            ASSERT_EQ(static_cast<int>(elector.state()), static_cast<int>(reference.state));
            const auto next = elector.next_deadline();
            ASSERT_EQ(next ? next->time_since_epoch() / std::chrono::microseconds{1} : -1,
                      reference.timer)
                << "step " << step;
        }
    }

  private:
    static TimePoint at(std::int64_t now) { return TimePoint{std::chrono::microseconds{now}}; }
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

    InstanceConfig make_random_config() {
        constexpr std::uint8_t kPriorities[] = {1, 100, 100, 101, 254, 255};
        InstanceConfig config = test::make_config(kPriorities[below(6)]);
        config.version = below(2) == 0 ? Version::V2 : Version::V3;
        config.preempt = below(2) == 0;
        config.advertisement_interval = std::chrono::seconds{1 + below(3)};
        config.lower_priority_no_advert = below(3) == 0;
        config.owner_ignores_adverts = below(3) == 0;
        config.preempt_delay = std::chrono::seconds{below(3) == 0 ? 10 * below(3) : 0};
        return config;
    }

    /// Either exactly when the timer fires, or somewhere before.
    std::int64_t next_time(std::int64_t timer, std::int64_t now) {
        if (timer < 0) {
            return now + static_cast<std::int64_t>(below(2'000'000));
        }
        return below(3) == 0 ? timer
                             : now + static_cast<std::int64_t>(
                                         below(static_cast<std::uint64_t>(timer - now) + 1));
    }

    void feed(Elector& elector, Reference& reference, std::int64_t now) {
        constexpr std::uint8_t kPriorities[] = {0, 0, 1, 50, 100, 100, 101, 200, 254, 255};
        switch (below(13)) {
            case 0:
                reference.startup(now);
                execute(elector, elector.on_startup(at(now)), at(now));
                break;
            case 1:
                reference.shutdown();
                execute(elector, elector.on_shutdown(at(now)), at(now));
                break;
            case 2: {
                const auto priority = static_cast<std::uint8_t>(1 + below(254));
                reference.change_priority(priority, now);
                execute(elector, elector.on_priority(priority, at(now)), at(now));
                break;
            }
            default: {
                ReceivedAdvertisement advert = test::make_advert(
                    kPriorities[below(10)], below(2) == 0 ? "198.51.100.10" : "198.51.100.200");
                advert.interval = std::chrono::milliseconds{10 * (1 + below(300))};
                reference.hear(advert.priority, advert.source.to_v4().to_uint(),
                               advert.interval.count(), now);
                execute(elector, elector.on_advertisement(advert, at(now)), at(now));
            }
        }
    }

    /// Address operations succeed at once.
    void execute(Elector& elector, const Actions& actions, TimePoint now) {
        for (const Action& action : actions) {
            if (const auto* advert = std::get_if<SendAdvertisement>(&action)) {
                sent_.push_back(advert->priority);
            } else if (std::holds_alternative<AcquireAddresses>(action)) {
                execute(elector, elector.on_addresses_acquired(true, now), now);
            } else if (std::holds_alternative<ReleaseAddresses>(action)) {
                execute(elector, elector.on_addresses_released(now), now);
            }
        }
    }

    std::mt19937 random_;
    std::vector<int> sent_;
};

TEST(ElectorReference, RandomStreamsAgree) {
    for (unsigned seed = 1; seed <= 2000; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        RandomStream(seed).run();
        if (HasFatalFailure()) {
            return;
        }
    }
}

}  // namespace
}  // namespace tandem::vrrp
