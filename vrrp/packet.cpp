#include "vrrp/packet.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace tandem::vrrp {

namespace {

using Bytes = std::span<const std::uint8_t>;
using Password = std::array<std::uint8_t, kPasswordSize>;
using Centiseconds = std::chrono::duration<std::int64_t, std::centi>;

constexpr std::size_t kHeaderSize = kMinMessageSize;
constexpr std::size_t kChecksumOffset = 6;
constexpr std::size_t kMaxAddresses = 255;
constexpr std::uint8_t kTypeAdvertisement = 1;
constexpr std::uint8_t kAuthenticationNone = 0;
constexpr std::uint8_t kAuthenticationPassword = 1;
constexpr std::uint16_t kMaxIntervalCentiseconds = 4095;

constexpr std::size_t address_size(Family family) {
    return family == Family::Ipv4 ? 4 : 16;
}

std::uint16_t read_u16(Bytes bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(bytes[offset] << 8U | bytes[offset + 1]);
}

void write_u16(std::span<std::uint8_t> bytes, std::size_t offset, std::uint16_t value) {
    bytes[offset] = static_cast<std::uint8_t>(value >> 8U);
    bytes[offset + 1] = static_cast<std::uint8_t>(value & 0xffU);
}

/// IPv4 in the first four bytes.
using AddressBytes = std::array<std::uint8_t, 16>;

AddressBytes to_bytes(const IpAddress& address) {
    AddressBytes bytes{};
    if (address.is_v4()) {
        std::ranges::copy(address.to_v4().to_bytes(), bytes.begin());
    } else {
        bytes = address.to_v6().to_bytes();
    }
    return bytes;
}

/// The addresses of a message, on the stack and in their order.
class AddressList {
  public:
    /// What this node lists.
    explicit AddressList(const InstanceConfig& config) {
        for (const IpAddress& address : config.addresses) {
            if (address.is_v4() == (config.family == Family::Ipv4) && size_ < kMaxAddresses) {
                entries_[size_++] = to_bytes(address);
            }
        }
    }
    /// @param bytes at most 255 addresses of the family.
    AddressList(Bytes bytes, Family family) : size_{bytes.size() / address_size(family)} {
        const std::size_t size = address_size(family);
        for (std::size_t i = 0; i < size_; ++i) {
            std::ranges::copy(bytes.subspan(i * size, size), entries_[i].begin());
        }
    }

    [[nodiscard]] std::span<AddressBytes> entries() { return {entries_.data(), size_}; }

  private:
    std::array<AddressBytes, kMaxAddresses> entries_{};
    std::size_t size_ = 0;
};

/// Sum of 16-bit words for the Internet checksum (RFC 1071). Only the last block may be odd.
/// No overflow: 4 KiB of 0xffff stay below 2^28.
std::uint32_t add_words(Bytes bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += read_u16(bytes, i);
    }
    if (bytes.size() % 2 != 0) {
        sum += static_cast<std::uint32_t>(bytes.back()) << 8U;
    }
    return sum;
}

std::uint16_t fold(std::uint32_t sum) {
    while (sum >> 16U != 0) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(sum);
}

/// Pseudo-header of RFC 8200 section 8.1 (IPv6) and RFC 793 section 3.1 (IPv4): addresses, length
/// and protocol. Both sum to the same words, only the width of fields differs.
std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::size_t length) {
    const std::uint32_t sum = add_words(to_bytes(source), add_words(to_bytes(destination)));
    return sum + static_cast<std::uint32_t>(length) + kIpProtocol;
}

Password padded_password(std::string_view text) {
    Password password{};
    std::copy_n(text.begin(), std::min(text.size(), password.size()), password.begin());
    return password;
}

/// In a time that does not depend on where the first difference is.
bool equal_constant_time(Bytes left, Bytes right) {
    unsigned difference = left.size() == right.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
        difference |= static_cast<unsigned>(left[i] ^ right[i]);
    }
    return difference == 0;
}

struct ListComparison {
    bool same;
    bool disjoint;
};

/// In any order. Sorting keeps a hostile list of 255 from costing 255 * 255 steps.
ListComparison compare_lists(AddressList left_list, AddressList right_list) {
    const auto left = left_list.entries();
    const auto right = right_list.entries();
    std::ranges::sort(left);
    std::ranges::sort(right);
    bool common = false;
    for (auto l = left.begin(), r = right.begin();
         l != left.end() && r != right.end() && !common;) {
        common = *l == *r;
        *l < *r ? ++l : ++r;
    }
    return {.same = std::ranges::equal(left, right),
            .disjoint = !common && !left.empty() && !right.empty()};
}

