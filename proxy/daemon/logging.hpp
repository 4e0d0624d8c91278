// The log: spdlog behind the message catalogue. Asynchronous: a caller never waits for a sink.
#pragma once

#include "proxy/daemon/log_line.hpp"

#include <memory>

namespace tandem::daemon {

struct LogOptions {
    bool json = false;
    /// True: standard error; false: syslog (facility daemon).
    bool console = false;
    /// True: debug level too.
    bool detail = false;
};

/// Thread-safe. The queue holds 8192 lines; when a sink blocks for longer the oldest are dropped:
/// the node's work goes before its log.
class Log {
  public:
    explicit Log(const LogOptions& options);
    /// Writes what is queued.
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(const Message& message, const Fields& fields);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::daemon
