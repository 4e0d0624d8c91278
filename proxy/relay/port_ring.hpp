// A range of source ports: O(1), the one that was freed longest ago first. Pure.
#pragma once

#include "proxy/relay/port_range.hpp"
#include "proxy/relay/timer_wheel.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace tandem::relay {

/// How the connection that used the port has ended.
enum class PortState : std::uint8_t {
    /// Both FINs were seen, or a reset was: the next connection may have the port. TIME_WAIT does
    /// not stand in the way: the kernel reuses it for an explicitly bound port when the connection
    /// had timestamps.
    Clean,
    /// The upstream may believe that the connection lives: the port rests for kQuarantine first.
    Dirty,
};

/// Not thread-safe.
class PortRing {
  public:
    /// net.ipv4.tcp_fin_timeout, the kernel's default.
    static constexpr std::chrono::seconds kQuarantine{60};

    /// @param start the first port handed out is this many after the range's first (modulo its
    /// size): a restarted process had better not begin where its predecessor did.
    PortRing(PortRange range, std::size_t start);
    /// Nullopt: every port is in use or in quarantine.
    std::optional<std::uint16_t> take(TimePoint now);
    /// A port that is not in use is ignored.
    void give_back(std::uint16_t port, PortState state, TimePoint now);
    [[nodiscard]] std::size_t in_use() const { return in_use_; }
    [[nodiscard]] std::size_t size() const { return taken_.size(); }

  private:
    struct Resting {
        TimePoint until;
        std::uint16_t port;
    };
    PortRange range_;
    std::size_t start_;
    /// Ports handed out once at least. Those were never used are better than any that was.
    std::size_t used_once_ = 0;
    std::size_t in_use_ = 0;
    std::deque<std::uint16_t> free_;
    std::deque<Resting> quarantine_;
    std::vector<bool> taken_;
};

}  // namespace tandem::relay
