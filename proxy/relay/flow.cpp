#include "proxy/relay/flow.hpp"

#include "proxy/relay/service_shard.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace tandem::relay {

namespace {

/// Without a fin_timeout: what the kernel has to deliver does not wait for ever.
constexpr std::chrono::seconds kDeliveryLimit{60};

constexpr std::uint32_t kAllEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI;

}  // namespace

Flow::Flow(ServiceShard& shard, Descriptor client, std::uint64_t client_hash)
    : shard_(shard),
      peers_{Peer{*this, kClient}, Peer{*this, kUpstream}},
      client_hash_(client_hash),
      started_(shard.reactor().now()),
      last_activity_(started_) {
    peers_[kClient].socket = std::move(client);
}

Flow::~Flow() = default;

void Flow::start(bool awaits_header) {
    if (watch(peers_[kClient])) {
        shard_.counters().local_errors.add();
        end(End::LocalError);
        return;
    }
    start_preread(awaits_header);
}

void Flow::set_limits(ClientTable::Client* client) {
    const LimitsConfig& limits = shard_.config().limits;
    const TimePoint now = shard_.reactor().now();
    limits_.reset(
        new FlowLimits{{ByteRate{limits.upload_rate, now}, {*this, &Flow::resume_upload}},
                       {ByteRate{limits.download_rate, now}, {*this, &Flow::resume_download}},
                       {*this, &Flow::lifetime_over},
                       client});
    if (limits.max_lifetime > Milliseconds::zero()) {
        shard_.reactor().schedule(limits_->lifetime, shard_.drawn_lifetime());
    }
}

void Flow::end_by_demotion(bool silently) {
    end(silently ? End::DemotedSilently : End::Demoted);
}

void Flow::end_by_operator() {
    end(End::ByOperator);
}

error_code Flow::watch(Peer& peer) {
    return shard_.reactor().watch(peer.socket.get(), kAllEvents, peer, peer.token);
}

// ---- events

void Flow::on_events(Side side, std::uint32_t events) {
    Peer& peer = peers_[side];
    if ((events & EPOLLPRI) != 0) {
        peer.half.source_urgent();
        put_urgent_data_in_line(peer.socket);
    } else if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
        peer.half.source_hangup();
    } else if ((events & EPOLLIN) != 0) {
        peer.half.source_ready();
    }
    if ((events & EPOLLOUT) != 0) {
        peers_[other(side)].half.sink_ready();
    }
    if (phase_ <= Phase::Connecting) {
        if (side == kClient) {
            // A hang-up without our FIN can only be a reset or the keepalive giving up.
            if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
                end(End::ResetByClient);
            } else if (phase_ == Phase::Prereading) {
                preread();
            }
            return;
        }
        connect_event(events);
        if (phase_ != Phase::Relaying) {
            return;
        }
        relay();
        if (phase_ == Phase::Relaying && writes_ == Writes::None) {
            // The client's first bytes mostly arrive within the turn: the acknowledgement can ride
            // on them. It waits no longer: an upstream that speaks first waits for it.
            acknowledgement_due_ = true;
            requeue();
        }
        return;
    }
    if ((events & EPOLLERR) != 0) {
        side_was_reset(side);
    }
    if (phase_ == Phase::Delivering) {
        deliver();
    } else {
        relay();
    }
}

void Flow::run() {
    if (std::exchange(waits_for_buffer_, false)) {
        peers_[kClient].half.resume();
        peers_[kUpstream].half.resume();
    }
    relay();
    if (std::exchange(acknowledgement_due_, false) && phase_ == Phase::Relaying &&
        writes_ == Writes::None) {
        acknowledge_at_once(peers_[kUpstream].socket);
    }
}

