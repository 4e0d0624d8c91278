// One service in one worker: its listener, its gate, its balancer and its flows.
#pragma once

#include "proxy/relay/balancer.hpp"
#include "proxy/relay/engine.hpp"
#include "proxy/relay/flow.hpp"
#include "proxy/relay/listener.hpp"
#include "proxy/relay/reactor.hpp"
#include "proxy/relay/service_state.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::relay {

/// Lives on its reactor's thread.
class ServiceShard final : public ListenerOwner, public Task {
  public:
    ServiceShard(Reactor& reactor, std::size_t worker, std::shared_ptr<ServiceState> state,
                 Admission& admission, EngineObserver& observer, Descriptor socket);
    ~ServiceShard() override;

    error_code start() { return listener_.start(); }
    // The gate itself is in ServiceState and has been set before these orders come.
    void activate();
    /// Resets every flow of earlier lives in bounded turns, then empties the kernel's queue.
    /// `done(flows_reset)` runs when nothing is left; the queue is then left alone until purge().
    void deactivate(std::function<void(std::uint64_t)> done);
    /// Closes what is left silently. @param silence the order of silence that this carries out.
    void purge(std::uint64_t silence);
    /// The weights in force have changed. @param table null: the method has none.
    void set_table(std::shared_ptr<const MaglevTable> table) {
        balancer_.set_table(std::move(table));
    }
    /// A place under a connection limit may have become free.
    void retry_admission();
    /// A place at an upstream may have become free. @return whether it may be left for another: all
    /// who wait here were tried, and none found every upstream full.
    [[nodiscard]] bool serve_queue();
    /// Resets the connections of this upstream, in bounded turns.
    void reset_upstream(std::size_t upstream);
    /// Resets everything now, for the end of the engine.
    void stop();
    /// Accepts nothing any more, and calls on_over() when it has no connection left. That one may
    /// dispose of it.
    /// @return the listening socket.
    Descriptor retire(std::function<void()> on_over);
    /// Takes the place of one that was retired in this turn: what it was ordered counts here.
    void succeed(const ServiceShard& before);
    /// Before retire() of a service that ends: who waits in the kernel's queue is let in as always.
    void accept_queue();

    [[nodiscard]] const ServiceState& state() const { return state_; }

    // For flows.
    [[nodiscard]] Reactor& reactor() { return reactor_; }
    [[nodiscard]] const ServiceConfig& config() const { return state_.config; }
    [[nodiscard]] const std::optional<NameRouter>& router() const { return state_.router; }
    [[nodiscard]] ShardCounters& counters() { return counters_; }
    [[nodiscard]] std::uint32_t worker() const { return static_cast<std::uint32_t>(worker_); }
    [[nodiscard]] std::uint16_t service_index() const { return state_.position; }
    /// Null: the service has no access log.
    [[nodiscard]] AccessQueue* access_queue() const { return state_.access_queue; }
    /// What the client has connected to.
    [[nodiscard]] Endpoint virtual_address(const Descriptor& client) const;
    /// Why admit_client() said no.
    [[nodiscard]] EndCause last_refusal() const { return last_refusal_; }
    [[nodiscard]] SourcePool& sources(std::size_t upstream) { return *state_.sources[upstream]; }
    [[nodiscard]] PortShare port_share() const {
        return state_.port_share.load(std::memory_order_relaxed);
    }
    [[nodiscard]] UpstreamCounters& upstream_counters(std::size_t upstream) {
        return upstream_counters_[upstream];
    }
    /// Takes a place at the upstream, for leave_upstream().
    BalanceChoice pick_upstream(std::uint64_t client, std::span<const std::uint16_t> tried) {
        return balancer_.pick({.client = client, .now = reactor_.now(), .tried = tried});
    }
    /// Whether this client may have one more connection now; counted if not. `place` is set when
    /// clients are counted.
    bool admit_client(const Endpoint& client, ClientTable::Client*& place);
    /// For the choice of an upstream, where it depends on the client.
    [[nodiscard]] std::uint64_t hash_of(const Endpoint& client) const;
    /// max_lifetime and up to a tenth of it.
    [[nodiscard]] Clock::duration drawn_lifetime();
    void leave_upstream(std::size_t upstream) {
        state_.upstreams.leave(upstream);
        if (state_.queue) {
            state_.queue->place_free();
        }
    }
    /// Waits for a place at an upstream: try_again() will be called. False: too many wait.
    [[nodiscard]] bool enter_queue(Flow& flow);
    void leave_queue(Flow& flow);
    /// For one that would take any upstream; others that would are before it.
    [[nodiscard]] bool others_wait() const {
        return !queued_.empty() && queued_.back().takes_any_upstream();
    }
    [[nodiscard]] bool has_queue() const { return state_.queue != nullptr; }
    /// The client is to come back to this upstream, where the service wants that.
    void remember_client(std::uint64_t client, std::size_t upstream);
    void connect_succeeded(std::size_t upstream);
    void connect_failed(std::size_t upstream, const std::string& text);
    void no_upstream_left(std::string_view last_error);
    /// A flow waits for a buffer.
    void buffers_short();
    /// The flow is over; it is deleted at the end of the turn.
    void flow_ended(Flow& flow);

