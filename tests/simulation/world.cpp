#include "tests/simulation/world.hpp"

#include "vrrp/timing.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace tandem::simulation {
namespace {

constexpr std::size_t kHistory = 200;
constexpr unsigned kStepsPerRound = 25;

// Each seed uses a random subset of the faults: few together find other things than all together.
constexpr unsigned kLoss = 1;
constexpr unsigned kCut = 2;
constexpr unsigned kKill = 4;
constexpr unsigned kPause = 8;
constexpr unsigned kLink = 16;
constexpr unsigned kOperator = 32;
constexpr unsigned kAddress = 64;
constexpr unsigned kAll = 127;

std::string seconds(TimePoint at) {
    const auto value = std::chrono::duration_cast<Duration>(at.time_since_epoch()).count();
    std::string digits = std::to_string(value % 1'000'000);
    return std::to_string(value / 1'000'000) + "." + std::string(6 - digits.size(), '0') + digits;
}

std::string describe(const Node& node) {
    if (node.elector() == nullptr) {
        return "no process";
    }
    const vrrp::Elector& elector = *node.elector();
    return std::string(to_string(elector.state())) + (node.paused() ? " paused" : "") +
           (node.link_up() ? "" : " link-down") + (elector.holding() ? " holding" : "") +
           (elector.releasing() ? " releasing" : "") + (node.answers() ? " answers" : "") +
           (node.healthy() ? " healthy" : "") +
           " next=" + (elector.next_deadline() ? seconds(*elector.next_deadline()) : "none");
}

Duration whole_seconds_lease(Duration active_down) {
    return std::max<Duration>(std::chrono::floor<std::chrono::seconds>(active_down),
                              std::chrono::seconds{1});
}

}  // namespace

Result run(std::uint64_t seed, unsigned steps) {
    return World(seed).run(steps);
}

World::World(std::uint64_t seed) : random_(seed) {
    configure();
}

// Setting up.

void World::configure() {
    using std::chrono::milliseconds;
    constexpr std::array<milliseconds, 3> kIntervals{milliseconds{10}, milliseconds{100},
                                                     milliseconds{1000}};
    std::array<vrrp::InstanceConfig, 2> configs;
    const auto version = random_.percent(35) ? vrrp::Version::V2 : vrrp::Version::V3;
    const unsigned adverts = random_.percent(90) ? 3 : 2 + static_cast<unsigned>(random_.below(4));
    const Duration common = version == vrrp::Version::V2
                                ? Duration{milliseconds{1000}}
                                : Duration{kIntervals.at(random_.below(kIntervals.size()))};
    const bool mixed = version == vrrp::Version::V3 && random_.percent(15);
    const bool equal = random_.percent(10);
    for (std::size_t i = 0; i < configs.size(); ++i) {
        auto& config = configs.at(i);
        config.name = "node" + std::to_string(i);
        config.virtual_router_id = 51;
        config.version = version;
        config.down_timer_adverts = adverts;
        config.advertisement_interval =
            mixed ? Duration{kIntervals.at(random_.below(kIntervals.size()))} : common;
        config.priority = static_cast<std::uint8_t>(1 + random_.below(254));
        config.preempt = random_.percent(60);
        config.start_as_active = random_.percent(30);
        config.source_address =
            boost::asio::ip::make_address("198.51.100." + std::to_string(11 + i));
    }
    if (equal) {
        configs[1].priority = configs[0].priority;
    } else if (random_.percent(10)) {
        configs.at(random_.below(2)).priority = vrrp::kOwnerPriority;
    }
    const Duration shortest =
        std::min(configs[0].advertisement_interval, configs[1].advertisement_interval);
    same_intervals_ = configs[0].advertisement_interval == configs[1].advertisement_interval;
    bounds_.interval =
        std::max(configs[0].advertisement_interval, configs[1].advertisement_interval);
    for (const auto& config : configs) {
        bounds_.active_down = std::max(
            bounds_.active_down,
            vrrp::active_down_interval(version, config.priority, bounds_.interval, adverts));
    }
    bounds_.delay = shortest / 20;
    bounds_.acquire = shortest / 10;
    // Sometimes a release outlasts the active down interval.
    bounds_.release = random_.percent(15) ? shortest * 6 : shortest / 4;
    fault_kinds_ = static_cast<unsigned>(random_.below(kAll + 1));

    network_.emplace(scheduler_, random_, bounds_.delay,
                     [this](std::size_t to, const vrrp::ReceivedAdvertisement& advert) {
                         nodes_.at(to)->deliver(advert);
                     });
    for (std::size_t i = 0; i < configs.size(); ++i) {
        make_node(i, configs.at(i));
    }
    checkers_.emplace(nodes_, *network_, bounds_, same_intervals_);
}