/// The form in which the checksum is right; nullopt when it is in none that is legal. Bytes that
/// contain their own checksum sum to 0xffff.
std::optional<ChecksumForm> valid_checksum_form(const Datagram& datagram, Bytes message,
                                                const InstanceConfig& config) {
    const Bytes covered = config.family == Family::Ipv4 ? message : datagram.packet;
    const std::uint32_t sum = add_words(covered);
    if (config.family == Family::Ipv4 && fold(sum) == 0xffff) {
        return ChecksumForm::MessageOnly;
    }
    if (config.version == Version::V2) {
        return std::nullopt;
    }
    const std::uint32_t pseudo =
        pseudo_header_sum(datagram.source, datagram.destination, covered.size());
    if (fold(sum + pseudo) == 0xffff) {
        return ChecksumForm::PseudoHeader;
    }
    return std::nullopt;
}

std::optional<Discard> check_addressing(const Datagram& datagram, const InstanceConfig& config) {
    const IpAddress destination = without_zone(datagram.destination);
    if (config.unicast_peers.empty()) {
        if (destination != without_zone(multicast_group(config))) {
            return Discard::Destination;
        }
        return datagram.time_to_live == kTimeToLive ? std::nullopt
                                                    : std::optional{Discard::TimeToLive};
    }
    // Any of this host's addresses will do: the peer's file may name another one than ours does.
    if (destination.is_multicast()) {
        return Discard::Destination;
    }
    const IpAddress source = without_zone(datagram.source);
    const auto peer =
        std::ranges::find_if(config.unicast_peers, [&source](const UnicastPeer& candidate) {
            return without_zone(candidate.address) == source;
        });
    if (peer == config.unicast_peers.end()) {
        return Discard::UnknownPeer;
    }
    const bool in_range =
        peer->min_ttl <= datagram.time_to_live && datagram.time_to_live <= peer->max_ttl;
    return in_range ? std::nullopt : std::optional{Discard::TimeToLive};
}

/// Whether there is a trailer is a matter of the length alone, as the IP header gives it.
/// @return nullopt: a length that is neither.
std::optional<std::pair<Bytes, Bytes>> split_trailer(Bytes packet, const InstanceConfig& config) {
    const std::size_t size = message_size(config, packet[3]);
    const bool signed_length = config.auth_hmac && packet.size() == size + kTrailerSize;
    if (packet.size() != size && !signed_length) {
        return std::nullopt;
    }
    return std::pair{packet.first(size), packet.subspan(size)};
}

Discard to_discard(HmacFailure failure) {
    switch (failure) {
        case HmacFailure::Missing:
            return Discard::HmacMissing;
        case HmacFailure::Malformed:
            return Discard::HmacMalformed;
        case HmacFailure::UnknownKey:
            return Discard::HmacUnknownKey;
        case HmacFailure::Invalid:
            return Discard::HmacInvalid;
        case HmacFailure::Stale:
            return Discard::HmacStale;
        case HmacFailure::Replay:
            return Discard::HmacReplay;
    }
    return Discard::HmacInvalid;
}

/// @pre the length of the message is right for version 2.
std::optional<Discard> check_version2(Bytes message, const InstanceConfig& config) {
    const std::uint8_t expected =
        config.password.empty() ? kAuthenticationNone : kAuthenticationPassword;
    if (message[4] != expected) {
        return Discard::AuthenticationType;
    }
    if (expected == kAuthenticationPassword &&
        !equal_constant_time(message.last(kPasswordSize), padded_password(config.password))) {
        return Discard::Authentication;
    }
    if (std::chrono::seconds{message[5]} != config.advertisement_interval) {
        return Discard::Interval;
    }
    return std::nullopt;
}

/// Section "max advertise interval"; the reserved nibble above it is ignored (section 5.2.6).
Centiseconds version3_interval(Bytes message) {
    return Centiseconds{read_u16(message, 4) & kMaxIntervalCentiseconds};
}

