// What the workers of one service share, and the counters each keeps for itself.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/connection_limits.hpp"
#include "proxy/relay/persistence.hpp"
#include "proxy/relay/upstream_group.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tandem::relay {

/// Written by one worker, read by any thread.
class Counter {
  public:
    void add(std::uint64_t amount = 1) {
        // One writer: no locked instruction needed.
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t amount) {
        value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// ServiceCounters of one worker.
struct ShardCounters {
    Counter accepted;
    Counter active;
    Counter finished;
    Counter reset_by_client;
    Counter reset_by_upstream;
    Counter reset_by_demotion;
    Counter timed_out;
    Counter no_upstream;
    Counter refused_inactive;
    Counter local_errors;
    Counter bytes_to_upstream;
    Counter bytes_to_client;
};

struct UpstreamCounters {
    Counter active;
    Counter connected;
    Counter connect_failures;
};

/// Shared by all workers; lives as long as the engine.
class ServiceState {
  public:
    explicit ServiceState(ServiceConfig service)
        : config(std::move(service)),
          limit(config.max_connections),
          life(config.instance.empty() ? 1 : 0),
          upstreams(config),
          last_errors_(config.upstreams.size()) {
        if (config.balance.persistence_timeout.count() != 0) {
            persistence = std::make_unique<PersistenceTable>(config.balance.persistence_timeout,
                                                             Clock::now());
        }
    }

    /// Constant after start() has replaced port zero by the one the kernel chose.
    ServiceConfig config;
    ConnectionLimit limit;

    /// The gate: odd while open, one more at every activation and every deactivation. Set by the
    /// caller of the engine, so that it holds when the call returns however busy the workers are.
    std::atomic<std::uint64_t> life;
    [[nodiscard]] bool is_open() const { return (life.load() & 1U) != 0; }
    void open_gate() { life.fetch_or(1U); }
    void close_gate() {
        std::uint64_t now = life.load();
        while ((now & 1U) != 0 && !life.compare_exchange_weak(now, now + 1)) {
        }
    }
    /// Orders to let no packet leave any more; a worker that has not carried out the last one
    /// closes silently what it would reset.
    std::atomic<std::uint64_t> silence_orders{0};

    UpstreamGroup upstreams;
    /// Null: not configured.
    std::unique_ptr<PersistenceTable> persistence;

    void set_last_error(std::size_t upstream, std::string text) {
        const std::lock_guard lock{mutex_};
        last_errors_[upstream] = std::move(text);
    }
    [[nodiscard]] std::string last_error(std::size_t upstream) const {
        const std::lock_guard lock{mutex_};
        return last_errors_[upstream];
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> last_errors_;
};

}  // namespace tandem::relay
