#include "proxy/relay/probe_session.hpp"

#include "proxy/relay/source_address.hpp"

#include <algorithm>
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
        // A rule of this host, or a privilege that the process lacks.
        case EACCES:
        case EPERM:
        case EPROTONOSUPPORT:
        case EAFNOSUPPORT:
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

ProbeSession::ProbeSession(asio::io_context& context, const SessionSettings& settings)
    : settings_(settings), timer_(context) {}

void ProbeSession::start(Probe::Done done) {
    done_ = std::move(done);
    const auto source = choose_source();
    if (!source.has_value()) {
        const bool none = source.error() == boost::system::errc::address_not_available;
        not_started(source.error(), none ? "no own address" : source.error().message());
        return;
    }
    if (const error_code error = open(*source)) {
        not_started(error, error.message());
        return;
    }
    timer_.expires_after(settings_.limit);
    timer_.async_wait([self = weak_from_this()](const error_code& error) {
        const auto session = self.lock();
        if (session && !error) {
            session->on_deadline(timeout_text(session->settings_.limit));
        }
    });
    begin();
}

void ProbeSession::cancel() {
    done_ = nullptr;
    timer_.cancel();
    close();
}

boost::system::result<IpAddress> ProbeSession::choose_source() const {
    const auto& wanted = settings_.source;
    const auto& virtual_addresses = settings_.virtual_addresses;
    const bool usable = wanted && wanted->is_v4() == target().address().is_v4() &&
                        std::ranges::find(virtual_addresses, *wanted) == virtual_addresses.end();
    if (usable) {
        return *wanted;
    }
    return own_address_towards(target(), virtual_addresses);
}

void ProbeSession::not_started(const error_code& error, std::string text) {
    finish_later(is_local_trouble(error) ? ProbeResult::Kind::Skipped : ProbeResult::Kind::Failed,
                 std::move(text));
}

void ProbeSession::finish_later(ProbeResult::Kind kind, std::string text) {
    asio::post(timer_.get_executor(), [self = weak_from_this(), kind, text = std::move(text)] {
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

error_code StreamSession::open(const IpAddress& source) {
    auto socket = start_connect(target(), source);
    if (!socket.has_value()) {
        return socket.error();
    }
    error_code error;
    socket_.assign(target().protocol(), socket->get(), error);
    if (!error) {
        static_cast<void>(socket->release());
    }
    return error;
}

void StreamSession::begin() {
    socket_.async_wait(
        asio::socket_base::wait_write, [weak = weak_from_this()](const error_code& wait_error) {
            const auto session = std::static_pointer_cast<StreamSession>(weak.lock());
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

void StreamSession::close() {
    // An error leaves nothing to do.
    error_code ignored;
    socket_.close(ignored);
}

error_code StreamSession::connect_result() {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
        return last_error();
    }
    return {error, boost::system::system_category()};
}

}  // namespace tandem::relay
