// One service in one worker: its listener, its gate, its balancer and its flows.
#pragma once

#include "proxy/relay/balancer.hpp"
#include "proxy/relay/engine.hpp"
#include "proxy/relay/flow.hpp"
#include "proxy/relay/listener.hpp"
#include "proxy/relay/reactor.hpp"
#include "proxy/relay/service_state.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::relay {

/// Lives on its reactor's thread, except counters and accepting(), which any thread may read.
class ServiceShard final : public ListenerOwner, public Task {
  public:
    ServiceShard(Reactor& reactor, std::size_t worker, ServiceState& state, Admission& admission,
                 EngineObserver& observer, Descriptor socket);
    ~ServiceShard() override;

    error_code start() { return listener_.start(); }
    void activate();
    /// Closes the gate, resets every flow in bounded turns, then empties the kernel's queue.
    /// `done(flows_reset)` runs when nothing is left; the queue is then left alone until purge().
    void deactivate(std::function<void(std::uint64_t)> done);
    void purge();
    void set_upstream_up(std::size_t upstream, bool up) { balancer_.set_up(upstream, up); }
    /// A place under a connection limit may have become free.
    void retry_admission();
    /// Resets everything now, for the end of the engine.
    void stop();

    [[nodiscard]] bool accepting() const { return accepting_.load(std::memory_order_relaxed); }
    [[nodiscard]] const ShardCounters& counters() const { return counters_; }
    [[nodiscard]] const UpstreamCounters& upstream_counters(std::size_t upstream) const {
        return upstream_counters_[upstream];
    }

    // For flows.
    [[nodiscard]] Reactor& reactor() { return reactor_; }
    [[nodiscard]] const ServiceConfig& config() const { return state_.config; }
    [[nodiscard]] ShardCounters& counters() { return counters_; }
    [[nodiscard]] UpstreamCounters& upstream_counters(std::size_t upstream) {
        return upstream_counters_[upstream];
    }
    std::optional<std::size_t> pick_upstream(std::span<const std::uint16_t> tried) {
        return balancer_.pick(tried);
    }
    void connect_failed(std::size_t upstream, const std::string& text);
    void no_upstream_left(std::string_view last_error);
    /// The flow is over; it is deleted at the end of the turn.
    void flow_ended(Flow& flow);

  private:
    /// Closed: what is accepted is reset at once (I3). Frozen: nothing is accepted, because the
    /// address is about to go or is gone and not even a reset may leave.
    enum class Gate : std::uint8_t { Closed, Open, Frozen };
    using FlowList = boost::intrusive::list<Flow, boost::intrusive::base_hook<FlowHook>,
                                            boost::intrusive::constant_time_size<false>>;
    struct Drain {
        std::function<void(std::uint64_t)> done;
        std::uint64_t flows_reset = 0;
        std::size_t queue_emptied = 0;
    };

    bool admit() override;
    bool enter();
    void not_accepted() override;
    void accepted(Descriptor socket) override;
    [[nodiscard]] std::string limit_reached() const override;
    void on_paused(std::string_view reason) override;
    void on_resumed() override;
    void run() override;
    void finish_drain();

    Reactor& reactor_;
    const std::size_t worker_;
    ServiceState& state_;
    Admission& admission_;
    EngineObserver& observer_;
    Listener listener_;
    Balancer balancer_;
    Gate gate_;
    std::atomic<bool> accepting_;
    bool waiting_for_admission_ = false;
    /// Which bound the last try met.
    Admission::Entry last_entry_ = Admission::Entry::Granted;
    TimePoint last_no_upstream_notice_{};
    FlowList flows_;
    /// Flows of a life as active node that is over.
    FlowList doomed_;
    std::vector<Drain> drains_;
    ShardCounters counters_;
    std::vector<UpstreamCounters> upstream_counters_;
};

}  // namespace tandem::relay
