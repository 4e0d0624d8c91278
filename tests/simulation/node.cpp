#include "tests/simulation/node.hpp"

#include <algorithm>
#include <utility>

namespace tandem::simulation {
namespace {

/// More rounds of planning than any group of two can need for one event.
constexpr int kMostRounds = 20;

}  // namespace

Node::Node(Scheduler& scheduler, Random& random, Observer& observer, NodeSettings settings)
    : random_(random),
      observer_(observer),
      settings_(std::move(settings)),
      statuses_(settings_.tracked.size()),
      known_(settings_.instances.size(), statuses_) {
    for (const InstanceSettings& instance : settings_.instances) {
        instances_.push_back(std::make_unique<Instance>(scheduler, random, observer, instance,
                                                        [this] { after_event(); }));
    }
}

bool Node::links_up() const {
    return std::all_of(instances_.begin(), instances_.end(),
                       [](const auto& instance) { return instance->link_up(); });
}

bool Node::holding() const {
    return std::any_of(instances_.begin(), instances_.end(),
                       [](const auto& instance) { return instance->holding(); });
}

bool Node::healthy(std::size_t router) const {
    if (!settings_.grouped) {
        return instances_.at(router)->able();
    }
    return std::all_of(instances_.begin(), instances_.end(),
                       [](const auto& instance) { return instance->able(); });
}

Expectation Node::expectation(std::size_t router) const {
    return expect(settings_.instances.at(router).config.priority, settings_.tracked,
                  known_.at(router));
}

bool Node::known_faulty(std::size_t router) const {
    if (expectation(router).faulty) {
        return true;
    }
    return settings_.grouped &&
           std::any_of(instances_.begin(), instances_.end(),
                       [](const auto& instance) { return instance->own_fault(); });
}

// The host.

void Node::start_process() {
    if (process_exists()) {
        return;
    }
    note("starts");
    stopping_ = false;
    group_faulty_ = false;
    // A script has no result yet, an interface is known at once.
    for (std::size_t i = 0; i < statuses_.size(); ++i) {
        if (settings_.tracked[i].kind == vrrp::TrackKind::Script) {
            statuses_[i] = {};
        }
    }
    // The plan is made when every instance was started.
    starting_ = true;
    for (const auto& instance : instances_) {
        instance->create_elector();
    }
    for (std::size_t i = 0; i < instances_.size(); ++i) {
        const auto& config = settings_.instances[i].config;
        const auto result = vrrp::evaluate_tracking(config.priority, settings_.tracked, statuses_);
        known_[i] = statuses_;
        instances_[i]->start(result.faulty, result.effective_priority);
    }
    starting_ = false;
    after_event();
}

void Node::kill_process() {
    if (!process_exists()) {
        return;
    }
    note("killed");
    for (const auto& instance : instances_) {
        instance->end_process(true);
    }
}

void Node::pause(Pause kind) {
    if (!running()) {
        return;
    }
    note(kind == Pause::Process ? "stopped" : "frozen");
    for (const auto& instance : instances_) {
        instance->pause(kind);
    }
}

void Node::resume() {
    if (!paused()) {
        return;
    }
    note("goes on");
    for (const auto& instance : instances_) {
        instance->unpause();
    }
    // Which socket is read first is a matter of chance.
    const std::size_t first = random_.below(instances_.size());
    for (std::size_t i = 0; i < instances_.size() && process_exists(); ++i) {
        instances_[(first + i) % instances_.size()]->wake_up();
    }
    track();
}

void Node::set_link(std::size_t router, bool up) {
    note((up ? "link up " : "link down ") + std::to_string(router));
    instances_.at(router)->set_link(up);
}

void Node::set_status(std::size_t object, const vrrp::TrackStatus& status) {
    statuses_.at(object) = status;
    const auto& tracked = settings_.tracked.at(object);
    note("object " + std::to_string(object) + " weight " + std::to_string(tracked.weight) +
         (tracked.reverse ? " reverse" : "") +
         (status.up ? (*status.up ? " up" : " down") : " unknown") + " value " +
         std::to_string(status.value));
    track();
}

void Node::track() {
    if (!running()) {
        return;
    }
    for (std::size_t i = 0; i < instances_.size() && process_exists(); ++i) {
        const auto& config = settings_.instances[i].config;
        const auto result = vrrp::evaluate_tracking(config.priority, settings_.tracked, statuses_);
        known_[i] = statuses_;
        instances_[i]->set_tracking(result.faulty, result.effective_priority);
    }
}

// The operator.

void Node::shutdown() {
    if (!running()) {
        return;
    }
    note("shutdown");
    stopping_ = true;
    for (const auto& instance : instances_) {
        if (process_exists()) {
            instance->shutdown();
        }
    }
}

void Node::failover(std::optional<std::size_t> router, std::optional<TimePoint> hold_until) {
    if (!running()) {
        return;
    }
    note((hold_until ? "failover with a limit" : "failover") +
         (router ? " of instance " + std::to_string(*router) : ""));
    // One member takes its sync group along, and the group is planned when all are on their way:
    // each gives up in two steps, as without a group.
    const bool all = !router || settings_.grouped;
    const bool nested = std::exchange(planning_, true);
    for (std::size_t i = 0; i < instances_.size(); ++i) {
        if (all || *router == i) {
            instances_[i]->failover(hold_until);
        }
    }
    planning_ = nested;
    after_event();
}

void Node::resume_election() {
    if (!running()) {
        return;
    }
    note("resume");
    for (const auto& instance : instances_) {
        instance->resume_election();
    }
}

void Node::take_back() {
    if (!running()) {
        return;
    }
    note("take back");
    for (const auto& instance : instances_) {
        instance->take_back();
    }
}

// After every event.

void Node::after_event() {
    if (starting_ || planning_) {
        return;
    }
    if (settings_.grouped) {
        planning_ = true;
        plan_group();
        planning_ = false;
    }
    finish_shutdown();
}

void Node::plan_group() {
    for (int round = 0; round < kMostRounds; ++round) {
        std::vector<vrrp::MemberView> views;
        for (const auto& instance : instances_) {
            const vrrp::Elector& elector = *instance->elector();
            views.push_back({elector.state(), elector.releasing(), elector.wants_active(),
                             instance->own_fault()});
        }
        const auto orders = vrrp::plan_sync_group(views, group_faulty_);
        if (orders.empty()) {
            return;
        }
        for (const vrrp::MemberOrder& order : orders) {
            execute(order);
        }
    }
    observer_.on_violation(settings_.index, "the sync group's orders never end");
}

void Node::execute(const vrrp::MemberOrder& order) {
    Instance& member = *instances_.at(order.member);
    switch (order.kind) {
        case vrrp::MemberOrder::Kind::Claim:
            member.group_claim();
            break;
        case vrrp::MemberOrder::Kind::Release:
            member.group_release();
            break;
        case vrrp::MemberOrder::Kind::Fault:
        case vrrp::MemberOrder::Kind::FaultEnded:
            group_faulty_ = order.kind == vrrp::MemberOrder::Kind::Fault;
            member.set_group_fault(group_faulty_);
            break;
    }
}

void Node::finish_shutdown() {
    const bool ended = stopping_ && process_exists() &&
                       std::all_of(instances_.begin(), instances_.end(), [](const auto& instance) {
                           return instance->elector()->state() == vrrp::State::Initialize;
                       });
    if (ended) {
        note("exited");
        for (const auto& instance : instances_) {
            instance->end_process(false);
        }
    }
}

}  // namespace tandem::simulation
