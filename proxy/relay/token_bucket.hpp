// Rates: so many bytes or connections per second. Pure, in integers.
#pragma once

#include "proxy/relay/timer_wheel.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>

namespace tandem::relay {

/// A bucket that fills with `rate` tokens per second up to `depth`. Exact: no fraction of a token
/// is lost or gained however often it is asked, and nothing overflows. Not thread-safe.
///
/// Drive it: available(now), then take() at most that many; or wait for wait_for().
class TokenBucket {
  public:
    struct Rate {
        /// Tokens per second, 1..kHighest.
        std::uint64_t rate = 1;
        /// 1..kHighest.
        std::uint64_t depth = 1;
    };
    /// In a second's nanoseconds so many tokens fill without overflow.
    static constexpr std::uint64_t kHighest = 10'000'000'000;

    /// Full at first.
    TokenBucket(const Rate& rate, TimePoint now) : tokens_(rate.depth), filled_(now) {}

    /// Also fills the bucket. A `now` before the last one counts as the last one.
    std::uint64_t available(const Rate& rate, TimePoint now);
    /// @pre count <= what available() said last.
    void take(std::uint64_t count) {
        assert(count <= tokens_);
        tokens_ -= count;
    }
    /// From the last available() on: until `count` tokens are there, if none are taken meanwhile.
    /// Zero: they are. @pre count <= rate.depth
    [[nodiscard]] std::chrono::nanoseconds wait_for(const Rate& rate, std::uint64_t count) const;

  private:
    static constexpr std::uint64_t kSecond = 1'000'000'000;

    std::uint64_t tokens_;
    /// Of a token, in billionths.
    std::uint64_t fraction_ = 0;
    TimePoint filled_;
};

inline std::uint64_t TokenBucket::available(const Rate& rate, TimePoint now) {
    assert(rate.rate >= 1 && rate.rate <= kHighest && rate.depth >= 1 && rate.depth <= kHighest);
    if (now <= filled_) {
        return tokens_;
    }
    const auto elapsed =
        static_cast<std::uint64_t>(std::chrono::nanoseconds{now - filled_}.count());
    filled_ = now;
    const std::uint64_t missing = rate.depth - std::min(tokens_, rate.depth);
    // More seconds than this fill it whatever the rest is.
    if (elapsed / kSecond > missing / rate.rate) {
        tokens_ = rate.depth;
        fraction_ = 0;
        return tokens_;
    }
    const std::uint64_t rest = elapsed % kSecond * rate.rate + fraction_;
    const std::uint64_t gained = elapsed / kSecond * rate.rate + rest / kSecond;
    if (gained >= missing) {
        tokens_ = rate.depth;
        fraction_ = 0;
    } else {
        tokens_ += gained;
        fraction_ = rest % kSecond;
    }
    return tokens_;
}

inline std::chrono::nanoseconds TokenBucket::wait_for(const Rate& rate, std::uint64_t count) const {
    if (tokens_ >= count) {
        return std::chrono::nanoseconds{0};
    }
    const std::uint64_t missing = count - tokens_;
    // Split, because missing * kSecond can overflow.
    const std::uint64_t seconds = missing / rate.rate;
    const std::uint64_t rest = missing % rate.rate * kSecond;
    std::uint64_t nanoseconds = seconds * kSecond;
    if (rest >= fraction_) {
        nanoseconds += (rest - fraction_ + rate.rate - 1) / rate.rate;
    } else {
        nanoseconds -= (fraction_ - rest) / rate.rate;
    }
    return std::chrono::nanoseconds{nanoseconds};
}

/// So many events per second by many threads together: each is given a moment, one `1/rate` after
/// the other, and may come up to a tenth of a second before it. Threads that ask at the same time
/// may each be told to go: then the next ones wait for longer. On average never more than the rate.
/// Without a lock.
class SharedRate {
  public:
    /// @param per_second 1..1 000 000
    explicit SharedRate(unsigned per_second)
        : spacing_((std::int64_t{1'000'000'000} + per_second - 1) / per_second) {}

    /// Zero: one may come now. Else it may come after that long.
    [[nodiscard]] std::chrono::nanoseconds wait(TimePoint now) const {
        const std::int64_t early = next_.load() - count(now) - kEarly;
        return std::chrono::nanoseconds{std::max<std::int64_t>(early, 0)};
    }
    /// One has come.
    void enter(TimePoint now) {
        const std::int64_t moment = count(now);
        std::int64_t next = next_.load();
        while (!next_.compare_exchange_weak(next, std::max(next, moment) + spacing_)) {
        }
    }

  private:
    static constexpr std::int64_t kEarly = 100'000'000;
    static std::int64_t count(TimePoint now) {
        return std::chrono::nanoseconds{now.time_since_epoch()}.count();
    }

    const std::int64_t spacing_;
    std::atomic<std::int64_t> next_{0};
};

}  // namespace tandem::relay
