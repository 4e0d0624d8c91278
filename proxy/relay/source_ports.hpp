// Source ports of connections to one upstream from one address, one share for each node of the
// pair.
#pragma once

#include "proxy/relay/port_range.hpp"
#include "proxy/relay/port_ring.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace tandem::relay {

/// The range with its two halves. Thread-safe; held for some nanoseconds beside a connect() that
/// takes thousands, so that a bound on ports is exact over all workers.
class SourcePorts {
  public:
    /// @pre the range has two ports at least.
    SourcePorts(PortRange range, std::size_t start);
    std::optional<std::uint16_t> take(PortShare share, TimePoint now);
    void give_back(std::uint16_t port, PortState state, TimePoint now);
    [[nodiscard]] std::size_t in_use() const;
    /// Of the share.
    [[nodiscard]] std::size_t size(PortShare share) const;

  private:
    mutable std::mutex mutex_;
    std::uint16_t first_of_upper_;
    PortRing lower_;
    PortRing upper_;
};

}  // namespace tandem::relay
