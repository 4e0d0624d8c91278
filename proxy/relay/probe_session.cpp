#include "proxy/relay/probe_session.hpp"

#include "proxy/relay/source_address.hpp"

#include <cerrno>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/system/errc.hpp>

#include <sys/socket.h>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;

/// Of an attempt that failed before any packet left.
bool is_local_trouble(const error_code& error) {
    switch (error.value()) {
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
            return true;
        default:
            return is_local_shortage(error);
    }
}

std::string timeout_text(Milliseconds limit) {
    const auto milliseconds = limit.count();
    return "timed out after " + (milliseconds % 1000 == 0
                                     ? std::to_string(milliseconds / 1000) + " s"
                                     : std::to_string(milliseconds) + " ms");
}

}  // namespace

ProbeSession::ProbeSession(asio::io_context& context, const Endpoint& target, Milliseconds limit,
                           const std::vector<IpAddress>& virtual_addresses)
    : target_(target),
      limit_(limit),
      virtual_addresses_(virtual_addresses),
      socket_(context),
      timer_(context) {}

void ProbeSession::start(Probe::Done done) {
    done_ = std::move(done);
    connect();
}

void ProbeSession::cancel() {
    done_ = nullptr;
    timer_.cancel();
    // An error leaves nothing to do.
    error_code ignored;
    socket_.close(ignored);
}

void ProbeSession::connect() {
    const auto source = own_address_towards(target_, virtual_addresses_);
    if (!source.has_value()) {
        const bool none = source.error() == boost::system::errc::address_not_available;
        not_started(source.error(), none ? "no own address" : source.error().message());
        return;
    }
    if (const error_code error = open(*source)) {
        not_started(error, error.message());
        return;
    }
    timer_.expires_after(limit_);
    timer_.async_wait([self = weak_from_this()](const error_code& error) {
        const auto session = self.lock();
        if (session && !error) {
            session->fail(timeout_text(session->limit_));
        }
    });
    socket_.async_wait(
        asio::socket_base::wait_write, [self = weak_from_this()](const error_code& wait_error) {
            const auto session = self.lock();
            // Else the deadline or cancel() was first.
            if (!session || session->ended()) {
                return;
            }
            const error_code error = wait_error ? wait_error : session->connect_result();
            if (error) {
                session->fail(error.message());
            } else {
                session->on_connected();
            }
        });
}

error_code ProbeSession::open(const IpAddress& source) {
    auto socket = start_connect(target_, source);
    if (!socket.has_value()) {
        return socket.error();
    }
    error_code error;
    socket_.assign(target_.protocol(), socket->get(), error);
    if (!error) {
        static_cast<void>(socket->release());
    }
    return error;
}

error_code ProbeSession::connect_result() {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
        return last_error();
    }
    return {error, boost::system::system_category()};
}

void ProbeSession::not_started(const error_code& error, std::string text) {
    finish_later(is_local_trouble(error) ? ProbeResult::Kind::Skipped : ProbeResult::Kind::Failed,
                 std::move(text));
}

void ProbeSession::finish_later(ProbeResult::Kind kind, std::string text) {
    asio::post(socket_.get_executor(), [self = weak_from_this(), kind, text = std::move(text)] {
        if (const auto session = self.lock()) {
            session->finish(kind, text);
        }
    });
}

void ProbeSession::finish(ProbeResult::Kind kind, std::string text) {
    if (Probe::Done done = std::exchange(done_, nullptr)) {
        cancel();
        done({.kind = kind, .text = std::move(text), .weight = {}});
    }
}

}  // namespace tandem::relay
