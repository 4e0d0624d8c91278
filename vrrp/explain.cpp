#include "vrrp/explain.hpp"

#include <algorithm>
#include <cstdio>

namespace tandem::vrrp {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kVersion2AuthenticationSize = kPasswordSize;

/// 0 where the packet is too short to have it.
unsigned byte_at(Bytes bytes, std::size_t offset) {
    return offset < bytes.size() ? bytes[offset] : 0U;
}

std::string number(std::size_t value) {
    return std::to_string(value);
}

std::string explain_destination(const Datagram& datagram, const InstanceConfig& config) {
    const std::string found = "it sends to " + without_zone(datagram.destination).to_string();
    if (config.unicast_peers.empty()) {
        return found + ", this node listens to the multicast group " +
               multicast_group(config).to_string();
    }
    return found + ", this node is configured with unicast_peer";
}

std::string explain_time_to_live(const Datagram& datagram, const InstanceConfig& config) {
    const std::string name = config.family == Family::Ipv4 ? "TTL" : "hop limit";
    std::string found = "its " + name + " is " + number(datagram.time_to_live);
    if (config.unicast_peers.empty()) {
        return found + " instead of 255: it is not on this link";
    }
    const IpAddress source = without_zone(datagram.source);
    const auto peer =
        std::ranges::find_if(config.unicast_peers, [&source](const UnicastPeer& candidate) {
            return without_zone(candidate.address) == source;
        });
    if (peer == config.unicast_peers.end()) {
        return found;
    }
    return found + ", allowed are " + number(peer->min_ttl) + " to " + number(peer->max_ttl) +
           ": either it is behind a router (set min_ttl for it), or it sends with another "
           "unicast_ttl";
}

std::string explain_length(const Datagram& datagram, const InstanceConfig& config) {
    const Bytes packet = datagram.packet;
    if (packet.size() < kMinMessageSize) {
        return "its packet has " + number(packet.size()) + " bytes, a VRRP header has 8";
    }
    const std::size_t count = packet[3];
    const std::size_t expected = message_size(config, count);
    if (!config.auth_hmac && packet.size() == expected + kTrailerSize && packet[expected] == 1) {
        return "it uses auth_hmac, this node does not";
    }
    if (config.version == Version::V2 && packet.size() + kVersion2AuthenticationSize == expected) {
        return "it leaves the authentication data of version 2 out";
    }
    return "its packet has " + number(packet.size()) + " bytes, one with " + number(count) +
           " addresses has " + number(expected);
}

std::string explain_checksum(const InstanceConfig& config) {
    if (config.family == Family::Ipv4 && config.version == Version::V3) {
        return "its checksum is wrong with and without pseudo-header: the packet was damaged, or "
               "forged";
    }
    return "its checksum is wrong: the packet was damaged, or forged";
}

std::string authentication_name(unsigned type) {
    switch (type) {
        case 0:
            return "no authentication";
        case 1:
            return "auth_type PASS";
        case 2:
            return "auth_type AH, which is not supported";
        default:
            return "authentication type " + number(type);
    }
}

std::string explain_interval(const Datagram& datagram, const InstanceConfig& config) {
    if (config.version == Version::V3) {
        return "it announces an interval of zero";
    }
    const auto ours =
        std::chrono::duration_cast<std::chrono::seconds>(config.advertisement_interval);
    return "its interval is " + number(byte_at(datagram.packet, 5)) + " s, ours is " +
           std::to_string(ours.count()) + " s: version 2 demands the same on both nodes";
}

/// The trailer of a packet that has one; nullopt otherwise.
std::optional<std::span<const std::uint8_t, kTrailerSize>> trailer_of(const Datagram& datagram) {
    if (datagram.packet.size() < kMinMessageSize + kTrailerSize) {
        return std::nullopt;
    }
    return datagram.packet.last<kTrailerSize>();
}

std::string explain_stale(const Datagram& datagram, const InstanceConfig& config, WallTime now) {
    const auto trailer = trailer_of(datagram);
    if (!trailer || !config.auth_hmac) {
        return "its time stamp is outside the time window";
    }
    const auto skew = clock_skew(*trailer, now);
    std::array<char, 32> text{};
    const double seconds = static_cast<double>(skew.count()) / 1000.0;
    [[maybe_unused]] const int size =
        std::snprintf(text.data(), text.size(), "%.1f", seconds < 0 ? -seconds : seconds);
    return std::string{"its time stamp is "} + text.data() + " s " +
           (seconds < 0 ? "behind" : "ahead of") + " our clock, time_window is " +
           std::to_string(config.auth_hmac->time_window.count()) +
           " s: a clock is wrong, or the packet was recorded";
}

std::string key_id(const Datagram& datagram) {
    const auto trailer = trailer_of(datagram);
    return trailer ? number((*trailer)[1]) : "?";
}

std::string milliseconds_text(Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
           " ms";
}

}  // namespace

std::string explain(Discard reason, const Datagram& datagram, const InstanceConfig& config,
                    WallTime now) {
    const Bytes packet = datagram.packet;
    switch (reason) {
        case Discard::OwnPacket:
            return "it carries our own source address: the network sends our packets back, or two "
                   "nodes have this address";
        case Discard::VirtualRouterId:
            return "its VRID is " + number(byte_at(packet, 1)) + ", ours is " +
                   number(config.virtual_router_id);
        case Discard::Destination:
            return explain_destination(datagram, config);
        case Discard::UnknownPeer:
            return "it is not listed in unicast_peer";
        case Discard::TimeToLive:
            return explain_time_to_live(datagram, config);
        case Discard::Version:
            return "it speaks VRRP version " + number(byte_at(packet, 0) >> 4U) +
                   ", this node version " + number(static_cast<unsigned>(config.version));
        case Discard::Type:
            return "its packet type is " + number(byte_at(packet, 0) & 0x0fU) +
                   ", only 1 (advertisement) is standard";
        case Discard::PacketLength:
            return explain_length(datagram, config);
        case Discard::Checksum:
            return explain_checksum(config);
        case Discard::AuthenticationType:
            return "it uses " + authentication_name(byte_at(packet, 4)) + ", this node " +
                   authentication_name(config.password.empty() ? 0 : 1);
        case Discard::Authentication:
            return "its auth_pass is not ours";
        case Discard::Interval:
            return explain_interval(datagram, config);
        case Discard::AddressList:
            return "it lists no address";
        case Discard::HmacMissing:
            return "it sends no auth_hmac trailer, and this node's mode is enforce";
        case Discard::HmacMalformed:
            return "its auth_hmac trailer has an unknown form";
        case Discard::HmacUnknownKey:
            return "it signs with key " + key_id(datagram) + ", which this node does not have";
        case Discard::HmacInvalid:
            return "its signature with key " + key_id(datagram) +
                   " is wrong: the keys differ, or it is forged";
        case Discard::HmacStale:
            return explain_stale(datagram, config, now);
        case Discard::HmacReplay:
            return "its packet is not newer than the last one of this sender: it was repeated";
    }
    return {};
}

std::string explain(const IntervalDiffers& differs, Duration own) {
    std::string text = "it advertises every " + milliseconds_text(differs.heard) +
                       ", this node every " + milliseconds_text(own);
    if (differs.used != differs.heard) {
        text += "; that is too far off and counts as " + milliseconds_text(differs.used);
    }
    return text;
}

}  // namespace tandem::vrrp
