#include "proxy/relay/timer_wheel.hpp"

#include <algorithm>

namespace tandem::relay {

std::uint64_t TimerWheel::tick_at(TimePoint when) const {
    return when <= start_ ? 0 : static_cast<std::uint64_t>((when - start_) / kTick);
}

void TimerWheel::schedule(Timer& timer, TimePoint now, Clock::duration delay) {
    constexpr std::uint64_t kLongest = (kSlots - 1) << (kSlotBits * (kLevels - 1));
    timer.unlink();
    // Cut the delay first: a huge one added to the clock would overflow.
    const auto bounded = std::min<Clock::duration>(std::max(delay, Clock::duration::zero()),
                                                   kTick * static_cast<std::int64_t>(kLongest));
    // One tick more than the rounded-down moment: late is allowed, early is not.
    const std::uint64_t due = tick_at(now + bounded) + 1;
    timer.expiry_tick_ = std::clamp(due, now_tick_ + 1, now_tick_ + kLongest);
    insert(timer);
}

// A timer lives on the lowest level on which its slot is less than one round ahead of now.
void TimerWheel::insert(Timer& timer) {
    unsigned level = 0;
    while (level + 1 < kLevels &&
           (timer.expiry_tick_ >> (kSlotBits * level)) - (now_tick_ >> (kSlotBits * level)) >=
               kSlots) {
        ++level;
    }
    levels_[level][(timer.expiry_tick_ >> (kSlotBits * level)) % kSlots].push_back(timer);
}

std::optional<std::uint64_t> TimerWheel::next_tick() const {
    std::optional<std::uint64_t> earliest;
    for (unsigned level = 0; level < kLevels; ++level) {
        const unsigned shift = kSlotBits * level;
        const std::uint64_t current = now_tick_ >> shift;
        for (std::uint64_t ahead = 1; ahead < kSlots; ++ahead) {
            if (!levels_[level][(current + ahead) % kSlots].empty()) {
                const std::uint64_t tick = (current + ahead) << shift;
                earliest = std::min(earliest.value_or(tick), tick);
                break;
            }
        }
    }
    return earliest;
}

std::optional<TimePoint> TimerWheel::next_deadline() const {
    const auto tick = next_tick();
    if (!tick) {
        return std::nullopt;
    }
    return start_ + kTick * static_cast<std::int64_t>(*tick);
}

void TimerWheel::advance(TimePoint now) {
    const std::uint64_t target = tick_at(now);
    while (now_tick_ < target) {
        const auto next = next_tick();
        if (!next || *next > target) {
            now_tick_ = target;
            return;
        }
        now_tick_ = *next;
        run_tick();
    }
}

void TimerWheel::run_tick() {
    // First bring down what the higher levels hold for this tick, then fire.
    for (unsigned level = kLevels - 1; level > 0; --level) {
        const unsigned shift = kSlotBits * level;
        if (now_tick_ % (std::uint64_t{1} << shift) == 0) {
            Slot moving;
            moving.swap(levels_[level][(now_tick_ >> shift) % kSlots]);
            while (!moving.empty()) {
                Timer& timer = moving.front();
                timer.unlink();
                insert(timer);
            }
        }
    }
    Slot& due = levels_[0][now_tick_ % kSlots];
    while (!due.empty()) {
        Timer& timer = due.front();
        timer.unlink();
        timer.on_timeout();
    }
}

}  // namespace tandem::relay
