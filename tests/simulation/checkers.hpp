// What must hold at every moment of a simulation, whatever happens. The bounds are the ones that
// the project promises; vrrp/README.md states them for readers.
#pragma once

#include "tests/simulation/network.hpp"
#include "tests/simulation/node.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace tandem::simulation {

using Nodes = std::array<std::unique_ptr<Node>, 2>;

struct Bounds {
    /// The longer of the two advertisement intervals.
    Duration interval{};
    /// The longest active down interval either node can have, whichever interval it learned.
    Duration active_down{};
    /// One way over a network without faults.
    Duration delay{};
    Duration acquire{};
    Duration release{};

    /// Two claims in a network without faults, a preemption for instance: the better claim reaches
    /// the other node directly or as an answer, which then takes its addresses off.
    [[nodiscard]] Duration overlap() const { return 2 * delay + acquire + release; }
};

class Checkers {
  public:
    Checkers(const Nodes& nodes, const Network& network, const Bounds& bounds, bool same_intervals);

    /// Time is about to move to `now`; until then everything stayed as it is.
    void check(TimePoint now);
    void on_transition(std::size_t node, const vrrp::StateChanged& change, TimePoint now);
    /// A fault, a repair or an order of the operator: what the bounds are measured from.
    void on_disturbance(TimePoint now) { last_disturbance_ = now; }
    /// The link of a node changed: to the other node that is a network fault that ended now.
    void on_link_change(TimePoint now) { last_link_change_ = now; }

    void fail(const std::string& what);
    [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
    [[nodiscard]] bool dual() const;
    [[nodiscard]] bool answered() const;

    struct Counts {
        std::uint64_t claims = 0;
        std::uint64_t overlaps = 0;
        Duration longest_overlap{};
        Duration longest_silence{};
    };
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    void check_one_answers(TimePoint now);
    void check_somebody_answers(TimePoint now);
    void check_claim(std::size_t node, vrrp::Reason reason, TimePoint now);
    [[nodiscard]] TimePoint overlap_allowed_until() const;
    [[nodiscard]] TimePoint quiet_since() const;

    const Nodes& nodes_;
    const Network& network_;
    Bounds bounds_;
    bool same_intervals_;
    TimePoint last_disturbance_{};
    TimePoint last_link_change_{};
    bool dual_ = false;
    std::optional<TimePoint> silent_since_;
    TimePoint last_check_{};
    std::array<TimePoint, 2> healthy_since_{};
    std::array<bool, 2> was_healthy_{};
    std::array<TimePoint, 2> started_{};
    std::array<std::optional<TimePoint>, 2> active_since_{};
    std::array<TimePoint, 2> last_claim_{};
    std::optional<std::string> failure_;
    Counts counts_;
};

}  // namespace tandem::simulation
