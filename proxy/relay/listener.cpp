#include "proxy/relay/listener.hpp"

#include <cerrno>
#include <utility>

#include <sys/epoll.h>

namespace tandem::relay {

namespace {
/// Connections accepted in one turn: the rest waits behind the flows that are there already.
constexpr unsigned kAcceptBatch = 8;
/// So near to the bound for descriptors it is asked before a connection is taken from the queue:
/// one that is taken and cannot be kept is lost, one that waits is served later.
constexpr int kNearBound = 64;
/// After a shortage; short enough not to be felt, long enough not to spin.
constexpr std::chrono::milliseconds kShortagePause{100};
constexpr std::chrono::seconds kAnnouncementInterval{1};

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
}  // namespace

Listener::~Listener() {
    reactor_.forget(token_);
}

error_code Listener::start() {
    return reactor_.watch(socket_.get(), EPOLLIN, *this, token_);
}

void Listener::on_events(std::uint32_t /*events*/) {
    ready_ = true;
    run();
}

void Listener::on_timeout() {
    resume();
}

void Listener::freeze() {
    frozen_ = true;
    Task::unlink();
}

void Listener::thaw() {
    frozen_ = false;
    resume();
}

Descriptor Listener::release() {
    reactor_.unwatch(socket_.get(), token_);
    Task::unlink();
    Timer::unlink();
    ready_ = false;
    frozen_ = true;
    return std::move(socket_);
}

void Listener::resume() {
    paused_ = false;
    if (ready_) {
        reactor_.requeue(*this);
    }
}

void Listener::run() {
    if (frozen_ || paused_) {
        return;
    }
    for (unsigned count = 0; count < kAcceptBatch; ++count) {
        if (!accept_one()) {
            return;
        }
    }
    reactor_.requeue(*this);
}

boost::system::result<Descriptor> Listener::accept_bounded() {
    const int bound = reactor_.accept_bound();
    if (failing_ != 0 || last_descriptor_ >= bound - kNearBound) {
        if (const error_code error = accept_obstacle(socket_, bound)) {
            return error;
        }
    }
    auto socket = accept_connection(socket_, bound, client_);
    if (socket.has_value()) {
        last_descriptor_ = socket->get();
    }
    return socket;
}

bool Listener::accept_one() {
    if (!owner_.admit()) {
        paused_ = true;
        // Nothing is tried until a place is free: what was short last time says nothing any more.
        if (is_shortage(failing_)) {
            tell_failing(0);
        }
        announce_pause(owner_.limit_reached());
        return false;
    }
    auto socket = accept_bounded();
    if (socket.has_value()) {
        tell_failing(0);
        owner_.accepted(std::move(*socket), client_endpoint_);
        return true;
    }
    owner_.not_accepted();
    return accept_failed(socket.error());
}

bool Listener::accept_failed(const error_code& error) {
    switch (error.value()) {
        case EAGAIN:
            ready_ = false;
            tell_failing(0);
            announce_resume();
            return false;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
        case EOPNOTSUPP:
            paused_ = true;
            tell_failing(error.value());
            announce_pause(error.message());
            reactor_.schedule(*this, kShortagePause);
            return false;
        default:
            // accept(2): errors of the network that belong to the connection just lost.
            return true;
    }
}

bool Listener::accept_next() {
    auto socket = accept_connection(socket_, kNoBound, client_);
    while (!socket.has_value() && socket.error().value() == ECONNABORTED) {
        socket = accept_connection(socket_, kNoBound, client_);
    }
    if (!socket.has_value()) {
        return false;
    }
    owner_.accepted(std::move(*socket), client_endpoint_);
    return true;
}

void Listener::tell_failing(int error) {
    if (std::exchange(failing_, error) != error) {
        owner_.on_accept_failing(error);
    }
}

void Listener::announce_pause(std::string_view reason) {
    const TimePoint now = reactor_.now();
    if (announced_ ||
        (last_announcement_ != TimePoint{} && now - last_announcement_ < kAnnouncementInterval)) {
        return;
    }
    announced_ = true;
    last_announcement_ = now;
    owner_.on_paused(reason);
}

void Listener::announce_resume() {
    if (announced_) {
        announced_ = false;
        owner_.on_resumed();
    }
}

}  // namespace tandem::relay
