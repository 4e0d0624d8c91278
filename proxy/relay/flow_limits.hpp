// What a flow keeps beside itself when its service limits its rate, its age or its client.
#pragma once

#include "proxy/relay/client_table.hpp"
#include "proxy/relay/limits_config.hpp"
#include "proxy/relay/timer_wheel.hpp"
#include "proxy/relay/token_bucket.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace tandem::relay {

class Flow;

/// Calls a function of a flow when it fires.
class FlowTimer final : public Timer {
  public:
    using Action = void (Flow::*)();
    FlowTimer(Flow& flow, Action action) : flow_(flow), action_(action) {}
    void on_timeout() override { (flow_.*action_)(); }

  private:
    Flow& flow_;
    const Action action_;
};

/// Bytes per second of one direction; zero: no limit. Pure. A direction that has used up its bytes
/// pauses until a thirtieth of a second's worth is there (at least one byte): not a system call for
/// every byte, and no burst that anybody notices. What a late timer misses is kept for an eighth of
/// a second.
class ByteRate {
  public:
    ByteRate(std::uint64_t bytes_per_second, TimePoint now)
        : rate_{std::max<std::uint64_t>(bytes_per_second, 1), bytes_per_second / 8 + 2},
          limited_(bytes_per_second != 0),
          bucket_(rate_, now) {}

    [[nodiscard]] bool limited() const { return limited_; }
    /// Bytes that may move now.
    [[nodiscard]] std::size_t allowance(TimePoint now) {
        return limited_ ? bucket_.available(rate_, now) : std::numeric_limits<std::size_t>::max();
    }
    /// @pre bytes <= what allowance() said last.
    void spend(std::size_t bytes) {
        if (limited_) {
            bucket_.take(bytes);
        }
    }
    /// How long to pause when allowance() said zero.
    [[nodiscard]] Clock::duration pause() const {
        return bucket_.wait_for(rate_, std::max<std::uint64_t>(rate_.rate / 30, 1));
    }

  private:
    static_assert(kHighestByteRate <= TokenBucket::kHighest);
    const TokenBucket::Rate rate_;
    const bool limited_;
    TokenBucket bucket_;
};

struct FlowLimits {
    struct Direction {
        ByteRate rate;
        FlowTimer pause;
    };

    /// True: every flow of the service needs this.
    static bool needed(const LimitsConfig& limits) {
        return limits.download_rate != 0 || limits.upload_rate != 0 ||
               limits.max_lifetime.count() != 0 || ClientTable::limits_clients(limits);
    }

    Direction upload;
    Direction download;
    FlowTimer lifetime;
    /// For ClientTable::leave(); null: clients are not counted.
    ClientTable::Client* client = nullptr;
};

}  // namespace tandem::relay