void Flow::on_timeout() {
    if (phase_ == Phase::Prereading) {
        end(End::PrereadTimedOut);
        return;
    }
    if (phase_ == Phase::Queued) {
        end(End::QueueTimedOut);
        return;
    }
    if (phase_ == Phase::Connecting) {
        attempt_timed_out();
        return;
    }
    if (phase_ == Phase::Delivering) {
        const std::size_t left = undelivered();
        if (left < undelivered_) {
            undelivered_ = left;
            shard_.reactor().schedule(*this, delivery_limit());
        } else {
            end(End::TimedOut);
        }
        return;
    }
    const Clock::duration limit = quiet_limit();
    const Clock::duration quiet = shard_.reactor().now() - last_activity_;
    if (limit <= Clock::duration::zero()) {
        return;
    }
    if (quiet >= limit) {
        end(End::TimedOut);
    } else {
        // Moving bytes only notes the time; the timer finds out here.
        shard_.reactor().schedule(*this, limit - quiet);
    }
}

// ---- relaying

Clock::duration Flow::quiet_limit() const {
    const ServiceConfig& config = shard_.config();
    const bool half_closed = peers_[kClient].half.finished() || peers_[kUpstream].half.finished();
    const Milliseconds limit = half_closed && config.fin_timeout > Milliseconds::zero()
                                   ? config.fin_timeout
                                   : config.idle_timeout;
    const Milliseconds first = config.limits.first_byte_timeout;
    // Until the upstream's first byte nothing but the client's bytes can have moved.
    if (answered_ || first == Milliseconds::zero()) {
        return limit;
    }
    return limit > Milliseconds::zero() ? std::min(limit, first) : first;
}

std::size_t Flow::allowance(Side side) {
    if (!limits_) {
        return std::numeric_limits<std::size_t>::max();
    }
    FlowLimits::Direction& direction = direction_from(side);
    const std::size_t bytes = direction.rate.allowance(shard_.reactor().now());
    if (bytes == 0) {
        peers_[side].half.pause();
        shard_.reactor().schedule(direction.pause, direction.rate.pause());
    }
    return bytes;
}

void Flow::spend(Side side, std::size_t bytes) {
    if (limits_) {
        direction_from(side).rate.spend(bytes);
    }
}

void Flow::resume_upload() {
    peers_[kClient].half.resume();
    relay();
}

void Flow::resume_download() {
    peers_[kUpstream].half.resume();
    relay();
}

void Flow::lifetime_over() {
    end(End::LifetimeOver);
}

void Flow::relay() {
    transfer(kClient);
    if (phase_ == Phase::Relaying) {
        transfer(kUpstream);
    }
    if (phase_ != Phase::Relaying) {
        return;
    }
    const Half& from_client = peers_[kClient].half;
    const Half& from_upstream = peers_[kUpstream].half;
    if (from_client.finished() && from_upstream.finished()) {
        phase_ = Phase::Delivering;
        undelivered_ = undelivered();
        if (undelivered_ > 0) {
            shard_.reactor().schedule(*this, delivery_limit());
        } else {
            end_delivered();
        }
    } else if (from_client.is_exhausted()) {
        end(End::ResetByClient);
    } else if (from_upstream.is_exhausted()) {
        end(End::ResetByUpstream);
    } else if (from_client.next() != Half::Step::Nothing ||
               from_upstream.next() != Half::Step::Nothing) {
        requeue();
    }
}

void Flow::shut_down_sink_of(Side side) {
    Peer& sink = peers_[other(side)];
    if (::shutdown(sink.socket.get(), SHUT_WR) == -1) {
        // ENOTCONN: reset a moment ago.
        side_was_reset(sink.side);
        return;
    }
    peers_[side].half.on_shutdown();
    if (log_) {
        log_fin_of(side);
    }
    if (quiet_limit() > Clock::duration::zero()) {
        shard_.reactor().schedule(*this, quiet_limit());
    }
}

void Flow::side_was_reset(Side side) {
    peers_[side].half.source_reset();
    abandon(peers_[other(side)]);
}

void Flow::deliver() {
    // The client's first: its FIN is mostly the later one.
    if (undelivered_by(kClient) == 0 && undelivered_by(kUpstream) == 0) {
        end_delivered();
    }
}

