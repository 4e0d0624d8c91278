// One attempt of one check: connects, asks, listens, runs a program, or reads a file. Shell.
#pragma once

#include "proxy/relay/config.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace tandem::relay {

struct ProbeResult {
    enum class Kind : std::uint8_t {
        Passed,
        Failed,
        Skipped,  ///< this node could not make the attempt (I6)
    } kind = Kind::Failed;
    /// For people: "connected", "status 503", "timed out after 2 s".
    std::string text{};
    /// Set by a program or a file: the weight that the upstream is to have.
    std::optional<unsigned> weight{};
};

/// Runs attempts one after the other, on the io_context's thread.
class Probe {
  public:
    using Done = std::function<void(const ProbeResult&)>;

    Probe() = default;
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    /// cancel().
    virtual ~Probe() = default;
    /// `done` is called once, never from inside this call, unless cancel() comes first.
    virtual void start(Done done) = 0;
    /// Ends the attempt that runs; harmless without one.
    virtual void cancel() = 0;
};

/// Makes the probes that ask this host instead of the network. Empty: their checks are skipped.
struct LocalProbes {
    /// MISC_CHECK: the program is the one with the index ProgramCheck::program.
    std::function<std::unique_ptr<Probe>(const ProgramCheck& check)> program{};
    /// FILE_CHECK.
    std::function<std::unique_ptr<Probe>(const FileCheck& check)> file{};
};

struct ProbeSettings {
    /// Where to connect.
    Endpoint target;
    /// Never used as source (I3).
    const std::vector<IpAddress>& virtual_addresses;
    const LocalProbes& local;
};

/// `settings` may go after this; what it refers to outlives the probe.
std::unique_ptr<Probe> make_probe(boost::asio::io_context& context, const HealthCheckConfig& config,
                                  const ProbeSettings& settings);

}  // namespace tandem::relay
