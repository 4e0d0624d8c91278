// Virtual time: a queue of calls ordered by time, then by order of scheduling.
#pragma once

#include "vrrp/elector.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace tandem::simulation {

using vrrp::Duration;
using vrrp::TimePoint;

class Scheduler {
  public:
    [[nodiscard]] TimePoint now() const { return now_; }

    void at(TimePoint when, std::function<void()> call) {
        queue_.emplace(std::pair{std::max(when, now_), sequence_++}, std::move(call));
    }
    void after(Duration delay, std::function<void()> call) { at(now_ + delay, std::move(call)); }

    /// Runs everything due until `end`, calling `before` whenever time is about to
    /// move; stops early when `stop` says so.
    template <typename Before, typename Stop>
    void run_until(TimePoint end, Before before, Stop stop) {
        while (!queue_.empty() && queue_.begin()->first.first <= end && !stop()) {
            auto node = queue_.extract(queue_.begin());
            if (node.key().first > now_) {
                before(node.key().first);
                now_ = node.key().first;
            }
            node.mapped()();
        }
        if (!stop()) {
            before(end);
            now_ = std::max(now_, end);
        }
    }

  private:
    TimePoint now_{};
    std::uint64_t sequence_ = 0;
    std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> queue_;
};

}  // namespace tandem::simulation
