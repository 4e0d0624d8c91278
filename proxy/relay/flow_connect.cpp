// How a flow gets its upstream: the choice, the queue for a place, the attempts.
#include "proxy/relay/flow.hpp"
#include "proxy/relay/service_shard.hpp"
#include "proxy/relay/socket_limits.hpp"

#include <cerrno>
#include <utility>

namespace tandem::relay {

namespace {

std::string duration_text(Milliseconds duration) {
    const auto count = duration.count();
    return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

}  // namespace

void Flow::connect_next() {
    while (may_try_another()) {
        const bool behind_others = takes_any_upstream() && shard_.others_wait();
        const BalanceChoice choice = behind_others ? BalanceChoice{BalanceChoice::Kind::Full}
                                                   : shard_.pick_upstream(client_hash_, tried_);
        if (choice.kind == BalanceChoice::Kind::Full && shard_.has_queue()) {
            wait_for_place(behind_others);
            return;
        }
        if (!choice) {
            if (choice.kind == BalanceChoice::Kind::Full && last_error_.empty()) {
                last_error_ = "every upstream has as many connections as it may";
            }
            break;
        }
        if (connect_to(choice.upstream)) {
            return;
        }
    }
    if (local_error_) {
        end(End::LocalError);
        return;
    }
    if (last_error_.empty()) {
        last_error_ = "every upstream is down or drained";
    }
    end(End::NoUpstream);
}

bool Flow::connect_to(std::size_t upstream) {
    upstream_ = static_cast<std::uint16_t>(upstream);
    ++attempts_;
    has_place_ = true;
    if (try_connect(upstream) || phase_ == Phase::Ended) {
        return true;
    }
    give_back_place();
    tried_.push_back(upstream_);
    return false;
}

void Flow::wait_for_place(bool behind_others) {
    if (!shard_.enter_queue(*this)) {
        end(End::QueueFull);
        return;
    }
    phase_ = Phase::Queued;
    shard_.reactor().schedule(*this, shard_.config().balance.queue_timeout);
    if (!behind_others) {
        // A place given back before it was known that somebody waits has woken nobody.
        try_again();
    }
}

void Flow::upstream_went_down() {
    if (phase_ == Phase::Connecting) {
        abandon_attempt("went down");
    } else {
        end(End::UpstreamDown);
    }
}

bool Flow::try_again() {
    const BalanceChoice choice = shard_.pick_upstream(client_hash_, tried_);
    if (choice.kind == BalanceChoice::Kind::Full) {
        return false;
    }
    leave_queue();
    phase_ = Phase::Connecting;
    if (!choice || !connect_to(choice.upstream)) {
        connect_next();
    }
    return true;
}

void Flow::leave_queue() {
    if (phase_ == Phase::Queued) {
        Timer::unlink();
        shard_.leave_queue(*this);
    }
}

bool Flow::may_try_another() const {
    const auto retries = shard_.config().balance.retries;
    return !retries || attempts_ <= *retries;
}

void Flow::give_back_place() {
    if (std::exchange(has_place_, false)) {
        shard_.leave_upstream(upstream_);
    }
}

bool Flow::try_connect(std::size_t upstream) {
    const ServiceConfig& config = shard_.config();
    Peer& peer = peers_[kUpstream];
    ConnectAttempt attempt =
        shard_.sources(upstream).connect(config.upstreams[upstream].endpoint, shard_.port_share(),
                                         shard_.reactor().now(), shard_.reactor().connect_bound());
    lease_ = attempt.lease;
    error_code error = attempt.error;
    if (!error) {
        peer.socket = std::move(attempt.socket);
        // Only now: the kernel reports a hang-up for a socket that never began to connect.
        error = watch(peer);
    }
    if (!error) {
        if (config.connect_timeout > Milliseconds::zero()) {
            shard_.reactor().schedule(*this, config.connect_timeout);
        }
        return true;
    }
    peer.socket.close();
    give_back_port(PortState::Dirty);
    if (!is_local_shortage(error)) {
        attempt_failed(error.message());
        return false;
    }
    shard_.counters().local_errors.add();
    local_error_ = true;
    if (error.value() == EADDRNOTAVAIL) {
        shard_.counters().ports_exhausted.add();
    } else {
        // Ports are short for one destination only; everything else is short for all.
        end(End::LocalError);
    }
    return false;
}

void Flow::give_back_port(PortState state) {
    if (lease_.port == 0) {
        return;
    }
    shard_.sources(upstream_).give_back(std::exchange(lease_, {}), state, shard_.reactor().now());
}

void Flow::attempt_failed(const std::string& text) {
    last_error_ = shard_.config().upstreams[upstream_].name + ": " + text;
    shard_.connect_failed(upstream_, text);
}

void Flow::connect_event(std::uint32_t events) {
    Peer& peer = peers_[kUpstream];
    const ConnectVerdict verdict = connect_verdict(peer.socket, events);
    switch (verdict.kind) {
        case ConnectVerdict::Kind::Pending:
            return;
        case ConnectVerdict::Kind::Connected:
            connected();
            return;
        case ConnectVerdict::Kind::ConnectedThenReset:
            connected();
            side_was_reset(kUpstream);
            return;
        case ConnectVerdict::Kind::Failed:
            break;
    }
    abandon_attempt(verdict.error.message());
}

void Flow::abandon_attempt(const std::string& text) {
    Peer& peer = peers_[kUpstream];
    shard_.reactor().forget(peer.token);
    // It may have been established a moment ago; before that a reset is no packet.
    close_with_reset(peer.socket);
    give_back_port(PortState::Dirty);
    peer.half.replace_source();
    peers_[kClient].half.replace_sink();
    Timer::unlink();
    attempt_failed(text);
    give_back_place();
    tried_.push_back(upstream_);
    connect_next();
}

void Flow::attempt_timed_out() {
    abandon_attempt("timed out after " + duration_text(shard_.config().connect_timeout));
}

void Flow::connected() {
    phase_ = Phase::Relaying;
    last_activity_ = shard_.reactor().now();
    if (limits_upstream_side(shard_.config().limits.sockets)) {
        limit_upstream_side(peers_[kUpstream].socket, shard_.config().limits.sockets);
    }
    shard_.connect_succeeded(upstream_);
    shard_.remember_client(client_hash_, upstream_);
    Timer::unlink();
    if (quiet_limit() > Clock::duration::zero()) {
        shard_.reactor().schedule(*this, quiet_limit());
    }
    if (log_) {
        log_connected();
    }
    put_first_bytes();
}

}  // namespace tandem::relay
