#include "tests/simulation/world.hpp"

#include "vrrp/timing.hpp"

#include <algorithm>

namespace tandem::simulation {
namespace {

constexpr std::size_t kHistory = 400;
constexpr unsigned kStepsPerRound = 25;

std::string seconds(TimePoint at) {
    const auto value = std::chrono::duration_cast<Duration>(at.time_since_epoch()).count();
    std::string digits = std::to_string(value % 1'000'000);
    return std::to_string(value / 1'000'000) + "." + std::string(6 - digits.size(), '0') + digits;
}

std::string describe_state(const Node& node, std::size_t router) {
    const Instance& instance = node.instance(router);
    if (instance.elector() == nullptr) {
        return "no process";
    }
    const vrrp::Elector& elector = *instance.elector();
    return std::string(to_string(elector.state())) + " priority " +
           std::to_string(elector.priority()) + (node.paused() ? " paused" : "") +
           (instance.link_up() ? "" : " link-down") + (elector.holding() ? " holding" : "") +
           (elector.releasing() ? " releasing" : "") +
           (elector.wants_active() ? " wants-active" : "") +
           (instance.answers() ? " answers" : "") + (node.healthy(router) ? " healthy" : "") +
           " next=" + (elector.next_deadline() ? seconds(*elector.next_deadline()) : "none");
}

}  // namespace

Result run(std::uint64_t seed, unsigned steps) {
    const Result result = World(seed, false).run(steps);
    return result.failure.empty() ? result : World(seed, true).run(steps);
}

// Setting up.

World::World(std::uint64_t seed, bool keep_history)
    : random_(seed), keep_history_(keep_history), scenario_(random_scenario(random_)) {
    const Bounds& bounds = scenario_.bounds;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_.at(i) = std::make_unique<Node>(scheduler_, random_, *this, scenario_.nodes.at(i));
    }
    const Fail fail = [this](const std::string& what) { this->fail(what); };
    const auto& config = scenario_.nodes[0].instances[0].config;
    const Network::Settings settings{bounds.delay, config.version, config.advertisement_interval};
    for (std::size_t router = 0; router < nodes_[0]->size(); ++router) {
        networks_.push_back(std::make_unique<Network>(
            scheduler_, random_, settings,
            [this, router](std::size_t to, const vrrp::ReceivedAdvertisement& advert) {
                nodes_.at(to)->instance(router).deliver(advert);
            }));
        router_checkers_.emplace_back(nodes_, router, networks_, bounds, fail, counts_);
    }
    for (const auto& node : nodes_) {
        node_checkers_.emplace_back(*node, bounds, fail, counts_);
    }
}

// Running.

Result World::run(unsigned steps) {
    for (auto& node : nodes_) {
        advance(random_.between(Duration{}, scenario_.bounds.interval));
        node->start_process();
        disturbed();
    }
    for (unsigned step = 0; step < steps && !failure_; ++step) {
        chaos_step();
        if (step % kStepsPerRound == kStepsPerRound - 1) {
            demand_convergence();
            demand_clean_failover();
        }
    }
    demand_convergence();
    demand_clean_failover();
    Result result;
    result.counts = counts_;
    if (failure_) {
        note("until here");
        for (const NodeSettings& node : scenario_.nodes) {
            for (std::size_t router = 0; router < routers(); ++router) {
                note(describe(node, router));
            }
        }
        for (const auto& node : nodes_) {
            for (std::size_t router = 0; router < routers(); ++router) {
                note("node: " + describe_state(*node, router));
            }
        }
        result.failure = *failure_;
        result.history.assign(history_.begin(), history_.end());
    }
    return result;
}

void World::fail(const std::string& what) {
    if (!failure_) {
        failure_ = what;
    }
}

void World::advance(Duration time) {
    scheduler_.run_until(
        scheduler_.now() + time, [this](TimePoint now) { check(now); },
        [this] { return failure_.has_value(); });
}

void World::check(TimePoint now) {
    for (auto& checker : router_checkers_) {
        checker.check(now);
    }
    for (auto& checker : node_checkers_) {
        checker.check(now);
    }
}

void World::disturbed() {
    for (auto& checker : router_checkers_) {
        checker.on_disturbance(scheduler_.now());
    }
}

void World::note(const std::string& text) {
    if (!keep_history_) {
        return;
    }
    history_.push_back("t=" + seconds(scheduler_.now()) + " " + text);
    if (history_.size() > kHistory) {
        history_.pop_front();
    }
}

