// Codec of VRRP advertisements: bytes of a message from a configuration, and back with every check
// of RFC 9568 section 7.1 (version 3) and RFC 3768 section 7.1 (version 2). Pure.
//
// Version 2 (RFC 3768 section 5.1), IPv4 only; length 8 + 4 n + 8:
//
//     0                   1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |   Auth Type   | Adver Int (s) |           Checksum            |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                     n IPv4 addresses                          |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |             8 bytes of authentication data, always            |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// Version 3 (RFC 9568 section 5.1); length 8 + 4 n (IPv4) or 8 + 16 n (IPv6):
//
//     0                   1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |Reserve| Max Advertise Int (cs)|           Checksum            |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//    |                 n IPv4 or IPv6 addresses                      |
//    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// With auth_hmac a trailer of 28 bytes follows (auth_hmac.hpp). "Message" is what stands above,
// "packet" is the message and its trailer, if any.
#pragma once

#include "vrrp/auth_hmac.hpp"
#include "vrrp/config.hpp"
#include "vrrp/elector.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::vrrp {

/// IP protocol number and IPv6 next header (RFC 9568 section 5.1.1.4).
inline constexpr std::uint8_t kIpProtocol = 112;
/// TTL and hop limit of every advertisement; proves that the sender is on the link.
inline constexpr std::uint8_t kTimeToLive = 255;
/// Shortest VRRP message: a header without addresses.
inline constexpr std::size_t kMinMessageSize = 8;
/// Longest VRRP message: 255 IPv6 addresses.
inline constexpr std::size_t kMaxMessageSize = kMinMessageSize + std::size_t{255} * 16;
inline constexpr std::size_t kMaxPacketSize = kMaxMessageSize + kTrailerSize;
/// Longest IPv4 header, options included.
inline constexpr std::size_t kMaxIpv4HeaderSize = 60;
/// Bytes of a version 2 password on the wire; a longer one is cut, a shorter one zero padded.
inline constexpr std::size_t kPasswordSize = 8;

/// 224.0.0.18 or ff02::12.
IpAddress multicast_group(Family family);
/// The configured group, or the one of the family. Of no use to an instance with unicast peers.
IpAddress multicast_group(const InstanceConfig& config);
/// Where advertisements go: the unicast peers, or the multicast group.
std::vector<IpAddress> destinations(const InstanceConfig& config);
/// The address without the zone of an IPv6 link-local: what is compared and put on the wire.
IpAddress without_zone(const IpAddress& address);

/// Why a packet was not accepted.
enum class Discard : std::uint8_t {
    OwnPacket,           ///< its source is our own address: looped back by the network
    VirtualRouterId,     ///< belongs to another virtual router on the link
    Destination,         ///< multicast for a unicast instance, unicast for a multicast one, not us
    UnknownPeer,         ///< unicast from an address that is not in the list of peers
    TimeToLive,          ///< multicast: not 255; unicast: outside the peer's min_ttl and max_ttl
    Version,             ///< not the configured version
    Type,                ///< not an advertisement (1 is the only type)
    PacketLength,        ///< shorter or longer than its own header says
    Checksum,            ///< wrong in every form that is legal for version and family
    AuthenticationType,  ///< version 2: not the configured authentication
    Authentication,      ///< version 2: wrong password
    Interval,            ///< version 2: not our interval; version 3: zero
    AddressList,         ///< version 3: no address at all; found by the router: none of ours
    HmacMissing,         ///< auth_hmac in mode enforce: no trailer
    HmacMalformed,       ///< auth_hmac: unknown extension type or reserved bits
    HmacUnknownKey,      ///< auth_hmac: a key id that is not configured
    HmacInvalid,         ///< auth_hmac: wrong signature
    HmacStale,           ///< auth_hmac: outside the time window
    HmacReplay,          ///< auth_hmac: not newer than the last one of this sender
};
/// Number of values of Discard.
inline constexpr std::size_t kDiscardReasons = static_cast<std::size_t>(Discard::HmacReplay) + 1;

