// Watches what instances track beside interfaces: runs vrrp_script programs, reads tracked files,
// counts tracked processes. Shell; what a result means is decided in vrrp/track and script_state.
#pragma once

#include "proxy/config/model.hpp"
#include "vrrp/track.hpp"

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

namespace tandem::daemon {

/// Create, start() and stop() on the control thread's io_context; reports come on that thread.
/// Every object is reported once soon after start() (files and a script that is missing: from
/// within it) and on each change; scripts once their first result is in, with init_fail at once.
/// Programs run without a shell, as the configured user, in a process group of their own, with the
/// node's standard descriptors on /dev/null, and die with this process.
class Tracking {
  public:
    using Report = std::function<void(vrrp::TrackKind kind, const std::string& name,
                                      const vrrp::TrackStatus& status)>;
    /// A line for the log: a script that timed out, could not be started, runs longer than its
    /// interval; once per change.
    using Problem =
        std::function<void(vrrp::TrackKind kind, const std::string& name, const std::string& text)>;

    Tracking(boost::asio::io_context& context, const config::Model& model, Report report,
             Problem problem);
    ~Tracking();
    Tracking(const Tracking&) = delete;
    Tracking& operator=(const Tracking&) = delete;

    void start();
    /// Ends every program that runs.
    void stop();
    /// Another configuration, after start(). An object that is as it was goes on with what is known
    /// of it and is not reported again; a new one, or one that is another, begins anew.
    void reconfigure(const config::Model& model);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::daemon
