#include "tests/simulation/checkers.hpp"

#include <algorithm>
#include <utility>

namespace tandem::simulation {

NodeChecker::NodeChecker(const Node& node, const Bounds& bounds, Fail fail, Counts& counts)
    : node_(node),
      bounds_(bounds),
      fail_(std::move(fail)),
      counts_(counts),
      faulty_since_(node.size()) {}

void NodeChecker::check(TimePoint now) {
    for (std::size_t router = 0; router < node_.size(); ++router) {
        check_fault(router, now);
        check_pace(router, now);
    }
    if (node_.grouped()) {
        check_group(now);
    }
    last_check_ = now;
}

/// What cannot serve lets go: the address is off within the time of the operations.
void NodeChecker::check_fault(std::size_t router, TimePoint now) {
    auto& since = faulty_since_.at(router);
    if (!node_.running() || !node_.known_faulty(router)) {
        since.reset();
        return;
    }
    if (!since) {
        since = last_check_;
        ++counts_.faults;
    }
    const Instance& instance = node_.instance(router);
    const TimePoint limit = std::max(*since, instance.last_resume()) + bounds_.leave();
    if (instance.address_on() && now > std::max(limit, instance.leased_until())) {
        fail_("a faulty instance keeps its addresses");
    }
}

/// An active instance advertises at least once in its interval.
void NodeChecker::check_pace(std::size_t router, TimePoint now) {
    const Instance& instance = node_.instance(router);
    if (!instance.running() || !instance.active()) {
        return;
    }
    const TimePoint since = std::max(instance.last_claim_sent(), instance.last_resume());
    if (now > since + instance.settings().config.advertisement_interval) {
        fail_("active and silent for longer than the interval");
    }
    const TimePoint sent = std::max(instance.last_sent(), instance.last_resume());
    // A release under way ends it anyway.
    if (!instance.release_in_flight() && now > sent + bounds_.active_down + bounds_.interval) {
        fail_("active, and no advertisement could be sent for as long as a peer waits");
    }
}

/// Active, or ready to be.
bool NodeChecker::up(const Instance& instance) const {
    const vrrp::Elector* elector = instance.elector();
    return elector != nullptr &&
           ((instance.active() && !elector->releasing()) || elector->wants_active());
}

/// Members are active together: apart for no longer than two of them need to leave one after the
/// other.
void NodeChecker::check_group(TimePoint now) {
    std::size_t active = 0;
    TimePoint resumed{};
    for (std::size_t i = 0; i < node_.size(); ++i) {
        active += static_cast<std::size_t>(node_.instance(i).active());
        resumed = std::max(resumed, node_.instance(i).last_resume());
    }
    if (!node_.running() || active == 0 || active == node_.size()) {
        apart_since_.reset();
        return;
    }
    if (!apart_since_) {
        apart_since_ = last_check_;
    }
    const TimePoint since = std::max(*apart_since_, resumed);
    counts_.longest_apart =
        std::max(counts_.longest_apart, std::chrono::duration_cast<Duration>(now - since));
    if (now > since + 2 * bounds_.leave()) {
        fail_("a part of the sync group is active alone");
    }
}

void NodeChecker::on_transition(std::size_t router, const vrrp::StateChanged& change,
                                TimePoint /*now*/) {
    if (change.to != vrrp::State::Active) {
        return;
    }
    // Of two claims that a group ordered together, the first may fail to be sent: the second is
    // taken back by the next plan, at the same moment.
    const bool before = faulty_since_.at(router) || node_.instance(router).own_fault();
    if (node_.known_faulty(router) && before) {
        fail_("claim of a faulty instance");
    }
    if (!node_.grouped()) {
        return;
    }
    ++counts_.group_claims;
    for (std::size_t i = 0; i < node_.size(); ++i) {
        const Instance& other = node_.instance(i);
        const bool failed_now = other.own_fault() && !faulty_since_.at(router);
        if (!up(other) && !failed_now) {
            fail_("claim of a member whose sync group cannot follow");
        }
    }
}

void NodeChecker::on_send(std::size_t router, std::uint8_t priority) {
    const std::uint8_t expected = node_.expectation(router).priority;
    const bool gave_in = bounds_.owner_gives_in && expected == vrrp::kOwnerPriority &&
                         priority == vrrp::kOwnerPriority - 1;
    if (priority != vrrp::kReleasePriority && priority != expected && !gave_in) {
        fail_("advertises priority " + std::to_string(priority) + " instead of " +
              std::to_string(expected));
    }
}

}  // namespace tandem::simulation
