#include "proxy/relay/service_shard.hpp"

#include <utility>

namespace tandem::relay {

namespace {
/// Flows or queued connections closed in one turn: about a millisecond.
constexpr std::size_t kDrainBatch = 128;
/// The kernel's queue holds no more than the backlog; a flood must not keep a demotion going.
constexpr std::size_t kDrainQueueMost = 8192;
constexpr std::chrono::seconds kNoUpstreamNoticeInterval{1};
}  // namespace

ServiceShard::ServiceShard(Reactor& reactor, std::size_t worker, ServiceState& state,
                           Admission& admission, EngineObserver& observer, Descriptor socket)
    : reactor_(reactor),
      worker_(worker),
      state_(state),
      admission_(admission),
      observer_(observer),
      listener_(reactor, std::move(socket), *this),
      balancer_(state.config.algorithm, state.config.upstreams),
      gate_(state.config.instance.empty() ? Gate::Open : Gate::Closed),
      accepting_(gate_ == Gate::Open),
      upstream_counters_(state.config.upstreams.size()) {}

ServiceShard::~ServiceShard() = default;

void ServiceShard::activate() {
    gate_ = Gate::Open;
    accepting_.store(true, std::memory_order_relaxed);
    listener_.thaw();
}

void ServiceShard::deactivate(std::function<void(std::uint64_t)> done) {
    gate_ = Gate::Frozen;
    accepting_.store(false, std::memory_order_relaxed);
    listener_.freeze();
    doomed_.splice(doomed_.end(), flows_);
    drains_.push_back({.done = std::move(done)});
    reactor_.requeue(*this);
}

void ServiceShard::run() {
    if (drains_.empty()) {
        return;
    }
    std::size_t count = 0;
    while (!doomed_.empty() && count < kDrainBatch) {
        doomed_.front().reset_by_demotion();
        ++count;
    }
    drains_.front().flows_reset += count;
    if (count == kDrainBatch) {
        reactor_.requeue(*this);
        return;
    }
    // An activate() meanwhile has made the queue's connections welcome again.
    if (gate_ == Gate::Frozen && drains_.front().queue_emptied < kDrainQueueMost) {
        const std::size_t refused = listener_.drain(kDrainBatch, false);
        counters_.refused_inactive.add(refused);
        drains_.front().queue_emptied += refused;
        if (refused == kDrainBatch) {
            reactor_.requeue(*this);
            return;
        }
    }
    finish_drain();
}

void ServiceShard::finish_drain() {
    // Several orders in a row are one drain: the first gets the count.
    const std::vector<Drain> drains = std::exchange(drains_, {});
    for (const Drain& drain : drains) {
        drain.done(drain.flows_reset);
    }
}

void ServiceShard::purge() {
    if (gate_ == Gate::Open) {
        return;
    }
    counters_.refused_inactive.add(listener_.drain(kDrainQueueMost, true));
    gate_ = Gate::Closed;
    listener_.thaw();
}

void ServiceShard::stop() {
    gate_ = Gate::Frozen;
    listener_.freeze();
    doomed_.splice(doomed_.end(), flows_);
    while (!doomed_.empty()) {
        doomed_.front().reset_by_demotion();
        if (!drains_.empty()) {
            ++drains_.front().flows_reset;
        }
    }
    Task::unlink();
    finish_drain();
}

bool ServiceShard::admit() {
    // Refusing needs a descriptor for a moment only, which the reserve has.
    if (gate_ != Gate::Open || enter()) {
        return true;
    }
    waiting_for_admission_ = true;
    admission_.wait(worker_);
    // Once more: a place may have been given back before the wait was known.
    return enter();
}

bool ServiceShard::enter() {
    last_entry_ = admission_.enter(state_.limit);
    return last_entry_ == Admission::Entry::Granted;
}

std::string ServiceShard::limit_reached() const {
    if (last_entry_ == Admission::Entry::ServiceFull) {
        return "connection limit of the service (" + std::to_string(state_.limit.limit()) + ")";
    }
    return "process limit " + std::to_string(admission_.process_limit()) + " connections (" +
           admission_.process_limit_origin() + ")";
}

void ServiceShard::not_accepted() {
    if (gate_ == Gate::Open) {
        admission_.leave(state_.limit);
    }
}

void ServiceShard::accepted(Descriptor socket) {
    if (gate_ != Gate::Open) {
        close_with_reset(socket);
        counters_.refused_inactive.add();
        return;
    }
    counters_.accepted.add();
    counters_.active.add();
    auto* flow = std::make_unique<Flow>(*this, std::move(socket)).release();
    flows_.push_back(*flow);
    flow->start();
}

void ServiceShard::retry_admission() {
    if (std::exchange(waiting_for_admission_, false)) {
        listener_.resume();
    }
}

void ServiceShard::on_paused(std::string_view reason) {
    observer_.on_accept_paused(state_.config.name, reason);
}

void ServiceShard::on_resumed() {
    observer_.on_accept_resumed(state_.config.name);
}

void ServiceShard::connect_failed(std::size_t upstream, const std::string& text) {
    upstream_counters_[upstream].connect_failures.add();
    state_.set_last_error(upstream, text);
}

void ServiceShard::no_upstream_left(std::string_view last_error) {
    counters_.no_upstream.add();
    const TimePoint now = reactor_.now();
    if (last_no_upstream_notice_ == TimePoint{} ||
        now - last_no_upstream_notice_ >= kNoUpstreamNoticeInterval) {
        last_no_upstream_notice_ = now;
        observer_.on_no_upstream(state_.config.name, last_error);
    }
}

void ServiceShard::flow_ended(Flow& flow) {
    counters_.active.subtract(1);
    admission_.leave(state_.limit);
    flow.FlowHook::unlink();
    reactor_.dispose(std::unique_ptr<Task>(&flow));
}

}  // namespace tandem::relay
