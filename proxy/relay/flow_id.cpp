#include "proxy/relay/flow_id.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace tandem::relay {

std::string to_string(const FlowId& id) {
    return std::to_string(id.worker) + '-' + std::to_string(static_cast<std::uint32_t>(id.token)) +
           '-' + std::to_string(id.token >> 32U);
}

std::optional<FlowId> parse_flow_id(std::string_view text) {
    std::array<std::uint32_t, 3> parts{};
    for (std::size_t index = 0; index < parts.size(); ++index) {
        const char* const end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data(), end, parts.at(index));
        const bool last = index + 1 == parts.size();
        if (error != std::errc() || (last ? rest != end : rest == end || *rest != '-')) {
            return std::nullopt;
        }
        text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + (last ? 0 : 1));
    }
    return FlowId{parts[0], std::uint64_t{parts[2]} << 32U | parts[1]};
}

}  // namespace tandem::relay