bool World::on_send(const InstanceSettings& from, std::uint8_t priority) {
    if (keep_history_) {
        note("node " + std::to_string(from.node) + "." + std::to_string(from.router) + " sends " +
             std::to_string(priority));
    }
    node_checkers_.at(from.node).on_send(from.router, priority);
    const auto& config = from.config;
    return networks_.at(from.router)
        ->send(from.node, {priority, *config.source_address, config.advertisement_interval});
}

void World::on_transition(const InstanceSettings& where, const vrrp::StateChanged& change) {
    ++transitions_;
    if (keep_history_) {
        note("node " + std::to_string(where.node) + "." + std::to_string(where.router) + " " +
             std::string(to_string(change.from)) + " -> " + std::string(to_string(change.to)) +
             " (" + std::string(to_string(change.reason)) + ")");
    }
    const bool failed = change.reason == vrrp::Reason::AcquireFailed;
    // A node that could not send defers once more after every fault, until it sent something.
    const bool unheard = change.reason == vrrp::Reason::SendFailed ||
                         (possible(kSend) && change.reason == vrrp::Reason::FaultCleared);
    if (failed || unheard) {
        defers_until_ =
            std::max(defers_until_,
                     scheduler_.now() + (unheard ? Duration{std::chrono::seconds{1}} : Duration{}) +
                         scenario_.bounds.active_down * vrrp::Elector::kAcquireBackoff);
    }
    router_checkers_.at(where.router).on_transition(where.node, change, scheduler_.now());
    node_checkers_.at(where.node).on_transition(where.router, change, scheduler_.now());
}

void World::on_violation(std::size_t node, const std::string& what) {
    note("node " + std::to_string(node) + " VIOLATION " + what);
    fail("node " + std::to_string(node) + ": " + what);
}

void World::on_note(std::size_t node, const std::string& what) {
    note("node " + std::to_string(node) + " " + what);
}

// Chaos.

Duration World::random_wait() {
    const Duration interval = scenario_.bounds.interval;
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
    if (failure_) {
        return;
    }
    Node& node = *nodes_.at(random_.below(2));
    if (random_.percent(30)) {
        disturb_network(*networks_.at(random_.below(routers())));
    } else if (possible(kTrack) && random_.percent(25)) {
        disturb_tracking(node);
    } else if (random_.percent(60)) {
        disturb_host(node);
    } else if (possible(kOperator)) {
        order(node);
    }
    disturbed();
}

void World::disturb_network(Network& network) {
    NetworkFaults faults;
    const std::uint64_t kind = random_.below(8);
    if (kind == 0 && possible(kLoss)) {
        faults.loss_percent = 10 + static_cast<unsigned>(random_.below(60));
    } else if (kind == 1 && possible(kLoss)) {
        faults.duplicate_percent = 30;
        faults.reorder = scenario_.bounds.interval * 3;
    } else if (kind == 2 && possible(kCut)) {
        faults.cut = {true, true};
    } else if (kind == 3 && possible(kCut)) {
        faults.cut.at(random_.below(2)) = true;
    } else if (kind == 4 && possible(kSend)) {
        faults.send_error.at(random_.below(2)) = true;
    } else if (kind == 5 && possible(kForge)) {
        faults.forge_every = scenario_.bounds.interval;
    }
    note(faults.any()
             ? "network disturbed: loss " + std::to_string(faults.loss_percent) + " reorder " +
                   std::to_string(faults.reorder.count()) + " cut " +
                   std::to_string(int{faults.cut[0]}) + std::to_string(int{faults.cut[1]}) +
                   " send error " + std::to_string(int{faults.send_error[0]}) +
                   std::to_string(int{faults.send_error[1]}) +
                   (faults.forge_every > Duration{} ? " forged" : "")
             : "network healed");
    network.set_faults(faults);
}

void World::set_link(Node& node, std::size_t router, bool up) {
    if (node.instance(router).link_up() != up) {
        node.set_link(router, up);
        router_checkers_.at(router).on_link_change(scheduler_.now());
    }
}