/// Stable names, those of RFC 8347 (ietf-vrrp) where it has one ("checksum-error", …), and
/// keepalived's words for the signature ("hmac-unknown-key", …).
std::string_view to_string(Discard reason);

/// One packet as the socket delivered it.
struct Datagram {
    IpAddress source;
    IpAddress destination;
    std::uint8_t time_to_live = 0;
    /// Message and trailer, without IP header and without link-layer padding.
    std::span<const std::uint8_t> packet;
};

/// Splits what an IPv4 raw socket delivers into header fields and message. The end of the message
/// is the header's total length: short Ethernet frames arrive padded.
/// @return nullopt for a malformed header (version, header length, total length, truncation).
std::optional<Datagram> split_ipv4(std::span<const std::uint8_t> packet);

/// An advertisement that passed every check, and what is worth telling the operator about it.
struct DecodedAdvertisement {
    ReceivedAdvertisement advertisement;
    /// False: the sender's addresses are not ours (any order). Not a reason to discard where some
    /// are: that would leave two active nodes.
    bool address_list_matches = true;
    /// Both lists have addresses, and none is in both: another cluster uses this VRID. It cannot
    /// take over what is ours, so its claims must not be heeded.
    bool address_list_disjoint = false;
    /// The form that the sender used; only version 3 over IPv4 has a choice.
    ChecksumForm checksum_form = ChecksumForm::MessageOnly;
};

using DecodeResult = std::variant<DecodedAdvertisement, Discard>;

/// Checks in this order: own source, VRID (selects the virtual router, as several share a link),
/// destination and peer, TTL, version, type, length, checksum, auth_hmac, authentication, interval,
/// address count. So a reason is never caused by an earlier one. What the signature does not cover
/// is checked before it: a copy that was changed there (TTL, checksum) leaves no replay mark, which
/// would have the original refused. (keepalived checks the signature before type and checksum.)
/// A trailer is what makes the packet exactly kTrailerSize longer than its message; without
/// config.auth_hmac such a packet is too long.
/// Allocates nothing but what the verifier needs.
/// @param own_source source address of our advertisements.
/// @param verifier of this virtual router, when config.auth_hmac is set. Without one no key is
///        known then, and everything is discarded.
DecodeResult decode(const Datagram& datagram, const InstanceConfig& config,
                    const IpAddress& own_source, HmacVerifier* verifier = nullptr,
                    WallTime now = {});

/// How long a message with `address_count` addresses is, without trailer.
std::size_t message_size(const InstanceConfig& config, std::size_t address_count);

using PacketBuffer = std::array<std::uint8_t, kMaxPacketSize>;

/// Writes one advertisement: message, checksum still zero, and trailer if there is a signer and the
/// mode wants one. Allocates nothing. For each destination: set_checksum(), then send the bytes.
/// @param source address of the IP header; part of the signature.
/// @pre config is validated by proxy/config. Out of range values are still encoded legally: the
///      interval is clamped, addresses of the other family and those after the 255th are left out.
/// @return the bytes in use, from the start of the buffer.
std::span<std::uint8_t> encode_into(PacketBuffer& buffer, const InstanceConfig& config,
                                    std::uint8_t priority, const IpAddress& source,
                                    HmacSigner* signer = nullptr, WallTime now = {});
/// Sets the checksum, whatever stood there. The trailer is part of it for IPv6, where keepalived
/// leaves the checksum to the kernel, and not for IPv4.
/// @param packet as encode_into() returned it.
/// @param source, destination addresses of the IP header; part of the checksum for IPv6 and for
///        ChecksumForm::PseudoHeader.
void set_checksum(std::span<std::uint8_t> packet, const InstanceConfig& config,
                  const IpAddress& source, const IpAddress& destination);

/// Both steps, for one destination and where time does not matter.
std::vector<std::uint8_t> encode(const InstanceConfig& config, std::uint8_t priority,
                                 const IpAddress& source, const IpAddress& destination,
                                 HmacSigner* signer = nullptr, WallTime now = {});

}  // namespace tandem::vrrp
