#include "vrrp/packet.hpp"

#include <algorithm>
#include <array>

namespace tandem::vrrp {

namespace {

using Bytes = std::span<const std::uint8_t>;
using Password = std::array<std::uint8_t, kPasswordSize>;
using Centiseconds = std::chrono::duration<std::int64_t, std::centi>;

constexpr std::size_t kHeaderSize = 8;
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

void write_u16(std::vector<std::uint8_t>& bytes, std::size_t offset, std::uint16_t value) {
    bytes[offset] = static_cast<std::uint8_t>(value >> 8U);
    bytes[offset + 1] = static_cast<std::uint8_t>(value & 0xffU);
}

void append_address(std::vector<std::uint8_t>& out, const IpAddress& address) {
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        out.insert(out.end(), bytes.begin(), bytes.end());
    } else {
        const auto bytes = address.to_v6().to_bytes();
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
}

/// The address list as it stands in the message.
std::vector<std::uint8_t> address_list(const InstanceConfig& config) {
    const std::size_t size = address_size(config.family);
    std::vector<std::uint8_t> list;
    list.reserve(std::min(config.addresses.size(), kMaxAddresses) * size);
    for (const IpAddress& address : config.addresses) {
        if (address.is_v4() == (config.family == Family::Ipv4) &&
            list.size() < kMaxAddresses * size) {
            append_address(list, address);
        }
    }
    return list;
}

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
    std::vector<std::uint8_t> addresses;
    append_address(addresses, source);
    append_address(addresses, destination);
    return add_words(addresses, static_cast<std::uint32_t>(length) + kIpProtocol);
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

/// Same addresses in any order. Sorting keeps a hostile list of 255 from costing 255 * 255 steps.
bool same_addresses(Bytes left, Bytes right, std::size_t size) {
    if (left.size() != right.size()) {
        return false;
    }
    if (std::ranges::equal(left, right)) {
        return true;
    }
    const auto sorted = [size](Bytes list) {
        std::vector<std::array<std::uint8_t, 16>> entries(list.size() / size);
        for (std::size_t i = 0; i < entries.size(); ++i) {
            std::ranges::copy(list.subspan(i * size, size), entries[i].begin());
        }
        std::ranges::sort(entries);
        return entries;
    };
    return sorted(left) == sorted(right);
}

/// The form in which the checksum is right; nullopt when it is in none that is legal. A message
/// that contains its own checksum sums to 0xffff.
std::optional<ChecksumForm> valid_checksum_form(const Datagram& datagram,
                                                const InstanceConfig& config) {
    const std::uint32_t sum = add_words(datagram.message);
    if (config.family == Family::Ipv4 && fold(sum) == 0xffff) {
        return ChecksumForm::MessageOnly;
    }
    if (config.version == Version::V2) {
        return std::nullopt;
    }
    const std::uint32_t pseudo =
        pseudo_header_sum(datagram.source, datagram.destination, datagram.message.size());
    if (fold(sum + pseudo) == 0xffff) {
        return ChecksumForm::PseudoHeader;
    }
    return std::nullopt;
}

std::optional<Discard> check_addressing(const Datagram& datagram, const InstanceConfig& config) {
    const IpAddress destination = without_zone(datagram.destination);
    if (config.unicast_peers.empty()) {
        if (destination != multicast_group(config.family)) {
            return Discard::Destination;
        }
        if (datagram.time_to_live != kTimeToLive) {
            return Discard::TimeToLive;
        }
        return std::nullopt;
    }
    // Any of this host's addresses will do: the peer's file may name another one than ours does.
    if (destination.is_multicast()) {
        return Discard::Destination;
    }
    const IpAddress source = without_zone(datagram.source);
    const bool known = std::ranges::any_of(
        config.unicast_peers, [&](const IpAddress& peer) { return without_zone(peer) == source; });
    return known ? std::nullopt : std::optional{Discard::UnknownPeer};
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
                    .message = packet.subspan(header_size, total_length - header_size)};
}

DecodeResult decode(const Datagram& datagram, const InstanceConfig& config,
                    const IpAddress& own_source) {
    const Bytes message = datagram.message;
    if (without_zone(datagram.source) == without_zone(own_source)) {
        return Discard::OwnPacket;
    }
    if (message.size() < kHeaderSize || message.size() > kMaxMessageSize) {
        return Discard::PacketLength;
    }
    if (message[1] != config.virtual_router_id) {
        return Discard::VirtualRouterId;
    }
    if (const auto reason = check_addressing(datagram, config)) {
        return *reason;
    }
    if (message[0] >> 4U != static_cast<unsigned>(config.version)) {
        return Discard::Version;
    }
    if ((message[0] & 0x0fU) != kTypeAdvertisement) {
        return Discard::Type;
    }
    const bool version2 = config.version == Version::V2;
    const std::size_t list_size = message[3] * address_size(config.family);
    if (message.size() != kHeaderSize + list_size + (version2 ? kPasswordSize : 0)) {
        return Discard::PacketLength;
    }
    const auto form = valid_checksum_form(datagram, config);
    if (!form) {
        return Discard::Checksum;
    }
    if (const auto reason = version2 ? check_version2(message, config) : check_version3(message)) {
        return *reason;
    }
    return DecodedAdvertisement{
        .advertisement = {.priority = message[2],
                          .source = without_zone(datagram.source),
                          .interval = version2 ? config.advertisement_interval
                                               : Duration{version3_interval(message)}},
        .address_list_matches = same_addresses(message.subspan(kHeaderSize, list_size),
                                               address_list(config), address_size(config.family)),
        .checksum_form = *form};
}

std::vector<std::uint8_t> encode(const InstanceConfig& config, std::uint8_t priority,
                                 const IpAddress& source, const IpAddress& destination) {
    const bool version2 = config.version == Version::V2;
    const std::vector<std::uint8_t> list = address_list(config);
    std::vector<std::uint8_t> message(kHeaderSize);
    message.reserve(kHeaderSize + list.size() + kPasswordSize);
    message[0] =
        static_cast<std::uint8_t>(static_cast<unsigned>(config.version) << 4U | kTypeAdvertisement);
    message[1] = config.virtual_router_id;
    message[2] = priority;
    message[3] = static_cast<std::uint8_t>(list.size() / address_size(config.family));
    message.insert(message.end(), list.begin(), list.end());
    if (version2) {
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(config.advertisement_interval);
        message[4] = config.password.empty() ? kAuthenticationNone : kAuthenticationPassword;
        message[5] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(seconds.count(), 1, 255));
        const Password password = padded_password(config.password);
        message.insert(message.end(), password.begin(), password.end());
    } else {
        const auto centiseconds =
            std::chrono::duration_cast<Centiseconds>(config.advertisement_interval);
        write_u16(message, 4,
                  static_cast<std::uint16_t>(
                      std::clamp<std::int64_t>(centiseconds.count(), 1, kMaxIntervalCentiseconds)));
    }
    std::uint32_t sum = add_words(message);
    if (!version2 &&
        (config.family == Family::Ipv6 || config.checksum_form == ChecksumForm::PseudoHeader)) {
        sum += pseudo_header_sum(source, destination, message.size());
    }
    write_u16(message, kChecksumOffset, static_cast<std::uint16_t>(~fold(sum)));
    return message;
}

}  // namespace tandem::vrrp
