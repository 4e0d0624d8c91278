// The parent process of the node: starts it, watches it, and cleans up behind it when it dies.
//
// A node that dies leaves its virtual addresses on the interface until their lease ends, and the
// peer waits for its active down interval. The guardian has opened beforehand what it takes to do
// better: it removes the addresses and says priority 0, so that the peer takes over after its skew
// time. It knows nothing of configurations or elections: the node hands it the bytes to be sent in
// that case (guardian_message.hpp), whenever they change. What it decides is in supervisor.hpp.
//
// When the guardian dies the node carries on without it and says so: the service is worth more than
// its supervision. The lease still ends the addresses if the node dies, too.
#pragma once

#include "proxy/daemon/options.hpp"

#include <string>
#include <vector>

namespace tandem::daemon {

/// Runs until the node has stopped for good. Before any thread exists; single-threaded but for the
/// log.
/// @param arguments the command line without the program's name; the node gets it as it is, and
/// options of its own (Options::guardian_channel).
/// @return exit status of the process.
int run_guardian(const Options& options, const std::vector<std::string>& arguments);

}  // namespace tandem::daemon
