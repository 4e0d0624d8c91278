// When to run one check of an upstream and what its results mean. Pure.
#pragma once

#include "proxy/relay/config.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace tandem::relay {

/// As keepalived does it: up by default (down with start_down), the first check ever needs only one
/// failure to mark down, later ones `retries` more; `rise` successes in a row mark up.
///
/// Drive it: start(), then at next_deadline() run one attempt and report its result. While an
/// attempt runs there is no deadline. Not thread-safe.
class HealthFsm {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit HealthFsm(const HealthCheckConfig& config)
        : config_(config), up_(!config.start_down) {}

    /// @param warmup drawn by the caller from zero to config.warmup.
    void start(TimePoint now, Milliseconds warmup) { deadline_ = now + warmup; }
    /// The deadline was reached: an attempt starts.
    void on_attempt() { deadline_.reset(); }
    /// @return the new state when it changed.
    std::optional<bool> on_success(TimePoint now);
    std::optional<bool> on_failure(TimePoint now);
    /// The attempt could not be made for a reason of this node (I6): says nothing, tries again
    /// after the interval or a second, whichever is shorter.
    void on_skipped(TimePoint now) {
        deadline_ = now + std::min<Milliseconds>(config_.interval, std::chrono::seconds{1});
    }

    [[nodiscard]] std::optional<TimePoint> next_deadline() const { return deadline_; }
    [[nodiscard]] bool up() const { return up_; }

  private:
    HealthCheckConfig config_;
    std::optional<TimePoint> deadline_;
    unsigned failures_ = 0;
    unsigned successes_ = 0;
    bool up_;
    bool first_ = true;
};

}  // namespace tandem::relay
