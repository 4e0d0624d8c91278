#include "proxy/relay/flow.hpp"

#include "proxy/relay/service_shard.hpp"

#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace tandem::relay {

namespace {

/// In one turn and direction; then the other flows of the worker have theirs.
constexpr std::size_t kBytesPerTurn = std::size_t{256} * 1024;

/// Without a fin_timeout: what the kernel has to deliver does not wait for ever.
constexpr std::chrono::seconds kDeliveryLimit{60};

constexpr std::uint32_t kAllEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI;

std::string duration_text(Milliseconds duration) {
    const auto count = duration.count();
    return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

}  // namespace

Flow::Flow(ServiceShard& shard, Descriptor client)
    : shard_(shard),
      peers_{Peer{*this, kClient}, Peer{*this, kUpstream}},
      last_activity_(shard.reactor().now()) {
    peers_[kClient].socket = std::move(client);
}

Flow::~Flow() = default;

void Flow::start() {
    if (watch(peers_[kClient])) {
        shard_.counters().local_errors.add();
        end(End::LocalError);
        return;
    }
    start_preread();
}

void Flow::end_by_demotion(bool silently) {
    end(silently ? End::DemotedSilently : End::Demoted);
}

error_code Flow::watch(Peer& peer) {
    return shard_.reactor().watch(peer.socket.get(), kAllEvents, peer, peer.token);
}

// ---- connecting

void Flow::connect_next() {
    while (const auto upstream = shard_.pick_upstream(tried_)) {
        if (try_connect(*upstream)) {
            return;
        }
        if (phase_ == Phase::Ended) {
            return;
        }
        tried_.push_back(static_cast<std::uint16_t>(*upstream));
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

bool Flow::try_connect(std::size_t upstream) {
    const ServiceConfig& config = shard_.config();
    Peer& peer = peers_[kUpstream];
    upstream_ = static_cast<std::uint16_t>(upstream);
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
    tried_.push_back(upstream_);
    connect_next();
}

void Flow::connected() {
    phase_ = Phase::Relaying;
    last_activity_ = shard_.reactor().now();
    shard_.upstream_counters(upstream_).connected.add();
    shard_.upstream_counters(upstream_).active.add();
    Timer::unlink();
    if (quiet_limit() > Clock::duration::zero()) {
        shard_.reactor().schedule(*this, quiet_limit());
    }
    put_first_bytes();
}

// ---- events

void Flow::on_events(Side side, std::uint32_t events) {
    Peer& peer = peers_[side];
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLPRI)) != 0) {
        peer.half.source_hangup();
    } else if ((events & EPOLLIN) != 0) {
        peer.half.source_ready();
    }
    if ((events & EPOLLPRI) != 0) {
        put_urgent_data_in_line(peer.socket);
    }
    if ((events & EPOLLOUT) != 0) {
        peers_[other(side)].half.sink_ready();
    }
    if (phase_ == Phase::Connecting || phase_ == Phase::Prereading) {
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
    } else if ((events & EPOLLERR) != 0) {
        side_was_reset(side);
    }
    if (phase_ == Phase::Delivering) {
        deliver();
    } else {
        relay();
    }
}

void Flow::run() {
    relay();
}

