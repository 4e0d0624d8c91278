// The JSON documents of the control protocol, from snapshots. Pure.
#pragma once

#include "proxy/config/load.hpp"
#include "proxy/control/backend.hpp"
#include "proxy/daemon/failover.hpp"
#include "proxy/daemon/instance_snapshot.hpp"
#include "proxy/relay/status.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

namespace tandem::daemon {

struct NodeFacts {
    std::string name;
    std::string config_path;
    int process_id = 0;
    std::chrono::milliseconds uptime{};
    /// "watches", "gone", or "none".
    std::string_view guardian = "none";
    /// Times the guardian started the node again.
    unsigned restarts = 0;
};

/// RFC 3339, UTC, milliseconds.
std::string to_rfc3339(std::chrono::system_clock::time_point time);

control::Reply status_reply(const NodeFacts& node, const std::vector<InstanceSnapshot>& instances,
                            const std::vector<relay::ServiceStatus>& services,
                            const std::vector<relay::CheckStatus>& checks = {});
control::Reply failover_reply(const FailoverResult& result);
control::Reply check_reply(const std::string& path, const config::LoadResult& result);

}  // namespace tandem::daemon