void Flow::end_delivered() {
    if (peers_[kClient].half.was_reset()) {
        end(End::ResetByClient);
    } else if (peers_[kUpstream].half.was_reset()) {
        end(End::ResetByUpstream);
    } else {
        end(End::Finished);
    }
}

std::size_t Flow::undelivered() const {
    return undelivered_by(kClient) + undelivered_by(kUpstream);
}

std::size_t Flow::undelivered_by(Side side) const {
    // A side that was reset takes nothing any more.
    return peers_[side].half.was_reset() ? 0 : unacknowledged(peers_[side].socket);
}

Clock::duration Flow::delivery_limit() const {
    const Milliseconds limit = shard_.config().fin_timeout;
    return limit > Milliseconds::zero() ? limit : kDeliveryLimit;
}

// ---- the end

void Flow::end(End reason) {
    if (log_) {
        log_end(reason);
    }
    const bool was_connected = phase_ == Phase::Relaying || phase_ == Phase::Delivering;
    if (was_connected) {
        shard_.upstream_counters(upstream_).active.subtract(1);
        shard_.remember_client(client_hash_, upstream_);
    }
    leave_queue();
    phase_ = Phase::Ended;
    count_preread();
    give_back_place();
    Timer::unlink();
    Task::unlink();
    if (limits_) {
        limits_->upload.pause.unlink();
        limits_->download.pause.unlink();
        limits_->lifetime.unlink();
    }
    close_sockets(reason == End::Finished          ? Closing::Orderly
                  : reason == End::DemotedSilently ? Closing::Silent
                                                   : Closing::Reset);
    // An upstream that was told of no end, or of one while it accepted, may see it as alive.
    give_back_port(was_connected && reason != End::DemotedSilently ? PortState::Clean
                                                                   : PortState::Dirty);
    for (Peer& peer : peers_) {
        abandon(peer);
        give_back_carrier(peer);
    }
    count_end(reason);
    shard_.flow_ended(*this);
}

void Flow::close_sockets(Closing how) {
    for (Peer& peer : peers_) {
        if (peer.socket.is_open()) {
            shard_.reactor().forget(peer.token);
        }
    }
    if (how == Closing::Orderly) {
        close_both(peers_[kClient].socket, peers_[kUpstream].socket);
        return;
    }
    for (Peer& peer : peers_) {
        if (!peer.socket.is_open()) {
            continue;
        }
        if (how == Closing::Silent) {
            close_silently(peer.socket);
        } else if (peer.half.was_reset()) {
            peer.socket.close();
        } else {
            close_with_reset(peer.socket);
        }
    }
}

void Flow::count_end(End reason) {
    ShardCounters& counters = shard_.counters();
    switch (reason) {
        case End::Finished:
            counters.finished.add();
            break;
        case End::ResetByClient:
            counters.reset_by_client.add();
            break;
        case End::ResetByUpstream:
            counters.reset_by_upstream.add();
            break;
        case End::Demoted:
        case End::DemotedSilently:
            counters.reset_by_demotion.add();
            break;
        case End::ByOperator:
            counters.ended_by_operator.add();
            break;
        case End::TimedOut:
            counters.timed_out.add();
            break;
        case End::LifetimeOver:
            counters.lifetime_over.add();
            break;
        case End::NoUpstream:
            shard_.no_upstream_left(last_error_);
            break;
        case End::NoRoute:
            counters.no_route.add();
            break;
        case End::BadProxyHeader:
            counters.bad_proxy_header.add();
            break;
        case End::PrereadTimedOut:
            counters.preread_timed_out.add();
            break;
        case End::QueueFull:
            counters.queue_full.add();
            break;
        case End::QueueTimedOut:
            counters.queue_timed_out.add();
            break;
        case End::UpstreamDown:
            counters.reset_by_down.add();
            break;
        case End::ClientRefused:
        case End::LocalError:
            // Counted where it happened.
            break;
    }
}

}  // namespace tandem::relay
