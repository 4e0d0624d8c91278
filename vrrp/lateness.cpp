#include "vrrp/lateness.hpp"

#include <algorithm>
#include <bit>

namespace tandem::vrrp {

using std::chrono::microseconds;

void LatenessHistogram::add(microseconds lateness) {
    lateness = std::max(lateness, microseconds::zero());
    ++buckets_[bucket_of(static_cast<std::uint64_t>(std::min(lateness, kLimit).count()))];
    ++count_;
    sum_ += lateness;
    max_ = std::max(max_, lateness);
}

void LatenessHistogram::add(const LatenessHistogram& other) {
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
        buckets_[bucket] += other.buckets_[bucket];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
}

void LatenessHistogram::clear() {
    *this = {};
}

std::size_t LatenessHistogram::bucket_of(std::uint64_t value) {
    if (value < kPerDoubling) {
        return value;
    }
    // The highest kSubBits + 1 bits of the value; the first of them is always set.
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - kSubBits - 1;
    return shift * kPerDoubling + (value >> shift);
}

std::uint64_t LatenessHistogram::last_value_of(std::size_t bucket) {
    if (bucket < 2 * kPerDoubling) {
        return bucket;
    }
    const std::size_t shift = bucket / kPerDoubling - 1;
    const std::uint64_t first = (kPerDoubling + bucket % kPerDoubling) << shift;
    return first + (std::uint64_t{1} << shift) - 1;
}

microseconds LatenessHistogram::quantile(std::uint64_t share) const {
    constexpr std::uint64_t kWhole = 10'000;
    const std::uint64_t rank = (count_ * share + kWhole - 1) / kWhole;
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
        seen += buckets_[bucket];
        if (seen >= rank) {
            return std::min(microseconds{last_value_of(bucket)}, max_);
        }
    }
    return max_;
}

LatenessSummary LatenessHistogram::summary() const {
    if (count_ == 0) {
        return {};
    }
    return {.count = count_,
            .sum = sum_,
            .p50 = quantile(5'000),
            .p99 = quantile(9'900),
            .p999 = quantile(9'990),
            .max = max_};
}

void Lateness::add(microseconds lateness, TimePoint now) {
    // Once a minute; a gap of two windows or more leaves nothing recent.
    if (window_start_ == TimePoint::min() || now - window_start_ >= kWindow) {
        const bool adjacent =
            window_start_ != TimePoint::min() && now - window_start_ < 2 * kWindow;
        if (adjacent) {
            previous_ = current_;
            window_start_ += kWindow;
        } else {
            previous_.clear();
            window_start_ = now;
        }
        current_.clear();
    }
    total_.add(lateness);
    current_.add(lateness);
}

LatenessSummary Lateness::recent(TimePoint now) const {
    if (window_start_ == TimePoint::min() || now - window_start_ >= 2 * kWindow) {
        return {};
    }
    if (now - window_start_ >= kWindow) {
        return current_.summary();
    }
    LatenessHistogram both = previous_;
    both.add(current_);
    return both.summary();
}

}  // namespace tandem::vrrp
