// `tandemctl connections` and `disconnect`: what the operator is told. Pure.
#pragma once

#include "proxy/control/backend.hpp"
#include "proxy/relay/connection_info.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tandem::daemon {

control::Reply connections_reply(const relay::ConnectionList& list);

struct ParsedIds {
    std::vector<relay::FlowId> ids;
    /// The first text that is no id; empty: all are.
    std::string problem;
};
/// Each id once.
ParsedIds parse_ids(const std::vector<std::string>& texts);

/// @param asked parsed ids. @param ended those of them that were open.
control::Reply disconnect_reply(const std::vector<relay::FlowId>& asked,
                                const std::vector<relay::FlowId>& ended);

}  // namespace tandem::daemon
