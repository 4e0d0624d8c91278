#include "vrrp/release_advertisement.hpp"

#include "vrrp/packet.hpp"

#include <optional>
#include <span>

namespace tandem::vrrp {

std::vector<ReleaseAdvertisement> make_release_advertisements(const InstanceConfig& config,
                                                              const IpAddress& source,
                                                              unsigned interface_index,
                                                              const HmacSigner* signer,
                                                              WallTime now) {
    std::optional<HmacSigner> next;
    if (signer != nullptr) {
        next = *signer;
    }
    PacketBuffer buffer{};
    const std::span<std::uint8_t> packet =
        encode_into(buffer, config, kReleasePriority, source, next ? &*next : nullptr, now);
    const std::uint8_t hop_limit = config.unicast_peers.empty() ? kTimeToLive : config.unicast_ttl;
    std::vector<ReleaseAdvertisement> out;
    for (const IpAddress& destination : destinations(config)) {
        set_checksum(packet, config, source, destination);
        out.push_back(
            {source, destination, interface_index, hop_limit, {packet.begin(), packet.end()}});
    }
    return out;
}

}  // namespace tandem::vrrp