  private:
    using FlowList = boost::intrusive::list<Flow, boost::intrusive::base_hook<FlowHook>,
                                            boost::intrusive::constant_time_size<false>>;
    using QueuedFlows = boost::intrusive::list<Flow, boost::intrusive::base_hook<QueueHook>,
                                               boost::intrusive::constant_time_size<false>>;
    struct Drain {
        std::function<void(std::uint64_t)> done;
        std::uint64_t flows_reset = 0;
        std::size_t queue_emptied = 0;
    };

    [[nodiscard]] bool silent() const {
        return state_.silence_orders.load() != silence_carried_out_;
    }
    /// Flows of lives before `life` are to be reset.
    void doom_before(std::uint64_t life);
    void end_doomed();
    [[nodiscard]] bool has_connections() const {
        return !flows_.empty() || !doomed_.empty() || !cut_off_.empty();
    }
    void end_if_over();
    void refuse(Descriptor socket, const Endpoint& client);
    /// The record of a connection that was reset at once.
    void log_refused(const Descriptor& socket, const Endpoint& client, EndCause cause);
    /// Whether to give a notice of this kind now.
    [[nodiscard]] bool is_due(TimePoint& last_notice) const;

    bool admit() override;
    bool enter();
    void not_accepted() override;
    void accepted(Descriptor socket, const Endpoint& client) override;
    /// True: its first bytes name the client, which is admitted when they are read.
    [[nodiscard]] bool sends_proxy_header(const Endpoint& client) const;
    /// admit_client() for a client that is the sender itself, where the service takes those.
    bool admit_sender(const Endpoint& client, ClientTable::Client*& place);
    /// Whether one more connection may be accepted now; if not, the listener asks again later.
    bool admit_by_rate();
    [[nodiscard]] std::string limit_reached() const override;
    void on_paused(std::string_view reason) override;
    void on_resumed() override;
    void on_accept_failing(int error) override {
        state_.counters[worker_]->accept_error.store(error);
    }
    void run() override;
    void finish_drain();

    Reactor& reactor_;
    const std::size_t worker_;
    const std::shared_ptr<ServiceState> keeps_state_;
    ServiceState& state_;
    Admission& admission_;
    EngineObserver& observer_;
    Listener listener_;
    Balancer balancer_;
    /// Life of the flows in flows_.
    std::uint64_t life_;
    /// Nothing is accepted: the address is about to go or is gone, not even a reset may leave.
    bool frozen_ = false;
    /// A place was taken for the connection that is being accepted.
    bool admitted_ = false;
    std::uint64_t silence_carried_out_ = 0;
    bool waiting_for_admission_ = false;
    const bool limits_flows_;
    std::minstd_rand lots_{std::random_device{}()};
    /// The rate was what stood in the way.
    bool rate_reached_ = false;
    /// Which bound the last try met.
    Admission::Entry last_entry_ = Admission::Entry::Granted;
    EndCause last_refusal_ = EndCause::Denied;
    TimePoint last_no_upstream_notice_{};
    TimePoint last_buffer_notice_{};
    FlowList flows_;
    /// Flows of a life as active node that is over.
    FlowList doomed_;
    /// Flows whose upstream went down.
    FlowList cut_off_;
    /// Of all flows those that wait for a place at an upstream, the oldest first.
    QueuedFlows queued_;
    std::vector<Drain> drains_;
    /// Set: it was retired.
    std::function<void()> on_over_;
    ShardCounters& counters_;
    std::vector<UpstreamCounters>& upstream_counters_;
};

}  // namespace tandem::relay
