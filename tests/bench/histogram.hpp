// Counts of durations in buckets that are at most 1/64 wide, so that percentiles of millions of
// values need no list of them. Pure. Not thread-safe.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::bench {

class Histogram {
  public:
    /// A negative duration counts as zero.
    void add(std::chrono::nanoseconds value) {
        const auto count = value.count() < 0 ? 0U : static_cast<std::uint64_t>(value.count());
        ++buckets_.at(index_of(count));
        ++size_;
        largest_ = count > largest_ ? count : largest_;
    }

    std::uint64_t size() const { return size_; }
    std::chrono::nanoseconds max() const { return to_duration(largest_); }

    /// The least bucket limit that is not exceeded by `share` (0 to 1) of all values; zero when
    /// there are none.
    std::chrono::nanoseconds percentile(double share) const {
        const auto wanted = static_cast<double>(size_) * share;
        std::uint64_t seen = 0;
        for (std::size_t index = 0; index < buckets_.size(); ++index) {
            seen += buckets_.at(index);
            if (seen > 0 && static_cast<double>(seen) >= wanted) {
                const std::uint64_t limit = upper_limit(index);
                return to_duration(limit < largest_ ? limit : largest_);
            }
        }
        return {};
    }

  private:
    static constexpr unsigned kPrecisionBits = 6;
    static constexpr std::size_t kLinear = std::size_t{1} << kPrecisionBits;
    static constexpr unsigned kValueBits = 63;

    static std::chrono::nanoseconds to_duration(std::uint64_t value) {
        return std::chrono::nanoseconds{static_cast<std::int64_t>(value)};
    }

    /// Below kLinear one bucket for each value; above, kLinear buckets for each power of two.
    static std::size_t index_of(std::uint64_t value) {
        if (value < kLinear) {
            return static_cast<std::size_t>(value);
        }
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - kPrecisionBits - 1;
        return (shift + 1) * kLinear + static_cast<std::size_t>((value >> shift) - kLinear);
    }

    static std::uint64_t upper_limit(std::size_t index) {
        if (index < kLinear) {
            return index;
        }
        const std::size_t shift = index / kLinear - 1;
        return ((index % kLinear + kLinear + 1) << shift) - 1;
    }

    std::array<std::uint64_t, (kValueBits - kPrecisionBits + 1) * kLinear> buckets_{};
    std::uint64_t size_ = 0;
    std::uint64_t largest_ = 0;
};

}  // namespace tandem::bench
