#include "tests/simulation/checkers.hpp"

#include <algorithm>
#include <utility>

namespace tandem::simulation {

void Counts::add(const Counts& other) {
    claims += other.claims;
    overlaps += other.overlaps;
    group_claims += other.group_claims;
    faults += other.faults;
    longest_overlap = std::max(longest_overlap, other.longest_overlap);
    longest_silence = std::max(longest_silence, other.longest_silence);
    longest_apart = std::max(longest_apart, other.longest_apart);
}

RouterChecker::RouterChecker(const Nodes& nodes, std::size_t router, const Networks& networks,
                             const Bounds& bounds, Fail fail, Counts& counts)
    : nodes_(nodes),
      router_(router),
      networks_(networks),
      bounds_(bounds),
      fail_(std::move(fail)),
      counts_(counts) {}

void RouterChecker::check(TimePoint now) {
    check_one_answers(now);
    check_somebody_answers(now);
    last_check_ = now;
}

/// I1. Time moved from the last event to `now` with the hosts as they are.
void RouterChecker::check_one_answers(TimePoint now) {
    if (!dual()) {
        dual_ = false;
        return;
    }
    if (!dual_) {
        dual_ = true;
        dual_since_ = last_check_;
        ++overlaps_;
        ++counts_.overlaps;
    }
    if (network().disturbed()) {
        return;
    }
    counts_.longest_overlap =
        std::max(counts_.longest_overlap, std::chrono::duration_cast<Duration>(now - dual_since_));
    if (now > overlap_allowed_until()) {
        fail_("I1: both nodes answer for longer than allowed");
    }
}

TimePoint RouterChecker::overlap_allowed_until() const {
    const Duration healing = bounds_.interval + bounds_.overlap();
    TimePoint limit = std::max(last_claim_[0], last_claim_[1]) + bounds_.overlap();
    limit = std::max(limit, network().clean_since() + healing);
    limit = std::max(limit, last_link_change_ + healing);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        // A process that was killed or stopped cannot let go: the lease does.
        limit = std::max(limit, instance(i).leased_until());
        if (instance(i).last_resume() > TimePoint{}) {
            limit = std::max(limit, instance(i).last_resume() + bounds_.overlap());
        }
    }
    return limit;
}

/// I2.
void RouterChecker::check_somebody_answers(TimePoint now) {
    TimePoint candidate_since = TimePoint::max();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const bool healthy = nodes_[i]->healthy(router_);
        if (healthy && !was_healthy_[i]) {
            healthy_since_[i] = last_check_;
        }
        was_healthy_[i] = healthy;
        if (healthy) {
            candidate_since = std::min(candidate_since, healthy_since_[i]);
        }
    }
    bool forged = false;
    TimePoint clean_since{};
    for (std::size_t i = 0; i < networks_.size(); ++i) {
        if (concerns(i)) {
            forged = forged || networks_[i]->faults().forge_every > Duration{};
            clean_since = std::max(clean_since, networks_[i]->clean_since());
        }
    }
    if (answered() || candidate_since == TimePoint::max() || forged) {
        silent_since_.reset();
        return;
    }
    if (!silent_since_) {
        silent_since_ = last_check_;
    }
    // Late packets of a node that is gone restart the timer too.
    const TimePoint since =
        std::max({*silent_since_, candidate_since, last_disturbance_, clean_since});
    if (now > since) {
        counts_.longest_silence =
            std::max(counts_.longest_silence, std::chrono::duration_cast<Duration>(now - since));
    }
    Duration bound = bounds_.active_down + bounds_.acquire + bounds_.release + 2 * bounds_.delay;
    for (const auto& node : nodes_) {
        for (std::size_t i = 0; i < node->size(); ++i) {
            if (node->instance(i).acquire_fails() && concerns(i)) {
                // One that claims, fails and gives up costs the skew time on top, once.
                bound += bounds_.interval + bounds_.acquire + bounds_.release;
            }
        }
    }
    if (now > since + bound) {
        fail_("I2: a healthy node is there and nobody answers for instance " +
              std::to_string(router_));
    }
}

void RouterChecker::on_transition(std::size_t node, const vrrp::StateChanged& change,
                                  TimePoint now) {
    if (change.from == vrrp::State::Initialize) {
        started_.at(node) = now;
    }
    if (change.to != vrrp::State::Active) {
        active_since_.at(node).reset();
        return;
    }
    ++counts_.claims;
    if (now < instance(node).deaf_until() && change.reason != vrrp::Reason::TakeBack) {
        fail_("claim before the end of the startup delay");
    }
    check_claim(node, change.reason, now);
    active_since_.at(node) = now;
    last_claim_.at(node) = now;
}

/// When the last thing happened that can excuse a wrong belief about the other node.
TimePoint RouterChecker::quiet_since() const {
    TimePoint since = std::max(network().clean_since(), last_link_change_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        since = std::max({since, started_[i], instance(i).excused_since(),
                          instance(i).priority_changed(), instance(i).deaf_until()});
    }
    return since;
}

/// A claim against an active node that was heard all the time needs the right to preempt.
void RouterChecker::check_claim(std::size_t node, vrrp::Reason reason, TimePoint now) {
    const Instance& claimant = instance(node);
    const Instance& other = instance(1 - node);
    const auto& other_active_since = active_since_.at(1 - node);
    const bool orders = reason == vrrp::Reason::TakeBack;
    if (orders || !bounds_.same_intervals || network().disturbed() || !other.running() ||
        !other.link_up() || !other.active() || !other_active_since) {
        return;
    }
    const Duration heard = bounds_.interval + 2 * bounds_.delay;
    const bool connected = now > quiet_since() + bounds_.active_down + heard &&
                           now > *other_active_since + heard && now > other.last_resume() + heard &&
                           now > last_claim_.at(node) + heard;
    if (!connected) {
        return;
    }
    const auto& config = claimant.settings().config;
    const bool owner = config.priority == vrrp::kOwnerPriority;
    if (owner && other.settings().config.priority == vrrp::kOwnerPriority) {
        // Each claims by right as soon as it can; I1 bounds for how long both do.
        return;
    }
    const bool preempts = (config.preempt || owner) && !claimant.held_before_last_event() &&
                          claimant.elector()->priority() > other.elector()->priority();
    if (!preempts) {
        fail_("claim without the right to preempt a connected active node");
        return;
    }
    // Who hears nobody has nobody to preempt.
    if (!owner || !config.owner_ignores_adverts) {
        check_preemption(node, reason, now);
    }
}

/// preempt_delay: the node with the lower priority was active for that long.
void RouterChecker::check_preemption(std::size_t node, vrrp::Reason reason, TimePoint now) {
    const Duration delay = instance(node).settings().config.preempt_delay;
    const TimePoint heard_from = std::max({*active_since_.at(1 - node), started_.at(node),
                                           instance(0).last_resume(), instance(1).last_resume()});
    // After a restart or a network fault it may be, to the claimant, one active node with a
    // silence.
    const TimePoint blind_until =
        std::max({quiet_since(), instance(0).last_resume(), instance(1).last_resume()});
    const bool new_to_claimant = heard_from == *active_since_.at(1 - node) &&
                                 heard_from > blind_until + delay + bounds_.active_down;
    if (reason == vrrp::Reason::ActiveDown && now < heard_from + delay && new_to_claimant) {
        fail_("preemption before the end of preempt_delay");
    }
}

}  // namespace tandem::simulation
