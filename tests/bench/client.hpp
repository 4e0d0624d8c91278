// The clients of the load generator: one workload for a fixed time (or a fixed count), the result
// as JSON on standard output. One thread. Bounded: a run that makes no progress ends with an error
// after its time and ten seconds more.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/types.h>

namespace tandem::bench {

enum class Workload {
    Connect,   ///< connect, 64 bytes there and back, close; again and again
    Ping,      ///< 64 bytes there and back on connections that stay
    Upload,    ///< client to server as fast as it goes
    Download,  ///< server to client as fast as it goes
    Hold,      ///< connections that did one ping and then idle, until standard input closes
};

/// Processes whose processor time is reported together.
struct Watched {
    std::string name;
    std::vector<pid_t> pids;
};

struct ClientOptions {
    Workload workload = Workload::Connect;
    sockaddr_in target{};
    /// Where Connect connects from; its ports are first_port to last_port in turn, outside of the
    /// kernel's own range.
    sockaddr_in source{};
    std::uint16_t first_port = 20'000;
    std::uint16_t last_port = 65'000;
    std::size_t connections = 1;
    std::chrono::nanoseconds warmup{};
    std::chrono::nanoseconds duration{};
    /// Zero: `duration` ends the run. Otherwise so many operations, or MiB of a bulk workload,
    /// without warm-up.
    std::uint64_t count = 0;
    std::vector<Watched> watched;
};

/// Returns the exit status: 0, or 1 with the reason on standard error.
int run_client(const ClientOptions& options);

}  // namespace tandem::bench
