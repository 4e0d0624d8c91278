#include "tests/simulation/checkers.hpp"

#include <algorithm>

namespace tandem::simulation {

Checkers::Checkers(const Nodes& nodes, const Network& network, const Bounds& bounds,
                   bool same_intervals)
    : nodes_(nodes), network_(network), bounds_(bounds), same_intervals_(same_intervals) {}

void Checkers::fail(const std::string& what) {
    if (!failure_) {
        failure_ = what;
    }
}

bool Checkers::dual() const {
    return nodes_[0]->answers() && nodes_[1]->answers();
}

bool Checkers::answered() const {
    return nodes_[0]->answers() || nodes_[1]->answers();
}

void Checkers::check(TimePoint now) {
    check_one_answers(now);
    check_somebody_answers(now);
    last_check_ = now;
}

/// I1. Time moved from the last event to `now` with the hosts as they are.
void Checkers::check_one_answers(TimePoint now) {
    if (!dual()) {
        dual_ = false;
        return;
    }
    if (!dual_) {
        dual_ = true;
        ++counts_.overlaps;
    }
    if (network_.disturbed()) {
        return;
    }
    if (now > overlap_allowed_until()) {
        fail("I1: both nodes answer for longer than allowed");
    }
}

TimePoint Checkers::overlap_allowed_until() const {
    const Duration healing = bounds_.interval + bounds_.overlap();
    TimePoint limit = std::max(last_claim_[0], last_claim_[1]) + bounds_.overlap();
    limit = std::max(limit, network_.clean_since() + healing);
    limit = std::max(limit, last_link_change_ + healing);
    for (const auto& node : nodes_) {
        // A process that was killed or stopped cannot let go: the lease does.
        limit = std::max(limit, node->leased_until());
        if (node->last_resume() > TimePoint{}) {
            limit = std::max(limit, node->last_resume() + bounds_.overlap());
        }
    }
    return limit;
}

/// I2.
void Checkers::check_somebody_answers(TimePoint now) {
    TimePoint candidate_since = TimePoint::max();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const bool healthy = nodes_[i]->healthy();
        if (healthy && !was_healthy_[i]) {
            healthy_since_[i] = last_disturbance_;
        }
        was_healthy_[i] = healthy;
        if (healthy) {
            candidate_since = std::min(candidate_since, healthy_since_[i]);
        }
    }
    if (answered() || candidate_since == TimePoint::max()) {
        silent_since_.reset();
        return;
    }
    if (!silent_since_) {
        silent_since_ = last_check_;
    }
    // Late packets of a node that is gone restart the timer too.
    const TimePoint since =
        std::max({*silent_since_, candidate_since, last_disturbance_, network_.clean_since()});
    if (now > since) {
        counts_.longest_silence =
            std::max(counts_.longest_silence, std::chrono::duration_cast<Duration>(now - since));
    }
    Duration bound = bounds_.active_down + bounds_.acquire + bounds_.release + 2 * bounds_.delay;
    if (nodes_[0]->acquire_fails() || nodes_[1]->acquire_fails()) {
        // One that claims, fails and gives up costs the skew time on top, once.
        bound += bounds_.interval + bounds_.acquire + bounds_.release;
    }
    if (now > since + bound) {
        fail("I2: a healthy node is there and nobody answers");
    }
}

void Checkers::on_transition(std::size_t node, const vrrp::StateChanged& change, TimePoint now) {
    if (change.from == vrrp::State::Initialize) {
        started_.at(node) = now;
    }
    if (change.to != vrrp::State::Active) {
        active_since_.at(node).reset();
        return;
    }
    ++counts_.claims;
    check_claim(node, change.reason, now);
    active_since_.at(node) = now;
    last_claim_.at(node) = now;
}

/// When the last thing happened that can excuse a wrong belief about the other node.
TimePoint Checkers::quiet_since() const {
    TimePoint since = std::max(network_.clean_since(), last_link_change_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        since = std::max({since, started_[i], nodes_[i]->excused_since()});
    }
    return since;
}

/// A claim against an active node that was heard all the time needs the right to preempt.
void Checkers::check_claim(std::size_t node, vrrp::Reason reason, TimePoint now) {
    const Node& claimant = *nodes_.at(node);
    const Node& other = *nodes_.at(1 - node);
    const auto& other_active_since = active_since_.at(1 - node);
    const bool orders = reason == vrrp::Reason::TakeBack;
    if (orders || !same_intervals_ || network_.disturbed() || !other.running() ||
        !other.link_up() || !other.active() || !other_active_since) {
        return;
    }
    const Duration heard = bounds_.interval + 2 * bounds_.delay;
    const bool connected = now > quiet_since() + bounds_.active_down + heard &&
                           now > *other_active_since + heard && now > other.last_resume() + heard &&
                           now > last_claim_.at(node) + heard;
    const auto& config = claimant.settings().instance;
    const bool owner = config.priority == vrrp::kOwnerPriority;
    const bool preempts = (config.preempt || owner) && !claimant.held_before_last_event() &&
                          config.priority > other.settings().instance.priority;
    if (connected && !preempts) {
        fail("claim without the right to preempt a connected active node");
    }
}

}  // namespace tandem::simulation
