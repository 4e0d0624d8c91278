// Two nodes, a network for each virtual router, and chaos from one seed: the same seed gives the
// same run, always.
#pragma once

#include "tests/simulation/checkers.hpp"
#include "tests/simulation/scenario.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace tandem::simulation {

struct Result {
    /// Empty: everything held.
    std::string failure;
    /// The last events before the failure, for people.
    std::vector<std::string> history;
    Counts counts;
};

/// One run: `steps` random faults and orders, in rounds; after each round everything is healed and
/// exactly one node must be active soon, then a failover between the healthy nodes must be clean.
Result run(std::uint64_t seed, unsigned steps);

class World final : public Observer {
  public:
    /// @param keep_history a run with it takes twice as long.
    World(std::uint64_t seed, bool keep_history);
    Result run(unsigned steps);

  private:
    bool on_send(const InstanceSettings& from, std::uint8_t priority) override;
    void on_transition(const InstanceSettings& where, const vrrp::StateChanged& change) override;
    void on_violation(std::size_t node, const std::string& what) override;
    void on_note(std::size_t node, const std::string& what) override;

    void fail(const std::string& what);
    void advance(Duration time);
    void check(TimePoint now);
    void disturbed();
    void note(const std::string& text);
    Duration random_wait();
    [[nodiscard]] bool possible(unsigned fault) const { return (scenario_.faults & fault) != 0; }
    [[nodiscard]] std::size_t routers() const { return networks_.size(); }

    void chaos_step();
    void disturb_network(Network& network);
    void disturb_host(Node& node);
    void disturb_tracking(Node& node);
    void set_link(Node& node, std::size_t router, bool up);
    void order(Node& node);
    void take_back(Node& node);

    void heal();
    void heal_tracking(Node& node);
    void await_leftovers();
    void demand_convergence();
    void demand_right_node(std::size_t router, std::size_t winner);
    void demand_clean_failover();
    void demand_stability(const std::string& when);
    [[nodiscard]] std::optional<std::size_t> only_active(std::size_t router) const;
    [[nodiscard]] std::optional<std::size_t> only_active_everywhere() const;
    [[nodiscard]] std::uint64_t overlaps() const;

    Random random_;
    bool keep_history_;
    Scheduler scheduler_;
    Scenario scenario_;
    Nodes nodes_;
    Networks networks_;
    std::vector<RouterChecker> router_checkers_;
    std::vector<NodeChecker> node_checkers_;
    std::optional<std::string> failure_;
    Counts counts_;
    std::deque<std::string> history_;
    std::uint64_t transitions_ = 0;
    /// Until then a node may let any peer be: its acquisition or its advertisements failed.
    TimePoint defers_until_{};
};

}  // namespace tandem::simulation
