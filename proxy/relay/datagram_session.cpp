#include "proxy/relay/datagram_session.hpp"

#include <algorithm>
#include <cerrno>
#include <random>

#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;

/// Datagrams that are no answer, before the attempt is given up.
constexpr unsigned kMostForeign = 1000;

bool is_nothing_yet(int error) {
    return error == EAGAIN || error == EINTR;
}

int connect_to(const Descriptor& socket, const Endpoint& target) {
    return ::connect(socket.get(), target.data(), static_cast<socklen_t>(target.size()));
}

int bind_to(const Descriptor& socket, const Endpoint& source) {
    return ::bind(socket.get(), source.data(), static_cast<socklen_t>(source.size()));
}

}  // namespace

Descriptor DatagramSession::make_socket() {
    return Descriptor{::socket(target().protocol().family(),
                               SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)};
}

error_code DatagramSession::open(const IpAddress& source) {
    Descriptor socket = make_socket();
    if (!socket.is_open()) {
        return last_error();
    }
    // Without it the kernel keeps "host unreachable" to itself.
    const bool is_v4 = target().address().is_v4();
    if (const error_code error =
            set_option(socket, is_v4 ? SocketOption{IPPROTO_IP, IP_RECVERR, 1}
                                     : SocketOption{IPPROTO_IPV6, IPV6_RECVERR, 1})) {
        return error;
    }
    if (bind_to(socket, Endpoint{source, 0}) == -1 ||
        connect_to(socket, Endpoint{target().address(), port()}) == -1) {
        return last_error();
    }
    question_ = question(socket);
    error_code error;
    descriptor_.assign(socket.get(), error);
    if (!error) {
        static_cast<void>(socket.release());
    }
    return error;
}

void DatagramSession::begin() {
    if (::send(descriptor_.native_handle(), question_.data(), question_.size(), MSG_NOSIGNAL) ==
        -1) {
        const error_code error = last_error();
        not_started(error, error.message());
        return;
    }
    listen();
}

void DatagramSession::close() {
    // An error leaves nothing to do.
    error_code ignored;
    descriptor_.close(ignored);
}

void DatagramSession::listen() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [weak = weak_from_this()](const error_code& error) {
                               const auto session =
                                   std::static_pointer_cast<DatagramSession>(weak.lock());
                               // Else the deadline or cancel() was first.
                               if (!session || session->ended()) {
                                   return;
                               }
                               if (error) {
                                   session->fail(error.message());
                               } else {
                                   session->receive();
                               }
                           });
}

void DatagramSession::receive() {
    const ssize_t length = ::recv(descriptor_.native_handle(), buffer_.data(), buffer_.size(),
                                  MSG_DONTWAIT | MSG_TRUNC);
    if (length == -1) {
        if (is_nothing_yet(errno)) {
            listen();
        } else {
            fail(last_error().message());
        }
        return;
    }
    const auto size = static_cast<std::size_t>(length);
    const DatagramVerdict verdict =
        judge(size, std::string_view{buffer_.data(), std::min(size, buffer_.size())});
    switch (verdict.kind) {
        case DatagramVerdict::Kind::Passed:
            pass(verdict.text);
            break;
        case DatagramVerdict::Kind::Failed:
            fail(verdict.text);
            break;
        case DatagramVerdict::Kind::Foreign:
            if (++foreign_ == kMostForeign) {
                fail(std::to_string(kMostForeign) + " datagrams, none of them an answer");
            } else {
                listen();
            }
            break;
    }
}

std::string random_bytes(std::size_t count) {
    std::random_device source;
    std::string result;
    for (std::size_t index = 0; index < count; ++index) {
        result += static_cast<char>(source() & 0xffU);
    }
    return result;
}

}  // namespace tandem::relay
