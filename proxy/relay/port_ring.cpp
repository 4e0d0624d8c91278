#include "proxy/relay/port_ring.hpp"

namespace tandem::relay {

PortRing::PortRing(PortRange range, std::size_t start)
    : range_(range), start_(start % range.size()), taken_(range.size()) {}

std::optional<std::uint16_t> PortRing::take(TimePoint now) {
    while (!quarantine_.empty() && quarantine_.front().until <= now) {
        free_.push_back(quarantine_.front().port);
        quarantine_.pop_front();
    }
    std::uint16_t port = 0;
    if (used_once_ < taken_.size()) {
        port = static_cast<std::uint16_t>(range_.first + (start_ + used_once_) % taken_.size());
        ++used_once_;
    } else if (!free_.empty()) {
        port = free_.front();
        free_.pop_front();
    } else {
        return std::nullopt;
    }
    taken_[std::size_t{port} - range_.first] = true;
    ++in_use_;
    return port;
}

void PortRing::give_back(std::uint16_t port, PortState state, TimePoint now) {
    if (port < range_.first || port > range_.last || !taken_[std::size_t{port} - range_.first]) {
        return;
    }
    taken_[std::size_t{port} - range_.first] = false;
    --in_use_;
    if (state == PortState::Clean) {
        free_.push_back(port);
    } else {
        quarantine_.push_back({.until = now + kQuarantine, .port = port});
    }
}

}  // namespace tandem::relay
