// What somebody else needs to say priority 0 for a router. Pure.
#pragma once

#include "vrrp/auth_hmac.hpp"
#include "vrrp/config.hpp"

#include <cstdint>
#include <vector>

namespace tandem::vrrp {

/// A priority-0 advertisement, ready to send.
struct ReleaseAdvertisement {
    IpAddress source;
    IpAddress destination;
    unsigned interface_index = 0;
    /// TTL or hop limit, 1..255.
    std::uint8_t hop_limit = 255;
    /// The VRRP message with its checksum.
    std::vector<std::uint8_t> packet;
    friend bool operator==(const ReleaseAdvertisement&, const ReleaseAdvertisement&) = default;
};

/// One for each destination of the instance.
/// @param source address of the advertisements.
/// @param signer of the instance; null: none. Signed is a copy of what it would sign next, so that
/// the sequence is one that no receiver has seen; every later advertisement makes it stale.
std::vector<ReleaseAdvertisement> make_release_advertisements(const InstanceConfig& config,
                                                              const IpAddress& source,
                                                              unsigned interface_index,
                                                              const HmacSigner* signer,
                                                              WallTime now);

}  // namespace tandem::vrrp
