// One virtual router on one host: a fake kernel with a leased virtual address, and the elector as
// the daemon runs it. The kernel outlives the process.
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

struct InstanceSettings {
    std::size_t node = 0;
    std::size_t router = 0;
    vrrp::InstanceConfig config;
    Duration lease{};
    Duration max_acquire{};
    Duration max_release{};
};

/// What an instance reports to the world.
class Observer {
  public:
    virtual ~Observer() = default;
    /// @return whether it went out.
    virtual bool on_send(const InstanceSettings& from, std::uint8_t priority) = 0;
    virtual void on_transition(const InstanceSettings& where, const vrrp::StateChanged& change) = 0;
    virtual void on_violation(std::size_t node, const std::string& what) = 0;
    virtual void on_note(std::size_t node, const std::string& what) = 0;
};

enum class Pause : std::uint8_t {
    Process,  ///< SIGSTOP: the kernel works on, packets wait in the socket
    Machine,  ///< frozen virtual machine: the kernel is silent too, packets are lost
};

class Instance {
  public:
    /// The conditions that keep an instance from taking part, as the daemon counts them.
    struct Conditions {
        bool tracking = false;
        bool group = false;
        bool sending = false;
    };

    /// @param after_event called after every event of the elector: the node plans its sync group.
    Instance(Scheduler& scheduler, Random& random, Observer& observer, InstanceSettings settings,
             std::function<void()> after_event);

    // The process.
    void create_elector();
    void start(bool tracking_fault, std::uint8_t priority);
    void end_process(bool killed);
    void pause(Pause kind);
    /// The process runs again; wake_up() then handles what waited.
    void unpause();
    void wake_up();

    // The host.
    void set_link(bool up);
    void set_acquire_fails(bool fails) { acquire_fails_ = fails; }
    void set_release_failure_percent(unsigned percent) { release_failure_percent_ = percent; }
    void deliver(const vrrp::ReceivedAdvertisement& advert);

    // Tracking, sync group, operator. No effect when the process does not run.
    void set_tracking(bool faulty, std::uint8_t priority);
    void set_group_fault(bool faulty);
    void group_claim();
    void group_release();
    void shutdown();
    void failover(std::optional<TimePoint> hold_until);
    void resume_election();
    void take_back();

    [[nodiscard]] bool process_exists() const { return elector_.has_value(); }
    [[nodiscard]] bool running() const { return elector_ && !paused_; }
    [[nodiscard]] bool link_up() const { return link_up_; }
    [[nodiscard]] bool active() const {
        return elector_ && elector_->state() == vrrp::State::Active;
    }
    [[nodiscard]] bool acquire_fails() const { return acquire_fails_; }
    [[nodiscard]] bool holding() const { return elector_ && elector_->holding(); }
    [[nodiscard]] bool held_before_last_event() const { return held_before_; }
    [[nodiscard]] bool release_in_flight() const { return release_in_flight_; }
    /// The host answers for the virtual address.
    [[nodiscard]] bool answers() const {
        return address_on_ && link_up_ && paused_ != Pause::Machine;
    }
    [[nodiscard]] bool address_on() const { return address_on_; }
    /// Nothing of this instance alone keeps it from serving.
    [[nodiscard]] bool able() const;
    /// A fault of this instance itself, not one that the group ordered.
    [[nodiscard]] bool own_fault() const {
        return conditions_.tracking || conditions_.sending || !link_up_known_;
    }
    [[nodiscard]] const InstanceSettings& settings() const { return settings_; }
    [[nodiscard]] const vrrp::Elector* elector() const { return elector_ ? &*elector_ : nullptr; }

    /// The address may stay on until then although the process does not want it: the process was
    /// killed or stopped, or the kernel refused the removal, and the lease must end it.
    [[nodiscard]] TimePoint leased_until() const { return leased_until_; }
    /// The last resume after which nothing this instance claims can be held against it.
    [[nodiscard]] TimePoint excused_since() const { return excused_since_; }
    [[nodiscard]] TimePoint last_resume() const { return last_resume_; }
    /// End of the startup delay of this life.
    [[nodiscard]] TimePoint deaf_until() const { return deaf_until_; }
    /// Last advertisement that claims, sent or tried.
    [[nodiscard]] TimePoint last_claim_sent() const { return last_claim_sent_; }
    /// Last advertisement that went out, or the claim.
    [[nodiscard]] TimePoint last_sent() const { return last_sent_; }
    /// The priority that it advertises last changed then.
    [[nodiscard]] TimePoint priority_changed() const { return priority_changed_; }

  private:
    using Event = std::function<vrrp::Actions(vrrp::Elector&, TimePoint)>;

    void feed(const Event& event);
    void apply_conditions();
    void execute(const vrrp::Actions& actions);
    void check_order(const vrrp::Actions& actions);
    void send(std::uint8_t priority);
    void handle_send_results();
    void reopen_later();
    void arm_timer();
    void address_operation(Duration delay, std::function<void()> complete);
    void acquire();
    void release();
    void refresh_lease();
    void extend_lease();
    void expire_lease();
    void violation(const std::string& what);

    Scheduler& scheduler_;
    Random& random_;
    Observer& observer_;
    InstanceSettings settings_;
    std::function<void()> after_event_;

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
    bool link_up_known_ = true;
    Conditions conditions_;
    bool wants_address_ = false;
    bool release_in_flight_ = false;
    bool removal_failed_ = false;
    TimePoint last_operation_end_{};
    std::deque<vrrp::ReceivedAdvertisement> socket_;
    std::vector<std::function<void()>> deferred_;
    std::vector<bool> send_results_;
    bool held_before_ = false;
    bool active_before_ = false;

    // For the checkers.
    TimePoint leased_until_{};
    TimePoint excused_since_{};
    TimePoint last_resume_{};
    TimePoint deaf_until_{};
    TimePoint last_claim_sent_{};
    TimePoint last_sent_{};
    TimePoint priority_changed_{};
    bool heard_since_resume_ = true;
    TimePoint silent_until_{};
};

}  // namespace tandem::simulation
