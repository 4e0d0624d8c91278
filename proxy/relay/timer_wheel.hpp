// Hierarchical timer wheel: any number of coarse timeouts for the price of one clock. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <boost/intrusive/list.hpp>

namespace tandem::relay {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

/// Something with a timeout. Derive, schedule() it in a wheel, implement on_timeout(). Destroying
/// or unlinking a scheduled timer cancels it.
class Timer : public boost::intrusive::list_base_hook<
                  boost::intrusive::tag<Timer>,
                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    /// Not scheduled any more when this is called; may schedule itself or any other timer again.
    virtual void on_timeout() = 0;

  protected:
    ~Timer() = default;

  private:
    friend class TimerWheel;
    std::uint64_t expiry_tick_ = 0;
};

/// Timeouts in ticks of 16 ms; a timer fires up to one tick late and never early. Four levels of
/// 64 slots cover 73 hours, longer delays are cut to that. schedule() and cancel() are O(1).
///
/// Drive it: sleep until next_deadline(), call advance(now). Early and late calls are harmless.
/// Cancelled timers may leave a deadline at which nothing fires. Not thread-safe.
class TimerWheel {
  public:
    static constexpr std::chrono::milliseconds kTick{16};

    explicit TimerWheel(TimePoint start) : start_(start) {}

    /// (Re)schedules; a delay of zero or less fires at the next tick.
    void schedule(Timer& timer, TimePoint now, Clock::duration delay);
    static void cancel(Timer& timer) { timer.unlink(); }
    /// Fires everything that is due, in the order of ticks.
    void advance(TimePoint now);
    /// When advance() has something to do; nullopt: nothing is scheduled.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

  private:
    static constexpr unsigned kLevels = 4;
    static constexpr unsigned kSlotBits = 6;
    static constexpr std::size_t kSlots = std::size_t{1} << kSlotBits;
    using Slot = boost::intrusive::list<Timer, boost::intrusive::base_hook<Timer>,
                                        boost::intrusive::constant_time_size<false>>;

    [[nodiscard]] std::uint64_t tick_at(TimePoint when) const;
    [[nodiscard]] std::optional<std::uint64_t> next_tick() const;
    void insert(Timer& timer);
    void run_tick();

    TimePoint start_;
    /// Every timer of this tick and before has fired.
    std::uint64_t now_tick_ = 0;
    std::array<std::array<Slot, kSlots>, kLevels> levels_;
};

}  // namespace tandem::relay