void World::disturb_host(Node& node) {
    const std::uint64_t kind = random_.below(4);
    const std::size_t router = random_.below(routers());
    Instance& instance = node.instance(router);
    if (!node.process_exists()) {
        node.start_process();
    } else if (node.paused()) {
        node.resume();
    } else if (!instance.link_up()) {
        set_link(node, router, true);
    } else if (kind == 0 && possible(kKill)) {
        node.kill_process();
    } else if (kind == 1 && possible(kPause)) {
        node.pause(random_.percent(50) ? Pause::Process : Pause::Machine);
    } else if (kind == 2 && possible(kLink)) {
        set_link(node, router, false);
    } else if (kind == 3 && possible(kAddress)) {
        instance.set_acquire_fails(random_.percent(30));
        instance.set_release_failure_percent(random_.percent(20) ? 50 : 0);
    }
}

void World::disturb_tracking(Node& node) {
    const auto& tracked = node.settings().tracked;
    if (!tracked.empty()) {
        const std::size_t object = random_.below(tracked.size());
        node.set_status(object, random_.percent(50) ? random_status(random_, tracked[object])
                                                    : harmless_status(random_, tracked[object]));
    }
}

void World::order(Node& node) {
    if (!node.process_exists()) {
        node.start_process();
        return;
    }
    // One member of a group moves all of them.
    std::optional<std::size_t> router;
    if (random_.percent(30)) {
        router = random_.below(routers());
    }
    switch (random_.below(5)) {
        case 0:
            node.failover(router, std::nullopt);
            break;
        case 1:
            node.failover(router, scheduler_.now() + random_wait());
            break;
        case 2:
            node.resume_election();
            break;
        case 3:
            node.shutdown();
            break;
        default:
            take_back(node);
    }
}

/// The tool takes back only when the peer did not answer.
void World::take_back(Node& node) {
    bool unanswered = node.running();
    bool ready = node.running();
    for (std::size_t router = 0; router < node.size(); ++router) {
        const vrrp::Elector* elector = node.instance(router).elector();
        if (elector == nullptr) {
            return;
        }
        const auto heard = elector->last_peer_heard();
        unanswered = unanswered && elector->holding() &&
                     (!heard || scheduler_.now() - *heard > scenario_.bounds.interval * 2);
        ready = ready && elector->state() == vrrp::State::Backup &&
                !node.instance(router).release_in_flight();
    }
    if (!unanswered) {
        return;
    }
    node.take_back();
    for (std::size_t router = 0; ready && router < node.size(); ++router) {
        // It may be active and fail to send at once.
        if (node.instance(router).elector()->state() == vrrp::State::Backup) {
            fail("take back: not active at once");
        }
    }
}

// Liveness.

void World::heal() {
    note("everything is healed");
    for (auto& network : networks_) {
        network->set_faults({});
    }
    for (auto& node : nodes_) {
        for (std::size_t router = 0; router < routers(); ++router) {
            node->instance(router).set_acquire_fails(false);
            node->instance(router).set_release_failure_percent(0);
            set_link(*node, router, true);
        }
        node->resume();
        disturbed();
    }
    // A shutdown under way ends first, then the process comes back.
    const Bounds& bounds = scenario_.bounds;
    advance(bounds.release + bounds.acquire + bounds.interval * 3);
    for (auto& node : nodes_) {
        node->start_process();
        heal_tracking(*node);
        for (std::size_t router = 0; router < routers(); ++router) {
            if (node->process_exists() && node->instance(router).elector()->hold_until()) {
                node->resume_election();
            }
        }
    }
    disturbed();
}

/// Weights may go on counting, faults end.
void World::heal_tracking(Node& node) {
    const auto& tracked = node.settings().tracked;
    for (std::size_t i = 0; i < tracked.size(); ++i) {
        node.set_status(i, harmless_status(random_, tracked[i]));
    }
}

/// What an earlier fault still explains.
void World::await_leftovers() {
    for (const auto& node : nodes_) {
        for (std::size_t router = 0; router < routers(); ++router) {
            // An address that the kernel refused to remove goes with its lease.
            const TimePoint leased = node->instance(router).leased_until();
            if (leased > scheduler_.now()) {
                advance(std::chrono::ceil<Duration>(leased - scheduler_.now()));
            }
        }
    }
    // A node whose acquisition failed lets its peer be for some time; then it may preempt.
    while (defers_until_ > scheduler_.now() && !failure_) {
        advance(std::chrono::ceil<Duration>(defers_until_ - scheduler_.now()));
    }
    advance(scenario_.bounds.startup_delay);
}

