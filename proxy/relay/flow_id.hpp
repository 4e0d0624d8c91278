// Name of one connection, for people and orders. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::relay {

/// The worker and the token that its reactor gave to the client's socket (see SlotTable). It costs
/// nothing to have one. No other connection of the process has it, until a slot was used 2^32
/// times.
struct FlowId {
    std::uint32_t worker = 0;
    /// Slot and generation.
    std::uint64_t token = 0;
    bool operator==(const FlowId&) const = default;
};

/// "worker-slot-generation", in decimal.
std::string to_string(const FlowId& id);
/// nullopt: not such a text.
std::optional<FlowId> parse_flow_id(std::string_view text);

}  // namespace tandem::relay
