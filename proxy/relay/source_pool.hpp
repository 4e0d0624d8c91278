// Where connections to one upstream come from: several addresses as one pool of ports.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/sockets.hpp"
#include "proxy/relay/source_ports.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

namespace tandem::relay {

/// A port of a pool that a connection holds. Port zero: none, the kernel has chosen.
struct SourceLease {
    std::uint16_t port = 0;
    /// Index in the pool.
    std::uint16_t source = 0;
};

/// A connection attempt, or why there is none.
struct ConnectAttempt {
    Descriptor socket;
    SourceLease lease;
    error_code error;
};

/// Thread-safe. Shared by the workers.
class SourcePool {
  public:
    struct Source {
        IpAddress address;
        /// Null: the kernel chooses the port.
        std::shared_ptr<SourcePorts> ports;
    };
    /// @param sources of the upstream's family. None: the kernel chooses address and port.
    explicit SourcePool(std::vector<Source> sources) : sources_(std::move(sources)) {}

    /// Takes the sources in turn; a port that turns out to be taken by somebody else is put aside
    /// and the next one tried, a bounded number of times. EADDRNOTAVAIL: no source has a port left.
    /// @param bound see start_connect().
    ConnectAttempt connect(const Endpoint& target, PortShare share, TimePoint now, int bound);
    void give_back(SourceLease lease, PortState state, TimePoint now);

    /// Where a connection comes from. @pre lease.port != 0.
    [[nodiscard]] Endpoint endpoint(SourceLease lease) const {
        return {sources_[lease.source].address, lease.port};
    }
    [[nodiscard]] std::size_t ports_in_use() const;
    /// Zero: not bounded here.
    [[nodiscard]] std::size_t ports(PortShare share) const;

  private:
    ConnectAttempt connect_from(std::uint16_t source, const Endpoint& target, PortShare share,
                                TimePoint now, int bound);

    std::vector<Source> sources_;
    std::atomic<std::uint32_t> next_{0};
};

/// Gives services that connect from the same address to the same upstream the same ports: else
/// they would try to build the same connection twice. Not thread-safe.
class SourcePoolFactory {
  public:
    /// @param start see PortRing.
    explicit SourcePoolFactory(std::size_t start) : start_(start) {}
    std::unique_ptr<SourcePool> make(const ServiceConfig& service, const UpstreamConfig& upstream);
    /// Ports of pools that are no more.
    void forget_unused() {
        std::erase_if(ports_, [](const auto& each) { return each.second.use_count() == 1; });
    }

  private:
    using Key = std::tuple<IpAddress, Endpoint, std::uint16_t, std::uint16_t>;
    std::size_t start_;
    std::map<Key, std::shared_ptr<SourcePorts>> ports_;
};

}  // namespace tandem::relay