std::optional<std::size_t> World::only_active(std::size_t router) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const Instance& one = nodes_.at(i)->instance(router);
        const Instance& other = nodes_.at(1 - i)->instance(router);
        if (one.active() && one.answers() && !other.active() && !other.answers()) {
            return i;
        }
    }
    return std::nullopt;
}

/// The one node that is active for every router.
std::optional<std::size_t> World::only_active_everywhere() const {
    const auto first = only_active(0);
    for (std::size_t router = 1; router < routers(); ++router) {
        if (only_active(router) != first) {
            return std::nullopt;
        }
    }
    return first;
}

void World::demand_convergence() {
    if (failure_) {
        return;
    }
    heal();
    await_leftovers();
    const Bounds& bounds = scenario_.bounds;
    advance(bounds.active_down + bounds.interval + bounds.overlap());
    if (bounds.preempt_delay > Duration{}) {
        // The delay begins with the first advertisement of the node that is active by then.
        advance(bounds.preempt_delay + bounds.active_down + bounds.interval + bounds.overlap());
    }
    if (failure_) {
        return;
    }
    for (std::size_t router = 0; router < routers(); ++router) {
        const auto winner = only_active(router);
        if (!winner) {
            fail("liveness: not exactly one active node after everything was healed, instance " +
                 std::to_string(router));
            return;
        }
        demand_right_node(router, *winner);
    }
    if (nodes_[0]->grouped() && !only_active_everywhere()) {
        fail("liveness: the sync group is divided between the nodes");
    }
    demand_stability("after everything was healed");
}

/// The node with the highest effective priority, unless it lets its peer be.
void World::demand_right_node(std::size_t router, std::size_t winner) {
    const Node& loser = *nodes_.at(1 - winner);
    const auto priority = [&](std::size_t node) {
        return nodes_.at(node)->expectation(router).priority;
    };
    bool preempts = priority(1 - winner) > priority(winner);
    if (loser.instance(router).elector()->priority() < priority(1 - winner)) {
        return;  // an owner that gave in to a forged one
    }
    for (std::size_t i = 0; i < routers(); ++i) {
        if (i == router || loser.grouped()) {
            const auto& config = loser.instance(i).settings().config;
            preempts = preempts && !loser.instance(i).holding() &&
                       (config.preempt || config.priority == vrrp::kOwnerPriority);
        }
    }
    if (preempts) {
        fail("liveness: the node with the lower priority won");
    }
}

void World::demand_stability(const std::string& when) {
    if (failure_) {
        return;
    }
    const std::uint64_t before = transitions_;
    advance(scenario_.bounds.interval * 2);
    if (!failure_ && transitions_ != before) {
        fail("liveness: still changing " + when);
    }
}

std::uint64_t World::overlaps() const {
    std::uint64_t sum = 0;
    for (const auto& checker : router_checkers_) {
        sum += checker.overlaps();
    }
    return sum;
}

/// Between two healthy connected nodes: no moment with two answers, none answers for no longer than
/// the skew time, and the old node does not come back. One member takes its sync group along.
void World::demand_clean_failover() {
    const auto from = failure_ ? std::nullopt : only_active_everywhere();
    if (!from) {
        return;
    }
    Node& old_node = *nodes_.at(*from);
    Node& new_node = *nodes_.at(1 - *from);
    const std::uint64_t before = overlaps();
    // A member that would preempt, if only the others of its group could, claims at once when they
    // can: that is a preemption, with its overlap.
    bool preempting = false;
    // The new node waits the skew time of the interval that it learned.
    Duration skew{};
    for (std::size_t router = 0; router < routers(); ++router) {
        const vrrp::Elector& elector = *new_node.instance(router).elector();
        skew = std::max(skew, elector.skew_time());
        preempting = preempting || elector.wants_active();
    }
    std::optional<std::size_t> router;
    if (old_node.grouped() && random_.percent(50)) {
        router = random_.below(routers());
    }
    disturbed();
    old_node.failover(router, std::nullopt);
    const Bounds& bounds = scenario_.bounds;
    advance(bounds.release + bounds.delay + skew + bounds.acquire);
    if (failure_) {
        return;
    }
    if (only_active_everywhere() != 1 - *from) {
        fail("failover: the peer is not active within the skew time");
        return;
    }
    demand_stability("after a failover");
    if (overlaps() != before && !preempting) {
        fail("I1: both nodes answered during a failover");
    }
    old_node.resume_election();
    new_node.resume_election();
    disturbed();
}

}  // namespace tandem::simulation
