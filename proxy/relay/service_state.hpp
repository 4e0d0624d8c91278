// What the workers of one service share, and the counters each keeps for itself.
#pragma once

#include "proxy/relay/access_list.hpp"
#include "proxy/relay/access_queue.hpp"
#include "proxy/relay/balancer.hpp"
#include "proxy/relay/client_table.hpp"
#include "proxy/relay/config.hpp"
#include "proxy/relay/connection_limits.hpp"
#include "proxy/relay/persistence.hpp"
#include "proxy/relay/source_pool.hpp"
#include "proxy/relay/token_bucket.hpp"
#include "proxy/relay/upstream_group.hpp"
#include "proxy/relay/upstream_queue.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
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
    Counter ended_by_operator;
    Counter timed_out;
    Counter no_upstream;
    Counter no_route;
    Counter bad_proxy_header;
    Counter preread_timed_out;
    Counter queue_full;
    Counter queue_timed_out;
    Counter reset_by_down;
    Counter refused_inactive;
    Counter denied;
    Counter refused_client_limit;
    Counter refused_client_rate;
    Counter lifetime_over;
    Counter local_errors;
    Counter ports_exhausted;
    Counter buffer_waits;
    Counter bytes_to_upstream;
    Counter bytes_to_client;
    Counter bytes_spliced;
};

struct UpstreamCounters {
    Counter active;
    Counter connected;
    Counter connect_failures;
};

/// What one worker has counted; read by any thread.
struct alignas(64) WorkerCounters {
    explicit WorkerCounters(std::size_t size) : upstreams(size) {}
    ShardCounters service;
    std::vector<UpstreamCounters> upstreams;
    /// errno of accept() while it fails; zero: it works.
    std::atomic<int> accept_error{0};
};

/// One configuration of a service, shared by all workers. When another one takes its place it goes
/// on for the connections that it has. What both have to know together (places under limits, ports,
/// the clients' upstreams, the queue) they share.
class ServiceState {
  public:
    ServiceState(ServiceConfig service, SourcePoolFactory& pools, std::size_t workers);
    /// Takes over what another configuration, whose place it takes, knows. Before any use.
    void inherit(const ServiceState& before);

    /// As it was given.
    const ServiceConfig configured;
    /// Constant after start() has replaced port zero by the one the kernel chose.
    ServiceConfig config;
    std::shared_ptr<ConnectionLimit> limit;
    const AccessList access;
    /// Null: clients are not limited.
    std::shared_ptr<ClientTable> clients;
    /// Null: any rate.
    std::shared_ptr<SharedRate> rate;
    /// Set when an upstream is there for certain names or protocols only.
    const std::optional<NameRouter> router;
    /// Who connects decides whether, or where to.
    [[nodiscard]] bool needs_client_address() const {
        return access.restricts() || clients || Balancer::needs_client(config) ||
               !config.preread.proxy_senders.empty();
    }

    /// Its number, for reports of connections; another configuration of it has another.
    std::uint16_t position = 0;
    /// Null: the service has no access log. Set before the workers exist.
    AccessQueue* access_queue = nullptr;

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

    /// Where connections come from, by upstream; and which part of the ports is this node's.
    std::vector<std::unique_ptr<SourcePool>> sources;
    std::atomic<PortShare> port_share{PortShare::Whole};

    UpstreamGroup upstreams;
    /// Set before the workers know it. Null: no upstream is ever full, or nobody may wait.
    std::shared_ptr<UpstreamQueue> queue;
    [[nodiscard]] bool needs_queue() const {
        return config.balance.queue_limit != 0 && upstreams.can_be_full();
    }
    /// Null: not configured.
    std::shared_ptr<PersistenceTable> persistence;

    /// By worker.
    std::vector<std::unique_ptr<WorkerCounters>> counters;
    /// Workers whose part of it is not over; zero: it has no connection any more, and gets none.
    std::atomic<std::size_t> workers_left;

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
