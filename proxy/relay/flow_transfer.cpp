// How a flow moves bytes: recv() and send() through a buffer, splice() through a pipe.
#include "proxy/relay/flow.hpp"
#include "proxy/relay/service_shard.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

namespace tandem::relay {

namespace {

/// In one turn and direction; then the other flows of the worker have theirs.
constexpr std::size_t kBytesPerTurn = std::size_t{256} * 1024;
constexpr std::size_t kSplicedBytesPerTurn = std::size_t{1024} * 1024;

constexpr unsigned kSpliceFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

}  // namespace

void Flow::transfer(Side side) {
    Peer& peer = peers_[side];
    std::size_t moved = 0;
    while (phase_ == Phase::Relaying &&
           moved < (peer.half.uses_pipe() ? kSplicedBytesPerTurn : kBytesPerTurn)) {
        const std::size_t before = peer.half.pending();
        switch (peer.half.next()) {
            case Half::Step::Nothing:
                give_back_carrier(peer);
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
    give_back_carrier(peer);
}

void Flow::read_from(Side side) {
    Peer& peer = peers_[side];
    const std::size_t allowed = allowance(side);
    if (allowed == 0) {
        return;
    }
    if (!provide_carrier(peer)) {
        peer.half.pause();
        wait_for_buffer();
        return;
    }
    Half& half = peer.half;
    const std::size_t asked = std::min(half.room(), allowed);
    const ssize_t count =
        half.uses_pipe() ? ::splice(peer.socket.get(), nullptr, peer.pipe->input.get(), nullptr,
                                    asked, kSpliceFlags)
                         : ::recv(peer.socket.get(), peer.buffer.data.get() + half.end(), asked, 0);
    if (count > 0) {
        half.on_read(static_cast<std::size_t>(count), asked);
        spend(side, static_cast<std::size_t>(count));
        last_activity_ = shard_.reactor().now();
        if (side == kUpstream && !std::exchange(answered_, true) && log_) {
            log_->first_byte_time = last_activity_ - started_;
        }
    } else if (count == 0) {
        half.on_end_of_source();
    } else if (errno == EAGAIN) {
        half.on_read_blocked();
    } else if (errno == EINVAL && half.uses_pipe()) {
        half.refuse_pipe();
    } else if (errno != EINTR) {
        half.on_end_of_source();
        side_was_reset(side);
    }
}

void Flow::write_from(Side side) {
    Peer& peer = peers_[side];
    Half& half = peer.half;
    const int sink = peers_[other(side)].socket.get();
    if (side == kClient && writes_ != Writes::Many) {
        if (writes_ == Writes::One) {
            send_at_once(peers_[kUpstream].socket);
        }
        writes_ = writes_ == Writes::None ? Writes::One : Writes::Many;
    }
    const bool last = half.ends_with_fin();
    // Of a socket that is reset splice() would say so with a signal, which workers block.
    const ssize_t count = half.uses_pipe()
                              ? ::splice(peer.pipe->output.get(), nullptr, sink, nullptr,
                                         half.pending(), kSpliceFlags | (last ? SPLICE_F_MORE : 0U))
                              : ::send(sink, peer.buffer.data.get() + half.begin(), half.pending(),
                                       MSG_NOSIGNAL | (last ? MSG_MORE : 0));
    if (count >= 0) {
        half.on_written(static_cast<std::size_t>(count));
        last_activity_ = shard_.reactor().now();
        ShardCounters& counters = shard_.counters();
        const auto sent = static_cast<std::size_t>(count);
        const std::uint64_t bytes = side == kClient ? without_header(sent) : sent;
        peer.passed_on += bytes;
        (side == kClient ? counters.bytes_to_upstream : counters.bytes_to_client).add(bytes);
        if (half.uses_pipe()) {
            counters.bytes_spliced.add(bytes);
        }
    } else if (errno == EAGAIN) {
        half.on_write_blocked();
    } else if (errno != EINTR) {
        side_was_reset(other(side));
    }
}

bool Flow::provide_carrier(Peer& peer) {
    Half& half = peer.half;
    if (half.pending() > 0 || (half.capacity() > 0 && half.uses_pipe() == half.wants_pipe() &&
                               (half.uses_pipe() || half.capacity() == half.wanted_capacity()))) {
        return true;
    }
    give_back_carrier(peer);
    Reactor& reactor = shard_.reactor();
    if (half.wants_pipe()) {
        peer.pipe = reactor.pipes().acquire(reactor.accept_bound());
        if (peer.pipe) {
            half.set_pipe(peer.pipe->capacity, peer.pipe->slots);
            return true;
        }
        half.pipe_unavailable();
    }
    peer.buffer = reactor.buffers().acquire(half.wanted_capacity());
    half.set_capacity(peer.buffer.capacity);
    return half.capacity() > 0;
}

void Flow::wait_for_buffer() {
    if (shard_.reactor().buffers().has_room()) {
        // The system has no memory: nothing will tell when it has.
        shard_.counters().local_errors.add();
        end(End::LocalError);
        return;
    }
    shard_.buffers_short();
    waits_for_buffer_ = true;
    shard_.reactor().await_buffer(*this);
}

void Flow::requeue() {
    if (waits_for_buffer_) {
        // The other direction has work now.
        Task::unlink();
    }
    shard_.reactor().requeue(*this);
}

void Flow::abandon(Peer& peer) {
    const bool residue = peer.half.pending() > 0;
    peer.half.abandon();
    if (peer.pipe && residue) {
        // The next user of the pipe would get it.
        peer.pipe.reset();
        shard_.reactor().pipes().lost();
        peer.half.set_capacity(0);
    }
}

void Flow::give_back_carrier(Peer& peer) {
    if (peer.half.pending() > 0 || peer.half.capacity() == 0) {
        return;
    }
    if (peer.pipe) {
        shard_.reactor().pipes().release(std::move(peer.pipe));
    } else {
        shard_.reactor().buffers().release(std::exchange(peer.buffer, {}));
    }
    peer.half.set_capacity(0);
}

}  // namespace tandem::relay
