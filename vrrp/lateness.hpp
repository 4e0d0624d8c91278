// How late the timers of the election ran: fixed memory, no allocation, pure.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::vrrp {

/// What is told of a set of lateness values. All zero when there are none.
struct LatenessSummary {
    std::uint64_t count = 0;
    std::chrono::microseconds sum{};
    /// Half, 99 % and 99.9 % of the values are at most this. Rounded up to the histogram's next
    /// bound, by no more than a sixteenth, and never above `max`.
    std::chrono::microseconds p50{};
    std::chrono::microseconds p99{};
    std::chrono::microseconds p999{};
    std::chrono::microseconds max{};
    friend bool operator==(const LatenessSummary&, const LatenessSummary&) = default;
};

/// Histogram with buckets that grow with the value: exact below 16 µs, then 16 buckets to each
/// doubling, up to kLimit. Values above it are counted as kLimit; `max` and `sum` stay exact.
class LatenessHistogram {
  public:
    static constexpr unsigned kLimitBits = 27;
    static constexpr std::chrono::microseconds kLimit{(1U << kLimitBits) - 1};  ///< 134 s

    /// A negative value, of a timer that ran early, counts as zero.
    void add(std::chrono::microseconds lateness);
    void add(const LatenessHistogram& other);
    void clear();
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] LatenessSummary summary() const;

  private:
    static constexpr unsigned kSubBits = 4;
    static constexpr std::size_t kPerDoubling = std::size_t{1} << kSubBits;
    static constexpr std::size_t kBuckets = (kLimitBits - kSubBits + 1) * kPerDoubling;
    static std::size_t bucket_of(std::uint64_t value);
    static std::uint64_t last_value_of(std::size_t bucket);
    /// @param share in ten thousandths.
    [[nodiscard]] std::chrono::microseconds quantile(std::uint64_t share) const;

    std::array<std::uint64_t, kBuckets> buckets_{};
    std::uint64_t count_ = 0;
    std::chrono::microseconds sum_{};
    std::chrono::microseconds max_{};
};

/// Lateness since the start and of recent time. One writer; not thread-safe. About 10 KiB.
class Lateness {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    /// recent() looks back between one and two of these.
    static constexpr std::chrono::seconds kWindow{60};

    /// @param now monotonic; when the timer ran.
    void add(std::chrono::microseconds lateness, TimePoint now);
    [[nodiscard]] LatenessSummary total() const { return total_.summary(); }
    [[nodiscard]] LatenessSummary recent(TimePoint now) const;

  private:
    LatenessHistogram total_;
    /// Of the window that began at window_start_, and of the one before it.
    LatenessHistogram current_;
    LatenessHistogram previous_;
    TimePoint window_start_ = TimePoint::min();
};

}  // namespace tandem::vrrp