void World::make_node(std::size_t index, const vrrp::InstanceConfig& instance) {
    NodeSettings settings;
    settings.index = index;
    settings.instance = instance;
    settings.lease = whole_seconds_lease(
        vrrp::active_down_interval(instance.version, instance.priority,
                                   instance.advertisement_interval, instance.down_timer_adverts));
    settings.max_acquire = bounds_.acquire;
    settings.max_release = bounds_.release;
    nodes_.at(index) = std::make_unique<Node>(scheduler_, random_, *this, settings);
    note("node " + std::to_string(index) + ": version " +
         std::to_string(static_cast<int>(instance.version)) + " priority " +
         std::to_string(instance.priority) + " interval " +
         std::to_string(instance.advertisement_interval.count()) + " us" +
         (instance.preempt ? "" : " nopreempt") + " lease " +
         std::to_string(settings.lease.count()) + " us");
}

// Running.

Result World::run(unsigned steps) {
    for (auto& node : nodes_) {
        advance(random_.between(Duration{}, bounds_.interval));
        node->start_process();
        checkers_->on_disturbance(scheduler_.now());
    }
    for (unsigned step = 0; step < steps && !checkers_->failure(); ++step) {
        chaos_step();
        if (step % kStepsPerRound == kStepsPerRound - 1) {
            demand_convergence();
            demand_clean_failover();
        }
    }
    demand_convergence();
    demand_clean_failover();
    Result result;
    result.counts = checkers_->counts();
    if (checkers_->failure()) {
        note("until here");
        for (const auto& node : nodes_) {
            note("node: " + describe(*node));
        }
        result.failure = *checkers_->failure();
        result.history.assign(history_.begin(), history_.end());
    }
    return result;
}

void World::advance(Duration time) {
    scheduler_.run_until(
        scheduler_.now() + time, [this](TimePoint now) { checkers_->check(now); },
        [this] { return checkers_->failure().has_value(); });
}

void World::note(const std::string& text) {
    history_.push_back("t=" + seconds(scheduler_.now()) + " " + text);
    if (history_.size() > kHistory) {
        history_.pop_front();
    }
}

void World::on_send(std::size_t node, std::uint8_t priority) {
    note("node " + std::to_string(node) + " sends " + std::to_string(priority));
    const auto& instance = nodes_.at(node)->settings().instance;
    network_->send(node, {priority, *instance.source_address, instance.advertisement_interval});
}

void World::on_transition(std::size_t node, const vrrp::StateChanged& change) {
    ++transitions_;
    note("node " + std::to_string(node) + " " + std::string(to_string(change.from)) + " -> " +
         std::string(to_string(change.to)) + " (" + std::string(to_string(change.reason)) + ")");
    if (change.reason == vrrp::Reason::AcquireFailed) {
        last_acquire_failure_ = scheduler_.now();
    }
    checkers_->on_transition(node, change, scheduler_.now());
}

void World::on_violation(std::size_t node, const std::string& what) {
    note("node " + std::to_string(node) + " VIOLATION " + what);
    checkers_->fail("node " + std::to_string(node) + ": " + what);
}

void World::on_note(std::size_t node, const std::string& what) {
    note("node " + std::to_string(node) + " " + what);
}

// Chaos.

Duration World::random_wait() {
    const Duration interval = bounds_.interval;
    switch (random_.below(4)) {
        case 0:
            return random_.between(Duration{}, interval / 2);
        case 1:
            return random_.between(Duration{}, interval);
        case 2:
            return random_.between(Duration{}, interval * 5);
        default:
            return random_.between(interval * 5, interval * 12);
    }
}

void World::chaos_step() {
    advance(random_wait());
    if (checkers_->failure()) {
        return;
    }
    Node& node = *nodes_.at(random_.below(2));
    if (random_.percent(30)) {
        disturb_network();
    } else if (random_.percent(60)) {
        disturb_host(node);
    } else {
        order(node);
    }
    checkers_->on_disturbance(scheduler_.now());
}

void World::disturb_network() {
    NetworkFaults faults;
    const std::uint64_t kind = random_.below(6);
    if (kind == 0 && (fault_kinds_ & kLoss) != 0) {
        faults.loss_percent = 10 + static_cast<unsigned>(random_.below(60));
    } else if (kind == 1 && (fault_kinds_ & kLoss) != 0) {
        faults.duplicate_percent = 30;
        faults.reorder = bounds_.interval * 3;
    } else if (kind == 2 && (fault_kinds_ & kCut) != 0) {
        faults.cut = {true, true};
    } else if (kind == 3 && (fault_kinds_ & kCut) != 0) {
        faults.cut.at(random_.below(2)) = true;
    }
    note(faults.any() ? "network disturbed: loss " + std::to_string(faults.loss_percent) +
                            " reorder " + std::to_string(faults.reorder.count()) + " cut " +
                            std::to_string(int{faults.cut[0]}) + std::to_string(int{faults.cut[1]})
                      : "network healed");
    network_->set_faults(faults);
}

void World::disturb_host(Node& node) {
    const std::uint64_t kind = random_.below(4);
    if (!node.process_exists()) {
        node.start_process();
    } else if (node.paused()) {
        node.resume();
    } else if (!node.link_up()) {
        node.set_link(true);
        checkers_->on_link_change(scheduler_.now());
    } else if (kind == 0 && (fault_kinds_ & kKill) != 0) {
        node.kill_process();
    } else if (kind == 1 && (fault_kinds_ & kPause) != 0) {
        node.pause(random_.percent(50) ? Pause::Process : Pause::Machine);
    } else if (kind == 2 && (fault_kinds_ & kLink) != 0) {
        node.set_link(false);
        checkers_->on_link_change(scheduler_.now());
    } else if (kind == 3 && (fault_kinds_ & kAddress) != 0) {
        node.set_acquire_fails(random_.percent(30));
        node.set_release_failure_percent(random_.percent(20) ? 50 : 0);
    }
}

