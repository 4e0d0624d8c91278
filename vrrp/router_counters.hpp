// What a router counted. Plain data.
#pragma once

#include "vrrp/elector.hpp"
#include "vrrp/lateness.hpp"
#include "vrrp/packet.hpp"

#include <array>
#include <cstdint>

namespace tandem::vrrp {

struct RouterCounters {
    /// Per advertisement, not per unicast peer.
    std::uint64_t adverts_sent = 0;
    /// Advertisements that did not go out: no usable interface, or the kernel refused.
    std::uint64_t adverts_failed = 0;
    /// Accepted ones only.
    std::uint64_t adverts_received = 0;
    std::uint64_t priority_zero_sent = 0;
    std::uint64_t priority_zero_received = 0;
    /// Lower claims and releases heard while active that were answered together with others: an
    /// answer goes out ten times per interval at most.
    std::uint64_t answers_delayed = 0;
    std::uint64_t became_active = 0;
    /// Packets for this virtual router that failed a check; each one is reported by on_discard.
    std::uint64_t discarded = 0;
    /// The same by reason; index: Discard. Names for people and metrics: to_string(Discard).
    std::array<std::uint64_t, kDiscardReasons> discarded_by_reason{};
    /// Counts one of them.
    void discard(Discard reason) {
        ++discarded;
        ++discarded_by_reason.at(static_cast<std::size_t>(reason));
    }
    /// Packets that the kernel dropped because the socket's buffer was full.
    std::uint64_t dropped = 0;
    /// Advertisements whose addresses are not the configured ones.
    std::uint64_t address_list_mismatches = 0;
    /// Accepted version 3 IPv4 advertisements in the checksum form that this node does not send:
    /// a peer that accepts one form only (keepalived) does not hear this node.
    std::uint64_t checksum_form_mismatches = 0;
    /// Of the elector's deadlines (advertisement, active down).
    Lateness lateness;
};

}  // namespace tandem::vrrp
