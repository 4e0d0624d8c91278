// What a flow says of itself: its record in the access log, and its line in a list.
#include "proxy/relay/access_queue.hpp"
#include "proxy/relay/flow.hpp"
#include "proxy/relay/service_shard.hpp"

namespace tandem::relay {

void Flow::set_log(const Endpoint& client) {
    log_ = std::make_unique<FlowLog>();
    log_->client = client;
    log_->virtual_address = shard_.virtual_address(peers_[kClient].socket);
}

void Flow::log_connected() {
    log_->connect_time = last_activity_ - started_;
    log_->source = source_endpoint();
}

void Flow::log_fin_of(Side side) {
    if (!log_->first_to_close) {
        log_->first_to_close = side == kClient ? EndedBy::Client : EndedBy::Upstream;
    }
}

void Flow::log_end(End reason) {
    AccessRecord record;
    record.id = id();
    record.service = shard_.service_index();
    if (attempts_ > 0) {
        record.upstream = upstream_;
        record.retries = static_cast<std::uint16_t>(attempts_ - 1);
    }
    record.phase = reached_phase();
    record.cause = cause_of(reason);
    record.ended_by = side_that_ended(reason);
    record.started = started_;
    record.ended = shard_.reactor().now();
    record.connect_time = log_->connect_time;
    record.first_byte_time = log_->first_byte_time;
    record.bytes_to_upstream = peers_[kClient].passed_on;
    record.bytes_to_client = peers_[kUpstream].passed_on;
    record.client = log_->client;
    record.virtual_address = log_->virtual_address;
    if (preread_ && preread_->addresses()) {
        record.client = preread_->addresses()->source;
        record.virtual_address = preread_->addresses()->destination;
    }
    record.source = log_->source;
    shard_.access_queue()->put(record);
}

FlowId Flow::id() const {
    return {shard_.worker(), peers_[kClient].token};
}

Endpoint Flow::source_endpoint() const {
    if (lease_.port != 0) {
        return shard_.sources(upstream_).endpoint(lease_);
    }
    const auto local = local_endpoint(peers_[kUpstream].socket);
    return local.has_value() ? *local : Endpoint();
}

std::uint16_t Flow::service_index() const {
    return shard_.service_index();
}

ConnectionInfo Flow::describe() const {
    const TimePoint now = shard_.reactor().now();
    const auto since = [now](TimePoint then) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(now - then);
    };
    ConnectionInfo info;
    info.id = id();
    info.service = shard_.config().name;
    if (const auto addresses = client_addresses()) {
        info.client = addresses->source;
        info.virtual_address = addresses->destination;
    }
    if (has_place_) {
        info.upstream = shard_.config().upstreams[upstream_].name;
    }
    if (peers_[kUpstream].socket.is_open()) {
        info.source = source_endpoint();
    }
    info.age = since(started_);
    info.idle = since(last_activity_);
    info.bytes_to_upstream = peers_[kClient].passed_on;
    info.bytes_to_client = peers_[kUpstream].passed_on;
    info.phase = reached_phase();
    info.client_closed = peers_[kClient].half.finished();
    info.upstream_closed = peers_[kUpstream].half.finished();
    return info;
}

FlowPhase Flow::reached_phase() const {
    switch (phase_) {
        case Phase::Prereading:
            return FlowPhase::Preread;
        case Phase::Queued:
            return FlowPhase::Queue;
        case Phase::Connecting:
            return FlowPhase::Connect;
        case Phase::Relaying:
            // A half that a reset has abandoned does not know any more that it was finished.
            return peers_[kClient].half.finished() || peers_[kUpstream].half.finished() ||
                           (log_ && log_->first_to_close)
                       ? FlowPhase::HalfClosed
                       : FlowPhase::Relay;
        case Phase::Delivering:
        case Phase::Ended:
            break;
    }
    return FlowPhase::Deliver;
}

EndCause Flow::cause_of(End reason) const {
    switch (reason) {
        case End::Finished:
            return EndCause::Closed;
        case End::ResetByClient:
        case End::ResetByUpstream:
            return EndCause::Reset;
        case End::Demoted:
        case End::DemotedSilently:
            return EndCause::Demotion;
        case End::ByOperator:
            return EndCause::Operator;
        case End::TimedOut:
            return timeout_cause();
        case End::LifetimeOver:
            return EndCause::Lifetime;
        case End::NoUpstream:
            return EndCause::NoUpstream;
        case End::NoRoute:
            return EndCause::NoRoute;
        case End::BadProxyHeader:
            return EndCause::BadProxyHeader;
        case End::PrereadTimedOut:
            return EndCause::PrereadTimeout;
        case End::QueueFull:
            return EndCause::QueueFull;
        case End::QueueTimedOut:
            return EndCause::QueueTimeout;
        case End::UpstreamDown:
            return EndCause::UpstreamDown;
        case End::ClientRefused:
            return shard_.last_refusal();
        case End::LocalError:
            break;
    }
    return EndCause::Shortage;
}

EndCause Flow::timeout_cause() const {
    const ServiceConfig& config = shard_.config();
    const FlowPhase phase = reached_phase();
    if (phase == FlowPhase::Deliver) {
        return EndCause::DeliveryTimeout;
    }
    const Milliseconds first = config.limits.first_byte_timeout;
    if (!answered_ && first > Milliseconds::zero() && quiet_limit() == first) {
        return EndCause::FirstByteTimeout;
    }
    return phase == FlowPhase::HalfClosed && config.fin_timeout > Milliseconds::zero()
               ? EndCause::FinTimeout
               : EndCause::IdleTimeout;
}

EndedBy Flow::side_that_ended(End reason) const {
    if (reason == End::Finished) {
        return log_->first_to_close.value_or(EndedBy::Client);
    }
    if (reason == End::ResetByClient) {
        return EndedBy::Client;
    }
    return reason == End::ResetByUpstream ? EndedBy::Upstream : EndedBy::Tandem;
}

}  // namespace tandem::relay
