// The JSON documents of the control protocol, from snapshots. Pure.
#pragma once

#include "proxy/config/load.hpp"
#include "proxy/control/backend.hpp"
#include "proxy/daemon/failover.hpp"
#include "proxy/daemon/instance_snapshot.hpp"
#include "proxy/daemon/reload_plan.hpp"
#include "proxy/relay/status.hpp"

#include <chrono>
#include <cstdint>
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
    /// Of all services, since the start.
    std::uint64_t access_records_lost = 0;
};

/// RFC 3339, UTC, milliseconds.
std::string to_rfc3339(std::chrono::system_clock::time_point time);

control::Reply status_reply(const NodeFacts& node, const std::vector<InstanceSnapshot>& instances,
                            const std::vector<relay::ServiceStatus>& services,
                            const std::vector<relay::CheckStatus>& checks = {});
control::Reply failover_reply(const FailoverResult& result);
/// @param problem why nothing was changed; empty: it was.
control::Reply reload_reply(const config::LoadResult& loaded, const ReloadPlan& plan,
                            const std::string& problem);
control::Reply check_reply(const std::string& path, const config::LoadResult& result);

}  // namespace tandem::daemon
