// Two nodes, a network, and chaos from one seed: the same seed gives the same run, always.
#pragma once

#include "tests/simulation/checkers.hpp"

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
    Checkers::Counts counts;
};

/// One run: `steps` random faults and orders, in rounds; after each round everything is healed and
/// exactly one node must be active soon, then a failover between the healthy nodes must be clean.
Result run(std::uint64_t seed, unsigned steps);

class World final : public NodeObserver {
  public:
    explicit World(std::uint64_t seed);
    Result run(unsigned steps);

  private:
    void on_send(std::size_t node, std::uint8_t priority) override;
    void on_transition(std::size_t node, const vrrp::StateChanged& change) override;
    void on_violation(std::size_t node, const std::string& what) override;
    void on_note(std::size_t node, const std::string& what) override;

    void configure();
    void make_node(std::size_t index, const vrrp::InstanceConfig& instance);
    void advance(Duration time);
    void note(const std::string& text);
    Duration random_wait();

    void chaos_step();
    void disturb_network();
    void disturb_host(Node& node);
    void order(Node& node);
    void heal();
    void demand_convergence();
    void demand_clean_failover();
    void demand_stability(const std::string& when);
    [[nodiscard]] std::optional<std::size_t> only_active() const;

    Random random_;
    Scheduler scheduler_;
    Bounds bounds_;
    bool same_intervals_ = true;
    unsigned fault_kinds_ = 0;
    Nodes nodes_;
    std::optional<Network> network_;
    std::optional<Checkers> checkers_;
    std::deque<std::string> history_;
    std::uint64_t transitions_ = 0;
    TimePoint last_acquire_failure_{};
};

}  // namespace tandem::simulation
