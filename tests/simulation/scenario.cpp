#include "tests/simulation/scenario.hpp"

#include "vrrp/timing.hpp"

#include <algorithm>

namespace tandem::simulation {
namespace {

using std::chrono::milliseconds;

/// What both nodes share.
struct Common {
    vrrp::Version version = vrrp::Version::V3;
    unsigned adverts = 3;
    Duration interval{};
    /// The other interval, when the nodes differ: a factor of ten at most, as a node takes its peer
    /// at its word only so far.
    Duration other_interval{};
    bool grouped = false;
    std::size_t routers = 1;
    /// Delays are on in some worlds only.
    bool preempt_delays = false;
    bool startup_delays = false;
    bool advert_options = false;
};

Common random_common(Random& random) {
    constexpr std::array<milliseconds, 3> kIntervals{milliseconds{10}, milliseconds{100},
                                                     milliseconds{1000}};
    Common common;
    common.version = random.percent(35) ? vrrp::Version::V2 : vrrp::Version::V3;
    common.adverts = random.percent(90) ? 3 : 2 + static_cast<unsigned>(random.below(4));
    common.interval = common.version == vrrp::Version::V2
                          ? Duration{milliseconds{1000}}
                          : Duration{kIntervals.at(random.below(kIntervals.size()))};
    const bool mixed = common.version == vrrp::Version::V3 && random.percent(15);
    common.other_interval = mixed ? common.interval * 10 : common.interval;
    common.routers = random.percent(60) ? 2 : 1;
    common.grouped = common.routers == 2 && random.percent(70);
    common.preempt_delays = random.percent(25);
    common.startup_delays = random.percent(20);
    common.advert_options = random.percent(25);
    return common;
}

void add_options(vrrp::InstanceConfig& config, const Common& common, Random& random) {
    config.preempt = random.percent(60);
    config.start_as_active = random.percent(30);
    if (common.preempt_delays) {
        config.preempt_delay = random.between(Duration{}, common.interval * 15);
    }
    if (common.startup_delays) {
        config.startup_delay = random.between(Duration{}, common.interval * 8);
    }
    if (common.advert_options) {
        config.lower_priority_no_advert = random.percent(50);
        config.higher_priority_send_advert = random.percent(50);
    }
}

/// Priorities of one virtual router. In a group the order of the nodes is the same for all members:
/// a group with an order for each member has no right node.
std::array<std::uint8_t, 2> random_priorities(Random& random) {
    std::array<std::uint8_t, 2> priorities{};
    for (auto& priority : priorities) {
        priority = static_cast<std::uint8_t>(1 + random.below(254));
    }
    if (random.percent(10)) {
        priorities[1] = priorities[0];
    } else if (random.percent(10)) {
        priorities.at(random.below(2)) = vrrp::kOwnerPriority;
    } else if (random.percent(8)) {
        priorities.fill(vrrp::kOwnerPriority);
    }
    return priorities;
}

void add_owners(const Scenario& scenario, Bounds& bounds) {
    bounds.owner_gives_in = (scenario.faults & kForge) != 0;
    for (std::size_t router = 0; router < scenario.nodes[0].instances.size(); ++router) {
        const auto& first = scenario.nodes[0].instances[router].config;
        const auto& second = scenario.nodes[1].instances[router].config;
        if (first.priority == vrrp::kOwnerPriority && second.priority == vrrp::kOwnerPriority) {
            bounds.owner_gives_in = true;
            bounds.stubborn_owner = bounds.stubborn_owner || first.owner_ignores_adverts ||
                                    second.owner_ignores_adverts;
        }
    }
}

Bounds random_bounds(const Scenario& scenario, const Common& common, Random& random) {
    Bounds bounds;
    const Duration shortest = std::min(common.interval, common.other_interval);
    bounds.interval = std::max(common.interval, common.other_interval);
    bounds.same_intervals = common.interval == common.other_interval;
    // A stranger can make a node believe in an interval of ten times its own.
    const bool forged = (scenario.faults & kForge) != 0 && common.version == vrrp::Version::V3;
    const Duration learned = forged ? bounds.interval * 10 : bounds.interval;
    bounds.active_down = vrrp::active_down_interval(common.version, 1, learned, common.adverts);
    if (common.grouped) {
        // After an order of its group a member waits up to one interval longer.
        bounds.active_down += bounds.interval;
    }
    bounds.delay = shortest / 20;
    bounds.acquire = shortest / 10;
    // Sometimes a release outlasts the active down interval.
    bounds.slow_release = random.percent(15);
    bounds.release = bounds.slow_release ? shortest * 6 : shortest / 4;
    for (const NodeSettings& node : scenario.nodes) {
        for (const InstanceSettings& instance : node.instances) {
            const auto& config = instance.config;
            bounds.preempt_delay = std::max(bounds.preempt_delay, config.preempt_delay);
            bounds.startup_delay = std::max(bounds.startup_delay, config.startup_delay);
            bounds.unanswered =
                bounds.unanswered || config.lower_priority_no_advert ||
                (config.owner_ignores_adverts && config.priority == vrrp::kOwnerPriority);
        }
    }
    add_owners(scenario, bounds);
    return bounds;
}

Duration whole_seconds_lease(const vrrp::InstanceConfig& config) {
    const Duration active_down = vrrp::active_down_interval(
        config.version, config.priority, config.advertisement_interval, config.down_timer_adverts);
    return std::max<Duration>(std::chrono::floor<std::chrono::seconds>(active_down),
                              std::chrono::seconds{1});
}

}  // namespace

Scenario random_scenario(Random& random) {
    const Common common = random_common(random);
    Scenario scenario;
    scenario.faults = static_cast<unsigned>(random.below(kAllFaults + 1));
    if (random.percent(80)) {
        scenario.faults &= ~kForge;
    }
    auto priorities = random_priorities(random);
    for (std::size_t router = 0; router < common.routers; ++router) {
        if (router > 0 && !common.grouped) {
            priorities = random_priorities(random);
        }
        // Of two owners one at most: two that ignore each other never settle.
        const std::size_t ignorant = random.below(4);
        for (std::size_t i = 0; i < scenario.nodes.size(); ++i) {
            InstanceSettings instance;
            instance.node = i;
            instance.router = router;
            auto& config = instance.config;
            config.name = "node" + std::to_string(i) + "-" + std::to_string(router);
            config.virtual_router_id = 51;
            config.version = common.version;
            config.down_timer_adverts = common.adverts;
            config.advertisement_interval = i == 0 ? common.interval : common.other_interval;
            config.priority = priorities.at(i);
            config.owner_ignores_adverts = i == ignorant;
            config.in_sync_group = common.grouped;
            config.source_address =
                boost::asio::ip::make_address("198.51.100." + std::to_string(11 + i));
            add_options(config, common, random);
            scenario.nodes.at(i).instances.push_back(instance);
        }
    }
    for (std::size_t i = 0; i < scenario.nodes.size(); ++i) {
        scenario.nodes.at(i).index = i;
        scenario.nodes.at(i).grouped = common.grouped;
        if ((scenario.faults & kTrack) != 0) {
            scenario.nodes.at(i).tracked = random_objects(random);
        }
    }
    scenario.bounds = random_bounds(scenario, common, random);
    for (NodeSettings& node : scenario.nodes) {
        for (InstanceSettings& instance : node.instances) {
            instance.lease = whole_seconds_lease(instance.config);
            instance.max_acquire = scenario.bounds.acquire;
            instance.max_release = scenario.bounds.release;
        }
    }
    return scenario;
}

std::string describe(const NodeSettings& node, std::size_t router) {
    const InstanceSettings& instance = node.instances.at(router);
    const auto& config = instance.config;
    std::string text = "node " + std::to_string(node.index) + " instance " +
                       std::to_string(router) + ": version " +
                       std::to_string(static_cast<int>(config.version)) + " priority " +
                       std::to_string(config.priority) + " interval " +
                       std::to_string(config.advertisement_interval.count()) + " us, " +
                       std::to_string(config.down_timer_adverts) + " adverts, lease " +
                       std::to_string(instance.lease.count()) + " us, preempt_delay " +
                       std::to_string(config.preempt_delay.count()) + " us, startup_delay " +
                       std::to_string(config.startup_delay.count()) + " us";
    text += node.grouped ? " grouped" : "";
    text += config.preempt ? "" : " nopreempt";
    text += config.start_as_active ? " state-master" : "";
    text += config.lower_priority_no_advert ? " lower_prio_no_advert" : "";
    text += config.higher_priority_send_advert ? " higher_prio_send_advert" : "";
    text += config.owner_ignores_adverts ? " owner_ignore_adverts" : "";
    text += " tracked " + std::to_string(node.tracked.size());
    return text;
}

}  // namespace tandem::simulation
