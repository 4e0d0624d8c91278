// Counts tracked processes. Shell.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/deadline_timer.hpp"
#include "proxy/daemon/process_state.hpp"
#include "vrrp/track.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include <sys/types.h>

namespace tandem::daemon {

/// The kernel's process events are not for network namespaces other than the first, so /proc is
/// read: every kScanInterval, a part at a time so that other work of the thread goes on. Processes
/// that match are held by a pidfd, and their end is seen at once; a new one at the next scan.
/// Use on the thread of the io_context.
class ProcessWatch {
  public:
    static constexpr std::chrono::seconds kScanInterval{1};
    /// Processes looked at in one scan; more are reported and left out.
    static constexpr std::size_t kMaxProcesses = 10'000;
    /// Processes held by a descriptor; the end of others is seen by the next scan.
    static constexpr std::size_t kMaxHeld = 1'000;
    /// Processes looked at before other work of the thread gets its turn.
    static constexpr std::size_t kBatch = 200;

    using Report = std::function<void(const std::string& name, const vrrp::TrackStatus& status)>;
    using Problem = std::function<void(const std::string& name, const std::string& text)>;

    ProcessWatch(boost::asio::io_context& context,
                 const std::vector<config::TrackedProcessSettings>& processes, Report report,
                 Problem problem);
    ~ProcessWatch();
    ProcessWatch(const ProcessWatch&) = delete;
    ProcessWatch& operator=(const ProcessWatch&) = delete;

    /// The first report of each object comes when the first scan is done.
    void start();
    void stop();
    /// Other objects, after start(). What is known of one that is as it was stays; the others are
    /// reported when the next scan is done.
    void reconfigure(const std::vector<config::TrackedProcessSettings>& processes);

  private:
    using TimePoint = ProcessQuorum::TimePoint;
    struct Tracked;
    struct Process;
    struct Scan;

    void begin_scan();
    void continue_scan();
    void end_scan();
    void look_at(pid_t pid);
    void hold(pid_t pid, std::vector<std::size_t> tracked);
    void count(TimePoint now);
    void tell(Tracked& tracked, const std::optional<vrrp::TrackStatus>& status);

    boost::asio::io_context& context_;
    std::vector<std::unique_ptr<Tracked>> tracked_;
    std::map<pid_t, std::shared_ptr<Process>> processes_;
    std::unique_ptr<Scan> scan_;
    bool scanned_once_ = false;
    std::string told_problem_;
    Report report_;
    Problem problem_;
    DeadlineTimer timer_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace tandem::daemon
