#include "proxy/relay/sockets.hpp"

#include "proxy/relay/socket_limits.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::relay {

namespace {

/// The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;

Descriptor open_socket(const Endpoint& endpoint) {
    return Descriptor{::socket(endpoint.protocol().family(),
                               SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
}

error_code bind_socket(const Descriptor& socket, const Endpoint& endpoint) {
    if (::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == -1) {
        return last_error();
    }
    return {};
}

error_code out_of_descriptors() {
    return {EMFILE, boost::system::system_category()};
}

/// Port zero: connect() chooses one for its destination, else bind() would take one for all.
error_code bind_source(const Descriptor& socket, const Endpoint& source) {
    // IP_BIND_ADDRESS_NO_PORT is of level IP also for IPv6 sockets.
    const SocketOption option = source.port() == 0
                                    ? SocketOption{IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1}
                                    : SocketOption{SOL_SOCKET, SO_REUSEADDR, 1};
    if (const error_code error = set_option(socket, option)) {
        return error;
    }
    return bind_socket(socket, source);
}

error_code allow_any_local_address(const Descriptor& socket, const Endpoint& endpoint) {
    if (endpoint.address().is_v4()) {
        return set_option(socket, {IPPROTO_IP, IP_FREEBIND, 1});
    }
    if (const error_code error = set_option(socket, {IPPROTO_IPV6, IPV6_V6ONLY, 1})) {
        return error;
    }
    return set_option(socket, {IPPROTO_IPV6, IPV6_FREEBIND, 1});
}

}  // namespace

error_code last_error() {
    return {errno, boost::system::system_category()};
}

error_code set_option(const Descriptor& socket, const SocketOption& option) {
    if (::setsockopt(socket.get(), option.level, option.name, &option.value, sizeof option.value) ==
        -1) {
        return last_error();
    }
    return {};
}

void Descriptor::close() {
    if (descriptor_ != -1) {
        // Linux releases the descriptor whatever close() returns.
        ::close(std::exchange(descriptor_, -1));
    }
}

boost::system::result<Descriptor> open_listener(const Endpoint& endpoint,
                                                const SocketLimits& limits) {
    Descriptor socket = open_socket(endpoint);
    if (!socket.is_open()) {
        return last_error();
    }
    if (const error_code error = allow_any_local_address(socket, endpoint)) {
        return error;
    }
    const SocketOption options[] = {
        {SOL_SOCKET, SO_REUSEADDR, 1},
        {SOL_SOCKET, SO_REUSEPORT, 1},
        {SOL_SOCKET, SO_OOBINLINE, 1},
        {IPPROTO_TCP, TCP_NODELAY, 1},
    };
    for (const SocketOption& option : options) {
        if (const error_code error = set_option(socket, option)) {
            return error;
        }
    }
    if (const error_code error = limit_client_side(socket, limits)) {
        return error;
    }
    if (const error_code error = bind_socket(socket, endpoint)) {
        return error;
    }
    if (::listen(socket.get(), kBacklog) == -1) {
        return last_error();
    }
    return socket;
}

error_code check_not_listening(const Endpoint& endpoint) {
    const Descriptor socket = open_socket(endpoint);
    if (!socket.is_open()) {
        return last_error();
    }
    if (const error_code error = allow_any_local_address(socket, endpoint)) {
        return error;
    }
    // With SO_REUSEADDR alone old connections do not disturb, listeners do.
    if (const error_code error = set_option(socket, {SOL_SOCKET, SO_REUSEADDR, 1})) {
        return error;
    }
    return bind_socket(socket, endpoint);
}

boost::system::result<Endpoint> local_endpoint(const Descriptor& socket) {
    Endpoint endpoint;
    auto size = static_cast<socklen_t>(endpoint.capacity());
    if (::getsockname(socket.get(), endpoint.data(), &size) == -1) {
        return last_error();
    }
    endpoint.resize(size);
    return endpoint;
}

boost::system::result<Endpoint> remote_endpoint(const Descriptor& socket) {
    Endpoint endpoint;
    auto size = static_cast<socklen_t>(endpoint.capacity());
    if (::getpeername(socket.get(), endpoint.data(), &size) == -1) {
        return last_error();
    }
    endpoint.resize(size);
    return endpoint;
}

boost::system::result<Descriptor> accept_connection(const Descriptor& listener, int bound,
                                                    Endpoint* client) {
    sockaddr* address = client != nullptr ? client->data() : nullptr;
    auto size = static_cast<socklen_t>(client != nullptr ? client->capacity() : 0);
    Descriptor socket{::accept4(listener.get(), address, client != nullptr ? &size : nullptr,
                                SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!socket.is_open()) {
        return last_error();
    }
    if (socket.get() >= bound) {
        return out_of_descriptors();
    }
    return socket;
}

error_code accept_obstacle(const Descriptor& listener, int bound) {
    pollfd queue{.fd = listener.get(), .events = POLLIN, .revents = 0};
    if (::poll(&queue, 1, 0) == 0) {
        return {EAGAIN, boost::system::system_category()};
    }
    const Descriptor probe{::fcntl(listener.get(), F_DUPFD_CLOEXEC, 0)};
    if (!probe.is_open()) {
        // EINVAL: not even number zero is allowed.
        return errno == EINVAL ? out_of_descriptors() : last_error();
    }
    return probe.get() >= bound ? out_of_descriptors() : error_code{};
}

namespace {

StartedConnect open_bound(const Endpoint& target, const std::optional<Endpoint>& source,
                          int bound) {
    StartedConnect started;
    started.socket = open_socket(target);
    if (!started.socket.is_open()) {
        started.error = last_error();
    } else if (started.socket.get() >= bound) {
        started.error = out_of_descriptors();
    } else if (source) {
        started.error = bind_source(started.socket, *source);
        started.bound = !started.error;
    }
    return started;
}

void begin_connect(StartedConnect& started, const Endpoint& target) {
    if (!started.error &&
        ::connect(started.socket.get(), target.data(), static_cast<socklen_t>(target.size())) ==
            -1 &&
        errno != EINPROGRESS) {
        started.error = last_error();
    }
}

}  // namespace

StartedConnect start_connect_from(const Endpoint& target, const std::optional<Endpoint>& source,
                                  int bound) {
    StartedConnect started = open_bound(target, source, bound);
    if (!started.error) {
        // Failure costs a packet.
        static_cast<void>(set_option(started.socket, {IPPROTO_TCP, TCP_QUICKACK, 0}));
    }
    begin_connect(started, target);
    return started;
}

boost::system::result<Descriptor> start_connect(const Endpoint& target,
                                                const std::optional<IpAddress>& source, int bound) {
    std::optional<Endpoint> from;
    if (source && source->is_v4() == target.address().is_v4()) {
        from = Endpoint{*source, 0};
    }
    StartedConnect started = open_bound(target, from, bound);
    begin_connect(started, target);
    if (started.error) {
        return started.error;
    }
    return std::move(started.socket);
}

void acknowledge_at_once(const Descriptor& socket) {
    // Failure leaves it to the kernel's timer.
    static_cast<void>(set_option(socket, {IPPROTO_TCP, TCP_QUICKACK, 1}));
}

void send_at_once(const Descriptor& socket) {
    // Failure leaves Nagle's algorithm on: slower, not wrong.
    static_cast<void>(set_option(socket, {IPPROTO_TCP, TCP_NODELAY, 1}));
}

ConnectVerdict connect_verdict(const Descriptor& socket, std::uint32_t events) {
    using Kind = ConnectVerdict::Kind;
    if ((events & (EPOLLERR | EPOLLHUP)) == 0) {
        return {(events & EPOLLOUT) != 0 ? Kind::Connected : Kind::Pending, {}};
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
        return {Kind::Failed, last_error()};
    }
    switch (error) {
        case 0:
            // HUP alone: the error was told before or the kernel has none.
            return {Kind::Failed, {ECONNABORTED, boost::system::system_category()}};
        case ECONNRESET:
        case EPIPE:
            // Only an established connection ends like this; what it sent can still be read.
            return {Kind::ConnectedThenReset, {}};
        default:
            return {Kind::Failed, {error, boost::system::system_category()}};
    }
}

bool is_local_shortage(const error_code& error) {
    switch (error.value()) {
        case EADDRNOTAVAIL:
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
        case ENOSPC:
        case EAGAIN:
            return true;
        default:
            return false;
    }
}

std::size_t unacknowledged(const Descriptor& socket) {
    int count = 0;
    // Fails for a listener only.
    return ::ioctl(socket.get(), SIOCOUTQ, &count) == -1 ? 0 : static_cast<std::size_t>(count);
}

void close_both(Descriptor& one, Descriptor& other) {
    const int first = std::min(one.get(), other.get());
    if (first == -1 || first + 1 != std::max(one.get(), other.get())) {
        one.close();
        other.close();
        return;
    }
    ::close_range(static_cast<unsigned>(first), static_cast<unsigned>(first) + 1, 0);
    static_cast<void>(one.release());
    static_cast<void>(other.release());
}

void close_with_reset(Descriptor& socket) {
    const linger no_linger{.l_onoff = 1, .l_linger = 0};
    // Failure leaves an orderly close, which is the best that can be done then.
    static_cast<void>(
        ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &no_linger, sizeof no_linger));
    socket.close();
}

void close_silently(Descriptor& socket) {
    const int repair = 1;
    if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &repair, sizeof repair) == -1) {
        close_with_reset(socket);
        return;
    }
    socket.close();
}

void put_urgent_data_in_line(const Descriptor& socket) {
    // Failure means that the urgent byte is dropped, as without this option.
    static_cast<void>(set_option(socket, {SOL_SOCKET, SO_OOBINLINE, 1}));
}

}  // namespace tandem::relay
