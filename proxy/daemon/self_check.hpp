// Whether this node can serve at all, judged from inside. Pure.
//
// Drive it: observe() about every kInterval with what is true now; it answers with what counts as
// a fault. What comes and goes does not make the node flap: a condition counts when it has lasted,
// and stops counting when it has been absent for a while, longer each time it comes back soon. Time
// in which nobody observed, because the whole process stood still, does not count.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tandem::daemon {

/// What is true now for one instance.
struct SelfFacts {
    /// Every relay worker has answered the last question.
    bool workers_answer = true;
    /// errno of accept() of some service; zero: none fails.
    int accept_error = 0;
    std::string failing_service;
    /// Not one upstream of any service can be reached.
    bool no_upstream = false;
};

struct SelfVerdict {
    /// For people, with what to do; each keeps the node out of the election.
    std::vector<std::string> faults;
    /// Counts less than a fault: where the peer is no better off, this node goes on.
    bool no_upstream = false;
    friend bool operator==(const SelfVerdict&, const SelfVerdict&) = default;
};

class SelfCheck {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds kInterval{100};
    /// A worker that does not answer for so long is stalled.
    static constexpr std::chrono::milliseconds kSilence{1000};
    /// A shortage of descriptors or memory, or no upstream: counts after so long.
    static constexpr std::chrono::milliseconds kPatience{2000};
    /// Absent for so long: no longer a fault; twice as long each time it is back within
    /// kLongestAbsence, up to that.
    static constexpr std::chrono::seconds kAbsence{5};
    static constexpr std::chrono::seconds kLongestAbsence{60};

    SelfVerdict observe(const SelfFacts& facts, TimePoint now);

  private:
    /// One condition with its memory.
    class Condition {
      public:
        /// @return whether it counts.
        bool update(bool present, std::chrono::milliseconds patience, TimePoint now);

      private:
        std::optional<TimePoint> present_since_;
        std::optional<TimePoint> absent_since_;
        std::optional<TimePoint> cleared_;
        std::chrono::seconds absence_ = kAbsence;
        bool counts_ = false;
    };

    /// Time observed; between two observations it goes on by two intervals at most.
    TimePoint observed_;
    std::optional<TimePoint> last_;
    Condition stalled_;
    Condition accept_;
    Condition no_upstream_;
    std::string accept_text_;
};

}  // namespace tandem::daemon
