// Tells the world about state changes: notify scripts and notify FIFOs, as keepalived does. Shell;
// the order and what is left out is decided in notify_queue (pure).
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/notify_event.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace tandem::daemon {

/// Create and use on the control thread. For each instance (and group) one program runs at a time:
/// the specific one, then the generic one; while they run only the latest state is remembered, so
/// the last state told is the state that is. A program that runs longer than kTimeout is ended.
class Notifier {
  public:
    static constexpr std::chrono::seconds kTimeout{60};
    /// How long stop() lets STOP programs run.
    static constexpr std::chrono::seconds kStopPatience{1};

    using Problem = std::function<void(const std::string& name, const std::string& text)>;

    Notifier(boost::asio::io_context& context, const config::Model& model, Problem problem);
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    /// Creates the FIFOs and starts their scripts.
    void start();
    /// Another configuration: instances and groups that are new are known from now on, those that
    /// are others tell their next event as they are configured now. FIFOs stay as they are.
    void introduce(const config::Model& model);
    /// After their last event: instances and groups that are no more are forgotten, when the
    /// program that runs for one has ended.
    void forget_others(const config::Model& model);
    /// @param priority effective priority now.
    void instance_changed(const std::string& instance, NotifyEvent event, std::uint8_t priority);
    /// Groups: Master, Backup, Fault, Stop; the priority told is always 0.
    void group_changed(const std::string& group, NotifyEvent event);
    /// After changes may have been lost: tells the states that differ from the one told last.
    void states_are(const std::vector<CurrentState>& states);
    /// Call after the last event (Stop of every instance); `done` when the programs ended or
    /// kStopPatience passed. FIFOs are removed.
    void stop(std::function<void()> done);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::daemon
