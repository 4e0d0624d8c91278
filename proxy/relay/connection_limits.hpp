// Bounds on concurrent connections, exact over all workers. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::relay {

/// One bound. Zero: none.
class ConnectionLimit {
  public:
    explicit ConnectionLimit(unsigned limit) : limit_(limit) {}
    /// Takes a place; false: all are taken.
    bool enter();
    void leave() { used_.fetch_sub(1); }
    /// Who has a place keeps it, also above the bound.
    void set_limit(unsigned limit) { limit_.store(limit); }
    [[nodiscard]] unsigned limit() const { return limit_.load(std::memory_order_relaxed); }
    [[nodiscard]] unsigned used() const { return used_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool full() const { return limit() != 0 && used_.load() >= limit(); }

  private:
    std::atomic<unsigned> limit_;
    std::atomic<unsigned> used_{0};
};

/// The process-wide bound, and the workers that wait for a place under it or under the bound of
/// a service. A worker that found no place calls wait() and then tries once more: a place given
/// back after that second try wakes it. A try that fails wakes nobody: workers that wait at a bound
/// must not keep each other busy.
class Admission {
  public:
    /// @param wake called by leave() from any thread with the index of a worker that waits.
    /// @param origin for people: where the limit comes from.
    Admission(unsigned limit, std::size_t workers, std::function<void(std::size_t)> wake,
              std::string origin = "configured")
        : process_(limit), origin_(std::move(origin)), waiting_(workers), wake_(std::move(wake)) {}

    enum class Entry : std::uint8_t { Granted, ServiceFull, ProcessFull };
    [[nodiscard]] Entry enter(ConnectionLimit& service);
    void leave(ConnectionLimit& service);
    void wait(std::size_t worker);
    /// A bound was raised: wakes the workers that wait.
    void wake_waiting();
    [[nodiscard]] unsigned process_limit() const { return process_.limit(); }
    [[nodiscard]] const std::string& process_limit_origin() const { return origin_; }

  private:
    ConnectionLimit process_;
    const std::string origin_;
    std::atomic<unsigned> waiting_count_{0};
    std::vector<std::atomic<bool>> waiting_;
    std::function<void(std::size_t)> wake_;
};

/// The process-wide bound for EngineConfig::max_connections zero: two descriptors for each
/// connection fit under RLIMIT_NOFILE after `reserved` others. At least one.
unsigned default_connection_limit(std::size_t reserved);
/// Where that comes from, for people: "from RLIMIT_NOFILE 1024".
std::string default_connection_limit_origin();

}  // namespace tandem::relay
