// The log: a bounded queue and a thread of its own that writes. A caller never waits for a sink.
#pragma once

#include "proxy/daemon/log_line.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <unistd.h>

namespace tandem::daemon {

struct LogOptions {
    bool json = false;
    /// True: `descriptor`; false: syslog (facility daemon).
    bool console = false;
    /// True: debug level too.
    bool detail = false;
    int descriptor = STDERR_FILENO;
};

/// Thread-safe. While a sink takes nothing (a full disk, a pipe that nobody reads, a stopped
/// syslog) the oldest lines beyond kQueueBytes are dropped: the node's work goes before its log.
/// When lines go through again, messages::kLogLinesLost tells how many are missing.
class Log {
  public:
    /// Text that waits, at most.
    static constexpr std::size_t kQueueBytes = std::size_t{2} << 20U;
    /// How long the destructor waits for a sink that takes nothing.
    static constexpr std::chrono::seconds kStopPatience{1};

    explicit Log(const LogOptions& options);
    /// Writes what is queued. A thread that is still stuck in a sink after kStopPatience is left
    /// behind, for the end of the process.
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(const Message& message, const Fields& fields);

    /// Since the start.
    [[nodiscard]] std::uint64_t lines_lost() const;

  private:
    // Shared with the writing thread, which may outlive this object.
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tandem::daemon
