// One host: a fake kernel with a leased virtual address, and a process that runs the elector the
// way the daemon does. The process can crash, stop and go on; the kernel outlives it.
#pragma once

#include "tests/simulation/random.hpp"
#include "tests/simulation/scheduler.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tandem::simulation {

struct NodeSettings {
    std::size_t index = 0;
    vrrp::InstanceConfig instance;
    Duration lease{};
    Duration max_acquire{};
    Duration max_release{};
};

/// What a node reports to the world.
class NodeObserver {
  public:
    virtual ~NodeObserver() = default;
    virtual void on_send(std::size_t node, std::uint8_t priority) = 0;
    virtual void on_transition(std::size_t node, const vrrp::StateChanged& change) = 0;
    virtual void on_violation(std::size_t node, const std::string& what) = 0;
    virtual void on_note(std::size_t node, const std::string& what) = 0;
};

enum class Pause : std::uint8_t {
    Process,  ///< SIGSTOP: the kernel works on, packets wait in the socket
    Machine,  ///< frozen virtual machine: the kernel is silent too, packets are lost
};

class Node {
  public:
    Node(Scheduler& scheduler, Random& random, NodeObserver& observer, NodeSettings settings);

    // The host.
    void start_process();
    void kill_process();
    void pause(Pause kind);
    void resume();
    void set_link(bool up);
    void set_acquire_fails(bool fails) { acquire_fails_ = fails; }
    void set_release_failure_percent(unsigned percent) { release_failure_percent_ = percent; }
    void deliver(const vrrp::ReceivedAdvertisement& advert);

    // The operator. No effect when the process does not run.
    void shutdown();
    void failover(std::optional<TimePoint> hold_until);
    void resume_election();
    void take_back();

    [[nodiscard]] bool process_exists() const { return elector_.has_value(); }
    [[nodiscard]] bool running() const { return elector_ && !paused_; }
    [[nodiscard]] bool paused() const { return paused_.has_value(); }
    [[nodiscard]] bool link_up() const { return link_up_; }
    [[nodiscard]] bool active() const;
    [[nodiscard]] bool acquire_fails() const { return acquire_fails_; }
    [[nodiscard]] bool holding() const { return elector_ && elector_->holding(); }
    [[nodiscard]] bool held_before_last_event() const { return held_before_; }
    /// The host answers for the virtual address.
    [[nodiscard]] bool answers() const {
        return address_on_ && link_up_ && paused_ != Pause::Machine;
    }
    /// Nothing keeps this host from serving.
    [[nodiscard]] bool healthy() const {
        return running() && link_up_ && !acquire_fails_ && !stopping_;
    }
    [[nodiscard]] const NodeSettings& settings() const { return settings_; }
    [[nodiscard]] const vrrp::Elector* elector() const { return elector_ ? &*elector_ : nullptr; }

    /// The address may stay on until then although the process does not want it: the process was
    /// killed or stopped, or the kernel refused the removal, and the lease must end it.
    [[nodiscard]] TimePoint leased_until() const { return leased_until_; }
    /// The last resume after which nothing this node claims can be held against it.
    [[nodiscard]] TimePoint excused_since() const { return excused_since_; }
    [[nodiscard]] TimePoint last_resume() const { return last_resume_; }

  private:
    using Event = std::function<vrrp::Actions(vrrp::Elector&, TimePoint)>;

    void feed(const Event& event);
    void execute(const vrrp::Actions& actions);
    void check_order(const vrrp::Actions& actions);
    void send(std::uint8_t priority);
    void arm_timer();
    void address_operation(Duration delay, std::function<void()> complete);
    void acquire();
    void release();
    void refresh_lease();
    void extend_lease();
    void expire_lease();
    void wake_up(TimePoint paused_at);

    Scheduler& scheduler_;
    Random& random_;
    NodeObserver& observer_;
    NodeSettings settings_;

    // Kernel and cable.
    bool link_up_ = true;
    bool address_on_ = false;
    TimePoint lease_end_{};
    bool acquire_fails_ = false;
    unsigned release_failure_percent_ = 0;

    // Process.
    std::optional<vrrp::Elector> elector_;
    std::uint64_t life_ = 0;
    std::uint64_t timer_ = 0;
    std::uint64_t refresh_ = 0;
    std::optional<Pause> paused_;
    TimePoint paused_at_{};
    bool was_active_at_pause_ = false;
    bool stopping_ = false;
    bool wants_address_ = false;
    bool release_in_flight_ = false;
    bool removal_failed_ = false;
    TimePoint last_operation_end_{};
    std::deque<vrrp::ReceivedAdvertisement> socket_;
    std::vector<std::function<void()>> deferred_;
    bool held_before_ = false;

    // For the checkers.
    TimePoint leased_until_{};
    TimePoint excused_since_{};
    TimePoint last_resume_{};
    bool heard_since_resume_ = true;
    TimePoint silent_until_{};
};

}  // namespace tandem::simulation
