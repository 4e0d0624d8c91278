// Composition root: builds the node from a configuration, wires the threads, runs until a signal.
//
//   control thread (the caller of run())  control socket, health checks, log, event list, signals
//   election thread                       Election
//   relay workers                         relay::Engine
#pragma once

#include "proxy/config/load.hpp"
#include "proxy/daemon/options.hpp"

namespace tandem::daemon {

/// Exit codes of the daemon itself, as keepalived uses them.
enum class NodeExit : int { Stopped = 0, Failed = 1 };

/// Runs until SIGTERM or SIGINT and a graceful stop. Prints why it could not start on standard
/// error and in the log.
NodeExit run_node(const Options& options, const std::string& node_name,
                  const config::LoadResult& loaded);

}  // namespace tandem::daemon
