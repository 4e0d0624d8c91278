// What the kernel is asked to watch over on the sockets of a connection.
#pragma once

#include "proxy/relay/limits_config.hpp"
#include "proxy/relay/sockets.hpp"

namespace tandem::relay {

/// On a listening socket: every connection it accepts inherits it, without a system call.
error_code limit_client_side(const Descriptor& listener, const SocketLimits& limits);

/// True: limit_upstream_side() has something to do.
inline bool limits_upstream_side(const SocketLimits& limits) {
    return limits.upstream_keepalive || limits.user_timeout.count() != 0;
}
/// On a connection to an upstream: four system calls for the keepalive, one for the user timeout.
/// Failure leaves the kernel's own bounds, which do no harm.
void limit_upstream_side(const Descriptor& socket, const SocketLimits& limits);

}  // namespace tandem::relay
