// The server of the load generator: echo, sink and source on one port (protocol.hpp). One thread,
// runs until it is killed.
#pragma once

#include <netinet/in.h>

namespace tandem::bench {

[[noreturn]] void serve(const sockaddr_in& endpoint);

}  // namespace tandem::bench