std::optional<Discard> check_version3(Bytes message) {
    if (version3_interval(message) == Centiseconds::zero()) {
        return Discard::Interval;
    }
    if (message[3] == 0) {
        return Discard::AddressList;
    }
    return std::nullopt;
}

}  // namespace

IpAddress multicast_group(Family family) {
    if (family == Family::Ipv4) {
        return boost::asio::ip::address_v4{0xe0000012};
    }
    return boost::asio::ip::address_v6{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12}};
}

IpAddress multicast_group(const InstanceConfig& config) {
    return config.multicast_group.value_or(multicast_group(config.family));
}

std::vector<IpAddress> destinations(const InstanceConfig& config) {
    if (config.unicast_peers.empty()) {
        return {multicast_group(config)};
    }
    std::vector<IpAddress> peers;
    peers.reserve(config.unicast_peers.size());
    std::ranges::transform(config.unicast_peers, std::back_inserter(peers), &UnicastPeer::address);
    return peers;
}

IpAddress without_zone(const IpAddress& address) {
    if (address.is_v6() && address.to_v6().scope_id() != 0) {
        return boost::asio::ip::address_v6{address.to_v6().to_bytes()};
    }
    return address;
}

std::string_view to_string(Discard reason) {
    switch (reason) {
        case Discard::OwnPacket:
            return "own-packet";
        case Discard::VirtualRouterId:
            return "vrid-error";
        case Discard::Destination:
            return "destination-error";
        case Discard::UnknownPeer:
            return "unknown-peer";
        case Discard::TimeToLive:
            return "ip-ttl-error";
        case Discard::Version:
            return "version-error";
        case Discard::Type:
            return "invalid-type";
        case Discard::PacketLength:
            return "packet-length-error";
        case Discard::Checksum:
            return "checksum-error";
        case Discard::AuthenticationType:
            return "authentication-type-error";
        case Discard::Authentication:
            return "authentication-error";
        case Discard::Interval:
            return "interval-error";
        case Discard::AddressList:
            return "address-list-error";
        case Discard::HmacMissing:
            return "hmac-missing";
        case Discard::HmacMalformed:
            return "hmac-malformed";
        case Discard::HmacUnknownKey:
            return "hmac-unknown-key";
        case Discard::HmacInvalid:
            return "hmac-invalid";
        case Discard::HmacStale:
            return "hmac-stale";
        case Discard::HmacReplay:
            return "hmac-replay";
    }
    return "unknown";
}

std::optional<Datagram> split_ipv4(std::span<const std::uint8_t> packet) {
    constexpr std::size_t kMinHeaderSize = 20;
    if (packet.size() < kMinHeaderSize || packet[0] >> 4U != 4) {
        return std::nullopt;
    }
    const std::size_t header_size = (packet[0] & 0x0fU) * std::size_t{4};
    const std::size_t total_length = read_u16(packet, 2);
    if (header_size < kMinHeaderSize || total_length < header_size ||
        total_length > packet.size()) {
        return std::nullopt;
    }
    const auto address_at = [packet](std::size_t offset) {
        boost::asio::ip::address_v4::bytes_type bytes{};
        std::ranges::copy(packet.subspan(offset, bytes.size()), bytes.begin());
        return IpAddress{boost::asio::ip::address_v4{bytes}};
    };
    return Datagram{.source = address_at(12),
                    .destination = address_at(16),
                    .time_to_live = packet[8],
                    .packet = packet.subspan(header_size, total_length - header_size)};
}

std::size_t message_size(const InstanceConfig& config, std::size_t address_count) {
    return kHeaderSize + address_count * address_size(config.family) +
           (config.version == Version::V2 ? kPasswordSize : 0);
}

