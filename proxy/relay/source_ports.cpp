#include "proxy/relay/source_ports.hpp"

#include <cassert>

namespace tandem::relay {

namespace {

std::uint16_t middle(PortRange range) {
    return static_cast<std::uint16_t>(range.first + range.size() / 2);
}

PortRange lower_half(PortRange range) {
    return {range.first, static_cast<std::uint16_t>(middle(range) - 1)};
}

PortRange upper_half(PortRange range) {
    return {middle(range), range.last};
}

}  // namespace

SourcePorts::SourcePorts(PortRange range, std::size_t start)
    : first_of_upper_(middle(range)),
      lower_(lower_half(range), start),
      upper_(upper_half(range), start) {
    assert(range.size() >= 2);
}

std::optional<std::uint16_t> SourcePorts::take(PortShare share, TimePoint now) {
    const std::lock_guard lock{mutex_};
    std::optional<std::uint16_t> port;
    if (share != PortShare::UpperHalf) {
        port = lower_.take(now);
    }
    if (!port && share != PortShare::LowerHalf) {
        port = upper_.take(now);
    }
    return port;
}

void SourcePorts::give_back(std::uint16_t port, PortState state, TimePoint now) {
    const std::lock_guard lock{mutex_};
    (port < first_of_upper_ ? lower_ : upper_).give_back(port, state, now);
}

std::size_t SourcePorts::in_use() const {
    const std::lock_guard lock{mutex_};
    return lower_.in_use() + upper_.in_use();
}

std::size_t SourcePorts::size(PortShare share) const {
    return (share != PortShare::UpperHalf ? lower_.size() : 0) +
           (share != PortShare::LowerHalf ? upper_.size() : 0);
}

}  // namespace tandem::relay
