// The timed part of a run: when it began and ended, and the processor time that watched processes
// took meanwhile.
#pragma once

#include "tests/bench/client.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace tandem::bench {

/// Processor time of all threads of processes, by the kernel's clock for each (nanoseconds, not
/// ticks).
class ProcessorClocks {
  public:
    /// Ends the program when a process does not exist. This process itself is added as "load".
    explicit ProcessorClocks(const std::vector<Watched>& watched);

    /// Seconds by name since the start of the processes.
    std::vector<std::pair<std::string, double>> read() const;

  private:
    std::vector<std::pair<std::string, std::vector<clockid_t>>> clocks_;
};

class MeasuredInterval {
  public:
    using Clock = std::chrono::steady_clock;

    explicit MeasuredInterval(const std::vector<Watched>& watched) : clocks_(watched) {}

    void begin(Clock::time_point now);
    void end(Clock::time_point now);
    bool running() const { return running_; }
    double seconds() const { return std::chrono::duration<double>(end_ - begin_).count(); }
    /// Processor seconds by name, between begin and end.
    std::vector<std::pair<std::string, double>> processor_time() const;

  private:
    ProcessorClocks clocks_;
    Clock::time_point begin_;
    Clock::time_point end_;
    std::vector<std::pair<std::string, double>> at_begin_;
    std::vector<std::pair<std::string, double>> at_end_;
    bool running_ = false;
};

}  // namespace tandem::bench
