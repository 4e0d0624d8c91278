// The election thread: routers, virtual addresses and planned failover on one io_context. Shell:
// every decision is in vrrp::Elector, netlink's vip_plan and FailoverMachine.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/failover.hpp"
#include "proxy/daemon/instance_snapshot.hpp"
#include "proxy/daemon/log_line.hpp"
#include "vrrp/router.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
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
};

/// Construct, start(), and stop() on the control thread. The other functions may be called from any
/// thread between start() and the end of stop(); their callbacks run on the election thread.
class Election {
  public:
    struct Options {
        /// SCHED_RR priority; zero: 1.
        unsigned realtime_priority = 0;
    };
    Election(std::vector<config::InstanceSettings> instances, Options options,
             relay::Engine& engine, ElectionObserver& observer);
    ~Election();
    Election(const Election&) = delete;
    Election& operator=(const Election&) = delete;

    /// Opens the kernel sockets, removes leftovers of an earlier life, starts the thread and the
    /// routers.
    boost::system::error_code start();

    /// Gives every instance up gracefully (flows reset → addresses off → priority 0), then `done`.
    /// The thread ends with the destructor.
    void shutdown(std::function<void()> done);

    void snapshot(std::function<void(std::vector<InstanceSnapshot>)> handler);
    void failover(FailoverCommand command, std::function<void(FailoverResult)> handler);
    /// Ends the hold of the named instances (empty: all). The handler gets the names that were
    /// resumed, and the first name that does not exist (then nothing was done).
    void resume(std::vector<std::string> instances,
                std::function<void(std::vector<std::string> resumed, std::string unknown)> handler);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::daemon
