#include "proxy/daemon/guardian_link.hpp"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace tandem::daemon {

using boost::system::error_code;

std::string_view to_string(GuardianState state) {
    switch (state) {
        case GuardianState::None:
            return "none";
        case GuardianState::Watches:
            return "watches";
        case GuardianState::Gone:
            break;
    }
    return "gone";
}

GuardianLink::GuardianLink(boost::asio::io_context& context, int descriptor,
                           std::function<void()> on_gone)
    : channel_{context},
      timer_{context},
      on_gone_{std::move(on_gone)},
      state_{descriptor == -1 ? GuardianState::None : GuardianState::Watches} {
    if (descriptor != -1) {
        channel_.assign(descriptor);
    }
}

void GuardianLink::start() {
    if (state_ == GuardianState::Watches) {
        wait_for_end();
        beat();
    }
}

void GuardianLink::leave(const LastWill& will) {
    if (state_ != GuardianState::Watches) {
        return;
    }
    auto bytes = encode(will);
    if (bytes.empty()) {
        // Too long: none is better than one that is no longer true.
        bytes = encode(LastWill{.instance = will.instance, .removals = {}, .adverts = {}});
    }
    waiting_.insert_or_assign(will.instance, std::move(bytes));
    flush();
}

void GuardianLink::tell_ready() {
    if (state_ == GuardianState::Watches) {
        ready_waits_ = true;
        flush();
    }
}

bool GuardianLink::send(const std::vector<std::byte>& bytes) {
    return ::send(channel_.native_handle(), bytes.data(), bytes.size(),
                  MSG_DONTWAIT | MSG_NOSIGNAL) != -1;
}

void GuardianLink::flush() {
    while (!waiting_.empty() && send(waiting_.begin()->second)) {
        waiting_.erase(waiting_.begin());
    }
    if (ready_waits_ && waiting_.empty()) {
        ready_waits_ = !send(encode(NodeReady{}));
    }
}

void GuardianLink::beat() {
    if (state_ != GuardianState::Watches) {
        return;
    }
    flush();
    if (waiting_.empty()) {
        send(encode(Heartbeat{}));
    }
    timer_.expires_after(kHeartbeatInterval);
    timer_.async_wait([this](error_code error) {
        if (!error) {
            beat();
        }
    });
}

/// The guardian never says anything: what can be read is the end.
void GuardianLink::wait_for_end() {
    channel_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](error_code error) {
        if (error) {
            return;
        }
        std::byte byte{};
        const ssize_t size = ::recv(channel_.native_handle(), &byte, 1, MSG_DONTWAIT);
        if (size > 0 || (size == -1 && (errno == EAGAIN || errno == EINTR))) {
            wait_for_end();
            return;
        }
        state_ = GuardianState::Gone;
        timer_.cancel();
        channel_.close();
        on_gone_();
    });
}

}  // namespace tandem::daemon
