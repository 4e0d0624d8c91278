// Ranges of source ports. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::relay {

/// Both ends belong to it. First zero: the kernel chooses.
struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    [[nodiscard]] std::size_t size() const {
        return first == 0 ? 0U : std::size_t{last} - first + 1;
    }
    friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// Which ports a node uses. The nodes of a pair take different halves, so that the one that takes
/// over never meets what the other has left in TIME_WAIT or open at the upstream: its first packet
/// would be refused, or cost a retransmission timeout.
enum class PortShare : std::uint8_t { Whole, LowerHalf, UpperHalf };

}  // namespace tandem::relay
