// One host and its process: one or two virtual routers, perhaps a sync group, tracked objects. Does
// around the electors what the daemon does. The process can crash, stop and go on.
#pragma once

#include "tests/simulation/instance.hpp"
#include "tests/simulation/tracked.hpp"
#include "vrrp/sync_group.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tandem::simulation {

struct NodeSettings {
    std::size_t index = 0;
    std::vector<InstanceSettings> instances;
    /// The instances are one sync group.
    bool grouped = false;
    /// Tracked by every instance of the node.
    std::vector<vrrp::TrackedObject> tracked;
};

class Node {
  public:
    Node(Scheduler& scheduler, Random& random, Observer& observer, NodeSettings settings);

    // The host.
    void start_process();
    void kill_process();
    void pause(Pause kind);
    void resume();
    void set_link(std::size_t router, bool up);
    /// A result for one tracked object; the process learns it when it runs.
    void set_status(std::size_t object, const vrrp::TrackStatus& status);

    // The operator. No effect when the process does not run.
    void shutdown();
    /// @param router unset: every instance.
    void failover(std::optional<std::size_t> router, std::optional<TimePoint> hold_until);
    void resume_election();
    void take_back();

    [[nodiscard]] std::size_t size() const { return instances_.size(); }
    [[nodiscard]] Instance& instance(std::size_t router) { return *instances_.at(router); }
    [[nodiscard]] const Instance& instance(std::size_t router) const {
        return *instances_.at(router);
    }
    [[nodiscard]] bool process_exists() const { return instances_.front()->process_exists(); }
    [[nodiscard]] bool running() const { return instances_.front()->running(); }
    [[nodiscard]] bool paused() const { return process_exists() && !running(); }
    [[nodiscard]] bool grouped() const { return settings_.grouped; }
    [[nodiscard]] bool links_up() const;
    [[nodiscard]] bool holding() const;
    [[nodiscard]] const NodeSettings& settings() const { return settings_; }
    /// Nothing keeps the node from serving this router; in a group every member counts.
    [[nodiscard]] bool healthy(std::size_t router) const;
    /// What the process must make of the objects that it knows.
    [[nodiscard]] Expectation expectation(std::size_t router) const;
    /// The process knows of a fault that forbids the instance to take part.
    [[nodiscard]] bool known_faulty(std::size_t router) const;

  private:
    void track();
    void after_event();
    void plan_group();
    void execute(const vrrp::MemberOrder& order);
    void finish_shutdown();
    void note(const std::string& what) { observer_.on_note(settings_.index, what); }

    Random& random_;
    Observer& observer_;
    NodeSettings settings_;
    std::vector<std::unique_ptr<Instance>> instances_;
    std::vector<vrrp::TrackStatus> statuses_;
    /// What each instance was told.
    std::vector<std::vector<vrrp::TrackStatus>> known_;
    bool stopping_ = false;
    bool starting_ = false;
    bool group_faulty_ = false;
    bool planning_ = false;
};

}  // namespace tandem::simulation
