// What the node tells its guardian: datagrams of a socket pair. Pure.
//
// Both ends are the same program, so numbers are in the host's own form and there is no version.
// The guardian checks every byte all the same: the sender may be a process that is breaking.
#pragma once

#include "netlink/message.hpp"
#include "vrrp/release_advertisement.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace tandem::daemon {

/// Longest message; a will that is longer is not kept (about 1500 addresses of one instance).
inline constexpr std::size_t kMaxGuardianMessage = std::size_t{128} << 10U;
/// Instances have numbers below this.
inline constexpr std::uint32_t kMaxWills = 4096;

/// The election thread runs.
struct Heartbeat {
    friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

/// The node has started: from now on its death is worth a new one.
struct NodeReady {
    friend bool operator==(const NodeReady&, const NodeReady&) = default;
};

/// What is to be done for one instance when the node is dead. Replaces an earlier one; an empty
/// one: nothing, the instance is not active.
struct LastWill {
    /// Position of the instance.
    std::uint32_t instance = 0;
    /// For netlink::RequestSocket::repeat(): addresses and routes off.
    std::vector<netlink::Bytes> removals;
    /// Said when all removals of all wills are done.
    std::vector<vrrp::ReleaseAdvertisement> adverts;

    [[nodiscard]] bool empty() const { return removals.empty() && adverts.empty(); }
    friend bool operator==(const LastWill&, const LastWill&) = default;
};

using GuardianMessage = std::variant<Heartbeat, NodeReady, LastWill>;

/// Empty when it would be longer than kMaxGuardianMessage.
std::vector<std::byte> encode(const GuardianMessage& message);

/// nullopt: not such a message.
std::optional<GuardianMessage> decode_guardian_message(std::span<const std::byte> bytes);

}  // namespace tandem::daemon
