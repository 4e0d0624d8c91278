// The election thread: routers, virtual addresses and planned failover on one io_context. Shell:
// every decision is in vrrp::Elector, netlink's vip_plan and FailoverMachine.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/failover.hpp"
#include "proxy/daemon/guardian_link.hpp"
#include "proxy/daemon/instance_snapshot.hpp"
#include "proxy/daemon/log_line.hpp"
#include "proxy/daemon/notifier.hpp"
#include "vrrp/router.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/system/error_code.hpp>

namespace tandem::relay {
class Engine;
}

namespace tandem::daemon {

/// Reports of the election thread. Called on it: must only hand over, never block.
class ElectionObserver {
  public:
    virtual ~ElectionObserver() = default;
    virtual void on_election_message(const Message& message, Fields fields) = 0;
    /// For notify scripts and FIFOs.
    /// @param priority effective priority now.
    virtual void on_instance_event(const std::string& instance, NotifyEvent event,
                                   std::uint8_t priority) = 0;
    virtual void on_group_event(const std::string& group, NotifyEvent event) = 0;
    /// Every state that was told before, in answer to tell_states().
    virtual void on_states(std::vector<CurrentState> states) = 0;
    /// To be kept for the next life.
    virtual void on_replay_marks(const std::string& instance,
                                 const std::vector<vrrp::ReplayMark>& marks) = 0;
};

/// Construct, start(), and stop() on the control thread. The other functions may be called from any
/// thread between start() and the end of stop(); their callbacks run on the election thread.
class Election {
  public:
    struct Options {
        /// SCHED_RR priority; zero: 1.
        unsigned realtime_priority = 0;
        /// Processor time the thread may use without waiting; zero: no limit.
        std::chrono::microseconds realtime_limit{0};
        /// Instance → replay marks of an earlier life.
        std::map<std::string, std::vector<vrrp::ReplayMark>> replay_marks;
        /// Channel to the guardian, owned by the election from here on; -1: none.
        int guardian_channel = -1;
    };
    using ResumeHandler =
        std::function<void(std::vector<std::string> resumed, std::string unknown)>;

    Election(const config::Model& model, Options options, relay::Engine& engine,
             ElectionObserver& observer);
    ~Election();
    Election(const Election&) = delete;
    Election& operator=(const Election&) = delete;

    /// Opens the kernel sockets, removes leftovers of an earlier life, starts the thread and the
    /// routers.
    boost::system::error_code start();

    /// The whole node has started: tells the guardian.
    void ready();

    /// Gives every instance up gracefully (flows reset → addresses off → priority 0), then `done`.
    /// The thread ends with the destructor.
    void shutdown(std::function<void()> done);

    /// For an observer that may have missed changes: on_states(), in order with the other reports,
    /// then `done`.
    void tell_states(std::function<void()> done);

    void snapshot(std::function<void(std::vector<InstanceSnapshot>)> handler);
    [[nodiscard]] GuardianState guardian_state() const;
    void failover(FailoverCommand command, std::function<void(FailoverResult)> handler);
    /// Ends the hold of the named instances (empty: all). The handler gets the names that were
    /// resumed, and the first name that does not exist (then nothing was done).
    void resume(std::vector<std::string> instances, ResumeHandler handler);
    /// Another configuration. An instance that is as it was keeps its state and its timers; one
    /// that is another keeps its state, unless it begins_anew(); one that is no more gives its
    /// addresses up gracefully. Connections of addresses that are no more are reset. After a
    /// failover in progress; a failover meanwhile waits. `done` when everything is as configured;
    /// what is tracked and was not known before may still be waited for, with the old priority in
    /// force.
    void reconfigure(config::Model model, std::function<void()> done);
    /// What is known of a tracked object now; see Tracking.
    void tracked(vrrp::TrackKind kind, std::string name, vrrp::TrackStatus status);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::daemon