void World::order(Node& node) {
    if ((fault_kinds_ & kOperator) == 0) {
        return;
    }
    if (!node.process_exists()) {
        node.start_process();
        return;
    }
    switch (random_.below(5)) {
        case 0:
            node.failover(std::nullopt);
            break;
        case 1:
            node.failover(scheduler_.now() + random_wait());
            break;
        case 2:
            node.resume_election();
            break;
        case 3:
            node.shutdown();
            break;
        default: {
            // The tool takes back only when the peer did not answer.
            const auto* elector = node.elector();
            const auto heard = elector->last_peer_heard();
            if (node.holding() && (!heard || scheduler_.now() - *heard > bounds_.interval * 2)) {
                node.take_back();
            }
        }
    }
}

// Liveness.

void World::heal() {
    note("everything is healed");
    network_->set_faults({});
    for (auto& node : nodes_) {
        node->set_acquire_fails(false);
        node->set_release_failure_percent(0);
        if (!node->link_up()) {
            node->set_link(true);
            checkers_->on_link_change(scheduler_.now());
        }
        if (node->paused()) {
            node->resume();
        }
        checkers_->on_disturbance(scheduler_.now());
    }
    // A shutdown under way ends first, then the process comes back.
    advance(bounds_.release + bounds_.acquire + bounds_.interval * 3);
    for (auto& node : nodes_) {
        node->start_process();
        if (node->elector()->hold_until()) {
            node->resume_election();
        }
    }
    checkers_->on_disturbance(scheduler_.now());
}

std::optional<std::size_t> World::only_active() const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_.at(i)->active() && nodes_.at(i)->answers() && !nodes_.at(1 - i)->active() &&
            !nodes_.at(1 - i)->answers()) {
            return i;
        }
    }
    return std::nullopt;
}

void World::demand_convergence() {
    if (checkers_->failure()) {
        return;
    }
    heal();
    for (const auto& node : nodes_) {
        // An address that the kernel refused to remove goes with its lease.
        if (node->leased_until() > scheduler_.now()) {
            advance(std::chrono::ceil<Duration>(node->leased_until() - scheduler_.now()));
        }
    }
    // A node whose acquisition failed lets its peer be for some time; then it may preempt.
    const TimePoint defers_until =
        last_acquire_failure_ + bounds_.active_down * vrrp::Elector::kAcquireBackoff;
    if (last_acquire_failure_ > TimePoint{} && defers_until > scheduler_.now()) {
        advance(std::chrono::ceil<Duration>(defers_until - scheduler_.now()));
    }
    advance(bounds_.active_down + bounds_.interval + bounds_.overlap());
    const auto winner = only_active();
    if (!winner) {
        checkers_->fail("liveness: not exactly one active node after everything was healed");
        return;
    }
    const auto& own = nodes_.at(*winner)->settings().instance;
    const Node& loser = *nodes_.at(1 - *winner);
    if (loser.settings().instance.priority > own.priority && loser.settings().instance.preempt &&
        !loser.holding()) {
        checkers_->fail("liveness: the node with the lower priority won");
    }
    demand_stability("after everything was healed");
}

void World::demand_stability(const std::string& when) {
    if (checkers_->failure()) {
        return;
    }
    const std::uint64_t before = transitions_;
    advance(bounds_.interval * 2);
    if (!checkers_->failure() && transitions_ != before) {
        checkers_->fail("liveness: still changing " + when);
    }
}

/// Between two healthy connected nodes: no moment with two answers, none answers for no longer than
/// the skew time, and the old node does not come back.
void World::demand_clean_failover() {
    const auto from = checkers_->failure() ? std::nullopt : only_active();
    if (!from) {
        return;
    }
    Node& old_node = *nodes_.at(*from);
    Node& new_node = *nodes_.at(1 - *from);
    const std::uint64_t overlaps = checkers_->counts().overlaps;
    // The new node waits the skew time of the interval that it learned.
    const Duration skew = new_node.elector()->skew_time();
    checkers_->on_disturbance(scheduler_.now());
    old_node.failover(std::nullopt);
    advance(bounds_.release + bounds_.delay + skew + bounds_.acquire);
    if (checkers_->failure()) {
        return;
    }
    if (!new_node.active() || !new_node.answers() || old_node.answers()) {
        checkers_->fail("failover: the peer is not active within the skew time");
        return;
    }
    demand_stability("after a failover");
    if (checkers_->counts().overlaps != overlaps) {
        checkers_->fail("I1: both nodes answered during a failover");
    }
    old_node.resume_election();
    new_node.resume_election();
    checkers_->on_disturbance(scheduler_.now());
}

}  // namespace tandem::simulation
