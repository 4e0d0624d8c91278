// Bounds on concurrent connections, exact over all workers. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

namespace tandem::relay {

/// One bound. Zero: none.
class ConnectionLimit {
  public:
    explicit ConnectionLimit(unsigned limit) : limit_(limit) {}
    /// Takes a place; false: all are taken.
    bool enter();
    void leave() { used_.fetch_sub(1); }
    [[nodiscard]] unsigned used() const { return used_.load(std::memory_order_relaxed); }

  private:
    const unsigned limit_;
    std::atomic<unsigned> used_{0};
};

/// The process-wide bound, and the workers that wait for a place under it or under the bound of
/// a service. A worker that found no place calls wait() and then tries once more: a place given
/// back after that second try wakes it.
class Admission {
  public:
    /// @param wake called by leave() from any thread with the index of a worker that waits.
    Admission(unsigned limit, std::size_t workers, std::function<void(std::size_t)> wake)
        : process_(limit), waiting_(workers), wake_(std::move(wake)) {}

    bool enter(ConnectionLimit& service);
    void leave(ConnectionLimit& service);
    void wait(std::size_t worker);

  private:
    void wake_waiting();

    ConnectionLimit process_;
    std::atomic<unsigned> waiting_count_{0};
    std::vector<std::atomic<bool>> waiting_;
    std::function<void(std::size_t)> wake_;
};

/// The process-wide bound for EngineConfig::max_connections zero: two descriptors for each
/// connection fit under RLIMIT_NOFILE after `reserved` others. At least one.
unsigned default_connection_limit(std::size_t reserved);

}  // namespace tandem::relay
