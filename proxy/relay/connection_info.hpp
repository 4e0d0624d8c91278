// What there is to say about a connection that is open. Plain data.
#pragma once

#include "proxy/relay/access_record.hpp"
#include "proxy/relay/config.hpp"
#include "proxy/relay/flow_id.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tandem::relay {

struct ConnectionInfo {
    FlowId id;
    std::string service;
    /// By the PROXY header if there was one; port zero: not known, it is being reset.
    Endpoint client;
    Endpoint virtual_address;
    /// Of the connection to the upstream; port zero: there is none.
    Endpoint source;
    /// Empty: none was chosen yet.
    std::string upstream;
    std::chrono::milliseconds age{0};
    /// Since a byte moved.
    std::chrono::milliseconds idle{0};
    std::uint64_t bytes_to_upstream = 0;
    std::uint64_t bytes_to_client = 0;
    FlowPhase phase = FlowPhase::Relay;
    /// Whose FIN was passed on.
    bool client_closed = false;
    bool upstream_closed = false;
};

struct ConnectionList {
    /// Oldest first. When there are more than were asked for: any of them.
    std::vector<ConnectionInfo> connections;
    /// All that match.
    std::uint64_t total = 0;
};

}  // namespace tandem::relay
