// What is read of a connection before an upstream is chosen, and what is told to the upstream.
// Plain data: filled by proxy/config.
#pragma once

#include "proxy/relay/network.hpp"
#include "proxy/relay/proxy_protocol.hpp"

#include <chrono>
#include <vector>

namespace tandem::relay {

struct PrereadConfig {
    /// Connections from these networks begin with a PROXY header, of either version: those without
    /// are reset. Connections from elsewhere are relayed as they are, whatever they begin with.
    /// Empty: nobody sends one.
    std::vector<Network> proxy_senders;
    /// Connections from elsewhere are reset.
    bool proxy_required = false;
    /// From accept() to the last byte that is needed to choose an upstream (PROXY header, TLS
    /// hello); then the connection is reset. Greater than zero.
    std::chrono::milliseconds timeout = std::chrono::seconds{10};
    bool operator==(const PrereadConfig&) const = default;
};

}  // namespace tandem::relay
