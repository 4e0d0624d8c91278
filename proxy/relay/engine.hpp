// The relay: workers, listeners and flows behind one object. Thread-safe where said.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/connection_info.hpp"
#include "proxy/relay/status.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::relay {

class AccessQueue;

/// Notices for the log. Called from worker threads: must be thread-safe and must not block.
class EngineObserver {
  public:
    virtual ~EngineObserver() = default;
    /// accept() stopped for a shortage (EMFILE…) or a limit; once per episode and worker.
    virtual void on_accept_paused(std::string_view service, std::string_view reason) = 0;
    virtual void on_accept_resumed(std::string_view service) = 0;
    /// No upstream accepted a connection; at most once a second per service and worker.
    virtual void on_no_upstream(std::string_view service, std::string_view last_error) = 0;
    /// Connections wait because the buffers of a worker have reached their limit; at most once a
    /// second per service and worker.
    virtual void on_buffers_short(std::string_view service) = 0;
};

/// Construct, start(), then steer. Every function may be called from any thread after start().
class Engine {
  public:
    Engine(EngineConfig config, EngineObserver& observer);
    /// stop().
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Binds every listener in every worker (IP_FREEBIND, SO_REUSEPORT) and starts the threads.
    /// @return empty on success, else one message per listener that failed, for people; then
    /// nothing was started and the engine can only be destroyed.
    std::vector<std::string> start();

    /// Resets every flow and joins the workers. `done` of every deactivate() before has run when
    /// this returns; after it no callback runs, and orders (their `done` too) are dropped. Reading
    /// status stays possible. Not for callbacks; once is enough, more do nothing.
    void stop();

    /// Applies the difference to these services while everything runs. Services are the same when
    /// their names are. Of a service that
    /// - is as it was: nothing changes;
    /// - is another: its listening sockets and the kernel's queues stay, new connections are those
    ///   of the new configuration, and those that are there go on as they began. The checks'
    ///   results, the operator's orders, counters, limits, ports and the clients' upstreams are
    ///   taken over;
    /// - is new: it accepts as the orders for its instance say;
    /// - is no more: its listening sockets are closed, its connections go on.
    /// One at a time, from the thread that gives the checks' and the operator's orders.
    /// @param announce called before the first connection of the new configuration, when nothing
    /// can fail any more: numbered_services() and access_queue() are those of then.
    /// @return empty on success, else one message per listener that failed, for people; then
    /// nothing has changed.
    std::vector<std::string> reconfigure(std::vector<ServiceConfig> services,
                                         const std::function<void()>& announce = {});

    // The orders for one instance come from one thread, or are ordered otherwise.

    /// Services of this instance accept and connect from now on: no connection that is accepted
    /// after this has returned is refused, however busy the workers are.
    void activate(const std::string& instance);
    /// Services of this instance stop accepting before this returns; every flow of theirs is reset,
    /// connects in progress are given up. `done(flows_reset)` runs on some worker thread when no
    /// socket that uses the instance's addresses is left, but for connections the kernel goes on
    /// queueing until the address is removed: purge() afterwards empties those queues silently.
    void deactivate(const std::string& instance, std::function<void(std::uint64_t)> done);
    /// From now on a deactivated instance's connections are closed without any packet (needs
    /// CAP_NET_ADMIN), also by a deactivate() that is not done. For callers that remove the address
    /// without waiting for done: before they do. An activation ends it.
    void silence(const std::string& instance);
    /// After the address is gone: close what the kernel queued meanwhile and what deactivate() has
    /// not reset yet, without a packet; `done` of that deactivate() still runs. Does nothing while
    /// active.
    void purge(const std::string& instance);

    /// Connections of the instance that are open now. Relaxed atomics only: no lock, no allocation.
    [[nodiscard]] std::uint64_t active_connections(const std::string& instance) const;
    /// Connections of the instance that deactivations have ended since the start, the running one
    /// included. As cheap.
    [[nodiscard]] std::uint64_t connections_reset(const std::string& instance) const;

    /// Result of health checking. Thread-safe; reaches the workers asynchronously.
    void set_upstream_up(const std::string& service, const std::string& upstream, bool up);
    /// Likewise: the weight that a check gives, 0..65535. It counts unless one was ordered.
    void set_checked_weight(const std::string& service, const std::string& upstream,
                            unsigned weight);

    /// Which part of the source ports new connections of the instance's services take.
    void set_port_share(const std::string& instance, PortShare share);
    // Orders of the operator, until the engine ends. False: no such service or upstream.

    bool set_upstream_admin(const std::string& service, const std::string& upstream,
                            AdminState state);
    /// @param weight 0..65535, zero: no new connections but of clients that had it before; nullopt:
    /// as configured.
    bool set_upstream_weight(const std::string& service, const std::string& upstream,
                             std::optional<unsigned> weight);

    // The open connections. What `done` gets is collected by the workers while they go on working;
    // it runs on one of their threads.

    /// @param service empty: all. False: no such service, and `done` is not called.
    /// @param most connections in the list; the others are only counted.
    bool list_connections(const std::string& service, std::size_t most,
                          const std::function<void(ConnectionList)>& done);
    /// Resets both sides. `done(those that were open)`.
    void disconnect(const std::vector<FlowId>& ids,
                    const std::function<void(std::vector<FlowId>)>& done);

    /// Resets the connections that use one of these addresses, towards the client or towards the
    /// upstream: it is about to be taken off the host. `done(how many)`.
    void disconnect_addresses(std::vector<IpAddress> addresses,
                              const std::function<void(std::uint64_t)>& done);

    /// Records of connections that are over, of services with an access log; null: there is none.
    /// After start(). It may outlive the engine; the one that takes from it is the caller's.
    [[nodiscard]] std::shared_ptr<AccessQueue> access_queue() const;

    /// Asks every worker for a sign of life. @return whether all have answered the last question.
    bool ask_workers();
    /// As cheap as active_connections() while all is well.
    [[nodiscard]] InstanceHealth health(const std::string& instance) const;

    /// Where the service listens: as configured, with port zero replaced by the kernel's choice.
    /// An unknown service: the default endpoint.
    [[nodiscard]] Endpoint listen_endpoint(const std::string& service) const;

    /// Consistent per service, collected from the workers' counters (relaxed atomics).
    [[nodiscard]] std::vector<ServiceStatus> status() const;

    /// The services that records of connections name by number: also earlier configurations that
    /// have connections still.
    [[nodiscard]] std::map<std::uint16_t, ServiceConfig> numbered_services() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::relay
