// What must hold at every moment of a simulation, whatever happens. The bounds are the ones that
// the project promises; vrrp/README.md states them for readers.
#pragma once

#include "tests/simulation/network.hpp"
#include "tests/simulation/node.hpp"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace tandem::simulation {

using Nodes = std::array<std::unique_ptr<Node>, 2>;
/// One for each virtual router.
using Networks = std::vector<std::unique_ptr<Network>>;
using Fail = std::function<void(const std::string& what)>;

struct Bounds {
    /// The longer of the two advertisement intervals.
    Duration interval{};
    /// The longest active down interval either node can have, whichever interval it learned and
    /// whatever its priority is.
    Duration active_down{};
    /// One way over a network without faults.
    Duration delay{};
    Duration acquire{};
    Duration release{};
    Duration preempt_delay{};
    Duration startup_delay{};
    /// A node leaves a lower claim unanswered until its next advertisement.
    bool unanswered = false;
    bool same_intervals = true;
    /// An owner may hear another one, or a stranger's forgery, that goes on: then it says 254.
    bool owner_gives_in = false;
    /// One of two owners ignores the other.
    bool stubborn_owner = false;
    /// A removal may outlast the active down interval.
    bool slow_release = false;

    /// Two claims in a network without faults, a preemption for instance: the better claim reaches
    /// the other node directly or as an answer, at most a tenth of an interval late, which then
    /// takes its addresses off.
    [[nodiscard]] Duration overlap() const {
        // Three advertisements of the other owner.
        const Duration patience = stubborn_owner ? interval * 3 : Duration{};
        return 2 * delay + acquire + release + (unanswered ? interval : interval / 10) + patience;
    }
    /// How long an instance may need to leave: an acquisition under way ends first.
    [[nodiscard]] Duration leave() const { return acquire + release; }
};

struct Counts {
    std::uint64_t claims = 0;
    std::uint64_t overlaps = 0;
    std::uint64_t group_claims = 0;
    std::uint64_t faults = 0;
    Duration longest_overlap{};
    Duration longest_silence{};
    Duration longest_apart{};

    void add(const Counts& other);
};

/// One virtual router: the instances of both nodes. I1, I2, and who may claim.
class RouterChecker {
  public:
    RouterChecker(const Nodes& nodes, std::size_t router, const Networks& networks,
                  const Bounds& bounds, Fail fail, Counts& counts);

    /// Time is about to move to `now`; until then everything stayed as it is.
    void check(TimePoint now);
    void on_transition(std::size_t node, const vrrp::StateChanged& change, TimePoint now);
    /// A fault, a repair or an order of the operator: what the bounds are measured from.
    void on_disturbance(TimePoint now) { last_disturbance_ = now; }
    /// The link of a node changed: to the other node that is a network fault that ended now.
    void on_link_change(TimePoint now) { last_link_change_ = now; }

    [[nodiscard]] bool dual() const { return instance(0).answers() && instance(1).answers(); }
    [[nodiscard]] bool answered() const { return instance(0).answers() || instance(1).answers(); }
    [[nodiscard]] std::uint64_t overlaps() const { return overlaps_; }

  private:
    [[nodiscard]] const Instance& instance(std::size_t node) const {
        return nodes_.at(node)->instance(router_);
    }
    [[nodiscard]] const Network& network() const { return *networks_.at(router_); }
    [[nodiscard]] bool concerns(std::size_t router) const {
        return router == router_ || nodes_[0]->grouped();
    }
    void check_one_answers(TimePoint now);
    void check_somebody_answers(TimePoint now);
    void check_claim(std::size_t node, vrrp::Reason reason, TimePoint now);
    void check_preemption(std::size_t node, vrrp::Reason reason, TimePoint now);
    [[nodiscard]] TimePoint overlap_allowed_until() const;
    [[nodiscard]] TimePoint quiet_since() const;

    const Nodes& nodes_;
    std::size_t router_;
    const Networks& networks_;
    const Bounds& bounds_;
    Fail fail_;
    Counts& counts_;
    TimePoint last_disturbance_{};
    TimePoint last_link_change_{};
    bool dual_ = false;
    TimePoint dual_since_{};
    std::uint64_t overlaps_ = 0;
    std::optional<TimePoint> silent_since_;
    TimePoint last_check_{};
    std::array<TimePoint, 2> healthy_since_{};
    std::array<bool, 2> was_healthy_{};
    std::array<TimePoint, 2> started_{};
    std::array<std::optional<TimePoint>, 2> active_since_{};
    std::array<TimePoint, 2> last_claim_{};
};

/// One node: tracking, sync group, and that an active instance keeps saying so.
class NodeChecker {
  public:
    NodeChecker(const Node& node, const Bounds& bounds, Fail fail, Counts& counts);

    void check(TimePoint now);
    void on_transition(std::size_t router, const vrrp::StateChanged& change, TimePoint now);
    void on_send(std::size_t router, std::uint8_t priority);

  private:
    void check_fault(std::size_t router, TimePoint now);
    void check_pace(std::size_t router, TimePoint now);
    void check_group(TimePoint now);
    [[nodiscard]] bool up(const Instance& instance) const;

    const Node& node_;
    const Bounds& bounds_;
    Fail fail_;
    Counts& counts_;
    TimePoint last_check_{};
    std::vector<std::optional<TimePoint>> faulty_since_;
    std::optional<TimePoint> apart_since_;
};

}  // namespace tandem::simulation