DecodeResult decode(const Datagram& datagram, const InstanceConfig& config,
                    const IpAddress& own_source, HmacVerifier* verifier, WallTime now) {
    const Bytes packet = datagram.packet;
    const IpAddress source = without_zone(datagram.source);
    if (source == without_zone(own_source)) {
        return Discard::OwnPacket;
    }
    if (packet.size() < kHeaderSize || packet.size() > kMaxPacketSize) {
        return Discard::PacketLength;
    }
    if (packet[1] != config.virtual_router_id) {
        return Discard::VirtualRouterId;
    }
    if (const auto reason = check_addressing(datagram, config)) {
        return *reason;
    }
    if (packet[0] >> 4U != static_cast<unsigned>(config.version)) {
        return Discard::Version;
    }
    if ((packet[0] & 0x0fU) != kTypeAdvertisement) {
        return Discard::Type;
    }
    const auto parts = split_trailer(packet, config);
    if (!parts) {
        return Discard::PacketLength;
    }
    const auto [message, trailer] = *parts;
    const auto form = valid_checksum_form(datagram, message, config);
    if (!form) {
        return Discard::Checksum;
    }
    if (config.auth_hmac) {
        const auto failure =
            verifier == nullptr
                ? HmacFailure::UnknownKey
                : verifier->verify({.message = message, .source = source}, trailer, now);
        if (failure) {
            return to_discard(*failure);
        }
    }
    const bool version2 = config.version == Version::V2;
    if (const auto reason = version2 ? check_version2(message, config) : check_version3(message)) {
        return *reason;
    }
    const Bytes list = message.subspan(kHeaderSize, message[3] * address_size(config.family));
    const auto compared = compare_lists(AddressList{list, config.family}, AddressList{config});
    return DecodedAdvertisement{
        .advertisement = {.priority = message[2],
                          .source = source,
                          .interval = version2 ? config.advertisement_interval
                                               : Duration{version3_interval(message)}},
        .address_list_matches = compared.same,
        .address_list_disjoint = compared.disjoint,
        .checksum_form = *form};
}

std::span<std::uint8_t> encode_into(PacketBuffer& buffer, const InstanceConfig& config,
                                    std::uint8_t priority, const IpAddress& source,
                                    HmacSigner* signer, WallTime now) {
    AddressList list{config};
    const auto addresses = list.entries();
    const std::span<std::uint8_t> message{buffer.data(), message_size(config, addresses.size())};
    message[0] =
        static_cast<std::uint8_t>(static_cast<unsigned>(config.version) << 4U | kTypeAdvertisement);
    message[1] = config.virtual_router_id;
    message[2] = priority;
    message[3] = static_cast<std::uint8_t>(addresses.size());
    write_u16(message, kChecksumOffset, 0);
    auto out = message.begin() + kHeaderSize;
    for (const AddressBytes& address : addresses) {
        out = std::ranges::copy(Bytes{address}.first(address_size(config.family)), out).out;
    }
    if (config.version == Version::V2) {
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(config.advertisement_interval);
        message[4] = config.password.empty() ? kAuthenticationNone : kAuthenticationPassword;
        message[5] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(seconds.count(), 1, 255));
        std::ranges::copy(padded_password(config.password), out);
    } else {
        const auto centiseconds =
            std::chrono::duration_cast<Centiseconds>(config.advertisement_interval);
        write_u16(message, 4,
                  static_cast<std::uint16_t>(
                      std::clamp<std::int64_t>(centiseconds.count(), 1, kMaxIntervalCentiseconds)));
    }
    if (signer == nullptr || !config.auth_hmac ||
        config.auth_hmac->mode == AuthHmacConfig::Mode::ReceiveOnly) {
        return message;
    }
    const Trailer trailer = signer->sign({.message = message, .source = source}, now);
    std::ranges::copy(trailer, buffer.begin() + message.size());
    return {buffer.data(), message.size() + trailer.size()};
}

void set_checksum(std::span<std::uint8_t> packet, const InstanceConfig& config,
                  const IpAddress& source, const IpAddress& destination) {
    write_u16(packet, kChecksumOffset, 0);
    const Bytes covered =
        config.family == Family::Ipv4 ? packet.first(message_size(config, packet[3])) : packet;
    std::uint32_t sum = add_words(covered);
    if (config.version == Version::V3 &&
        (config.family == Family::Ipv6 || config.checksum_form == ChecksumForm::PseudoHeader)) {
        sum += pseudo_header_sum(source, destination, covered.size());
    }
    write_u16(packet, kChecksumOffset, static_cast<std::uint16_t>(~fold(sum)));
}

std::vector<std::uint8_t> encode(const InstanceConfig& config, std::uint8_t priority,
                                 const IpAddress& source, const IpAddress& destination,
                                 HmacSigner* signer, WallTime now) {
    PacketBuffer buffer{};
    const auto packet = encode_into(buffer, config, priority, source, signer, now);
    set_checksum(packet, config, source, destination);
    return {packet.begin(), packet.end()};
}

}  // namespace tandem::vrrp
