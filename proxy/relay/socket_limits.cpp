#include "proxy/relay/socket_limits.hpp"

#include <optional>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tandem::relay {

namespace {

error_code set_keepalive(const Descriptor& socket,
                         const std::optional<KeepaliveConfig>& keepalive) {
    if (!keepalive) {
        return {};
    }
    const SocketOption options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(keepalive->idle.count())},
        {IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(keepalive->interval.count())},
        {IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(keepalive->count)},
    };
    for (const SocketOption& option : options) {
        if (const error_code error = set_option(socket, option)) {
            return error;
        }
    }
    return {};
}

error_code set_user_timeout(const Descriptor& socket, std::chrono::milliseconds timeout) {
    if (timeout == std::chrono::milliseconds::zero()) {
        return {};
    }
    return set_option(socket, {IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(timeout.count())});
}

}  // namespace

error_code limit_client_side(const Descriptor& listener, const SocketLimits& limits) {
    if (const error_code error = set_keepalive(listener, limits.keepalive)) {
        return error;
    }
    return set_user_timeout(listener, limits.user_timeout);
}

void limit_upstream_side(const Descriptor& socket, const SocketLimits& limits) {
    static_cast<void>(set_keepalive(socket, limits.upstream_keepalive));
    static_cast<void>(set_user_timeout(socket, limits.user_timeout));
}

}  // namespace tandem::relay
