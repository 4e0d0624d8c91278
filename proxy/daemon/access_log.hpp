// The access log: a thread of its own that takes records from the relay and writes lines.
#pragma once

#include "proxy/relay/access_queue.hpp"
#include "proxy/relay/config.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace tandem::daemon {

/// What an operator should know; at most one of each kind and target in kReportInterval, but for
/// Recovered, which ends a Failed.
struct AccessLogReport {
    enum class Kind : std::uint8_t {
        /// Lines cannot be written; they wait, the oldest first.
        Failed,
        Recovered,
        /// `lost` records more are missing in the target's log.
        Lost,
    };
    Kind kind = Kind::Failed;
    /// File name, "syslog", or "the queue" for records that no thread had time to write.
    std::string target;
    /// Failed only.
    std::string error;
    std::uint64_t lost = 0;
};

/// Construct, stop(). The relay never waits for this thread, nor does the caller.
class AccessLog {
  public:
    using Handler = std::function<void(AccessLogReport)>;
    /// How long lines are gathered before they are written.
    static constexpr std::chrono::milliseconds kGatherTime{100};
    static constexpr std::chrono::seconds kReportInterval{10};
    /// How long stop() waits for a disk that hangs.
    static constexpr std::chrono::seconds kStopPatience{1};

    using Services = std::map<std::uint16_t, relay::ServiceConfig>;

    /// @param services by the number that records have of them.
    /// @param queue null: no service has an access log; then nothing happens.
    /// @param handler called on the log's thread, not after stop().
    AccessLog(const Services& services, std::shared_ptr<relay::AccessQueue> queue, Handler handler);
    /// stop().
    ~AccessLog();
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;

    /// From now on there are these services; before the first record of a new one is put. The queue
    /// is the one there was, or the first one.
    void reconfigure(const Services& services, std::shared_ptr<relay::AccessQueue> queue);
    /// Opens every file again: for log rotation. Any thread.
    void reopen();
    /// Writes what is in the queue; the relay has ended. A thread that is stuck in a disk longer
    /// than kStopPatience is left behind.
    /// @return records that are missing in some log and were not reported.
    std::uint64_t stop();

  private:
    void start(const Services& services, std::shared_ptr<relay::AccessQueue> queue);

    Handler handler_;
    // Shared with the thread, which may outlive this object.
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tandem::daemon