void Flow::on_timeout() {
    if (phase_ == Phase::Prereading) {
        end(End::PrereadTimedOut);
        return;
    }
    if (phase_ == Phase::Connecting) {
        abandon_attempt("timed out after " + duration_text(shard_.config().connect_timeout));
        return;
    }
    if (phase_ == Phase::Delivering) {
        if (undelivered() < undelivered_) {
            undelivered_ = undelivered();
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
    return half_closed && config.fin_timeout > Milliseconds::zero() ? config.fin_timeout
                                                                    : config.idle_timeout;
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
        deliver();
        if (phase_ == Phase::Delivering) {
            undelivered_ = undelivered();
            shard_.reactor().schedule(*this, delivery_limit());
        }
    } else if (from_client.was_reset() && from_client.next() == Half::Step::Nothing) {
        end(End::ResetByClient);
    } else if (from_upstream.was_reset() && from_upstream.next() == Half::Step::Nothing) {
        end(End::ResetByUpstream);
    } else if (from_client.next() != Half::Step::Nothing ||
               from_upstream.next() != Half::Step::Nothing) {
        shard_.reactor().requeue(*this);
    }
}

void Flow::transfer(Side side) {
    Peer& peer = peers_[side];
    std::size_t moved = 0;
    while (phase_ == Phase::Relaying && moved < kBytesPerTurn) {
        const std::size_t before = peer.half.pending();
        switch (peer.half.next()) {
            case Half::Step::Nothing:
                give_back_buffer(peer);
                return;
            case Half::Step::Read:
                read_from(side);
                break;
            case Half::Step::Write:
                write_from(side);
                moved += before - peer.half.pending();
                break;
            case Half::Step::Shutdown:
                shut_down_sink_of(side);
                break;
        }
    }
    give_back_buffer(peer);
}

void Flow::read_from(Side side) {
    Peer& peer = peers_[side];
    if (!provide_buffer(peer)) {
        shard_.counters().local_errors.add();
        end(End::LocalError);
        return;
    }
    Half& half = peer.half;
    const ssize_t count =
        ::recv(peer.socket.get(), peer.buffer.data.get() + half.end(), half.room(), 0);
    if (count > 0) {
        half.on_read(static_cast<std::size_t>(count));
        last_activity_ = shard_.reactor().now();
    } else if (count == 0) {
        half.on_end_of_source();
    } else if (errno == EAGAIN) {
        half.on_read_blocked();
    } else if (errno != EINTR) {
        half.on_end_of_source();
        side_was_reset(side);
    }
}

void Flow::write_from(Side side) {
    Peer& peer = peers_[side];
    Half& half = peer.half;
    const ssize_t count =
        ::send(peers_[other(side)].socket.get(), peer.buffer.data.get() + half.begin(),
               half.pending(), MSG_NOSIGNAL);
    if (count >= 0) {
        half.on_written(static_cast<std::size_t>(count));
        last_activity_ = shard_.reactor().now();
        const auto sent = static_cast<std::size_t>(count);
        if (side == kClient) {
            shard_.counters().bytes_to_upstream.add(without_header(sent));
        } else {
            shard_.counters().bytes_to_client.add(sent);
        }
    } else if (errno == EAGAIN) {
        half.on_write_blocked();
    } else if (errno != EINTR) {
        side_was_reset(other(side));
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
    if (quiet_limit() > Clock::duration::zero()) {
        shard_.reactor().schedule(*this, quiet_limit());
    }
}

void Flow::side_was_reset(Side side) {
    peers_[side].half.source_reset();
    peers_[other(side)].half.abandon();
}

void Flow::deliver() {
    if (undelivered() > 0) {
        return;
    }
    if (peers_[kClient].half.was_reset()) {
        end(End::ResetByClient);
    } else if (peers_[kUpstream].half.was_reset()) {
        end(End::ResetByUpstream);
    } else {
        end(End::Finished);
    }
}

std::size_t Flow::undelivered() const {
    std::size_t sum = 0;
    for (const Peer& peer : peers_) {
        // A side that was reset takes nothing any more.
        sum += peer.half.was_reset() ? 0 : unacknowledged(peer.socket);
    }
    return sum;
}

Clock::duration Flow::delivery_limit() const {
    const Milliseconds limit = shard_.config().fin_timeout;
    return limit > Milliseconds::zero() ? limit : kDeliveryLimit;
}

bool Flow::provide_buffer(Peer& peer) {
    Half& half = peer.half;
    if (half.pending() > 0 || half.capacity() == half.wanted_capacity()) {
        return true;
    }
    give_back_buffer(peer);
    peer.buffer = shard_.reactor().buffers().acquire(half.wanted_capacity());
    half.set_capacity(peer.buffer.capacity);
    return half.capacity() > 0;
}

void Flow::give_back_buffer(Peer& peer) {
    if (peer.buffer.capacity > 0 && peer.half.pending() == 0) {
        shard_.reactor().buffers().release(std::exchange(peer.buffer, {}));
        peer.half.set_capacity(0);
    }
}

// ---- the end

void Flow::end(End reason) {
    const bool was_connected = phase_ != Phase::Connecting;
    if (was_connected) {
        shard_.upstream_counters(upstream_).active.subtract(1);
    }
    phase_ = Phase::Ended;
    Timer::unlink();
    Task::unlink();
    close_sockets(reason == End::Finished          ? Closing::Orderly
                  : reason == End::DemotedSilently ? Closing::Silent
                                                   : Closing::Reset);
    // An upstream that was told of no end, or of one while it accepted, may see it as alive.
    give_back_port(was_connected && reason != End::DemotedSilently ? PortState::Clean
                                                                   : PortState::Dirty);
    for (Peer& peer : peers_) {
        peer.half.abandon();
        give_back_buffer(peer);
    }
    count_end(reason);
    shard_.flow_ended(*this);
}

void Flow::close_sockets(Closing how) {
    for (Peer& peer : peers_) {
        if (!peer.socket.is_open()) {
            continue;
        }
        shard_.reactor().forget(peer.token);
        if (how == Closing::Silent) {
            close_silently(peer.socket);
        } else if (how == Closing::Orderly || peer.half.was_reset()) {
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
        case End::TimedOut:
            counters.timed_out.add();
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
        case End::LocalError:
            // Counted where it happened.
            break;
    }
}

}  // namespace tandem::relay
