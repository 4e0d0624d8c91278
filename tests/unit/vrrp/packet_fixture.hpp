// Configurations and packets of one link, for the tests of the codec.
#pragma once

#include "vrrp/packet.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <numeric>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::vrrp {

// Names in failure messages.
inline void PrintTo(Discard reason, std::ostream* out) {
    *out << to_string(reason);
}

using Message = std::vector<std::uint8_t>;

inline IpAddress address(const char* text) {
    return boost::asio::ip::make_address(text);
}

inline Message hex(std::string_view text) {
    Message bytes;
    std::string digits;
    std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != ' '; });
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

// One link with us at .11 and the peer at .10; the same in IPv6.
inline const IpAddress kOwn4 = address("198.51.100.11");
inline const IpAddress kPeer4 = address("198.51.100.10");
inline const IpAddress kOwn6 = address("fe80::11");
inline const IpAddress kPeer6 = address("fe80::10");

inline InstanceConfig version2() {
    InstanceConfig config;
    config.version = Version::V2;
    config.virtual_router_id = 51;
    config.priority = 30;
    config.addresses = {address("10.0.1.5")};
    return config;
}

inline InstanceConfig version3() {
    InstanceConfig config = version2();
    config.version = Version::V3;
    config.priority = 200;
    config.addresses = {IpAddress{boost::asio::ip::address_v4{0xc0000264}}};
    return config;
}

inline InstanceConfig version3_ipv6() {
    InstanceConfig config = version3();
    config.family = Family::Ipv6;
    config.addresses = {address("fe80::100"), address("2001:db8::100")};
    return config;
}

/// Key 1, the one of keepalived's published vectors.
inline AuthHmacConfig hmac_config() {
    AuthHmacConfig config;
    std::vector<std::uint8_t> key(32);
    std::iota(key.begin(), key.end(), std::uint8_t{0});
    config.keys.emplace(1, key);
    config.active_key = 1;
    return config;
}

inline InstanceConfig with_hmac(InstanceConfig config) {
    config.auth_hmac = hmac_config();
    return config;
}

/// The time of the published vectors.
inline const WallTime kNow{std::chrono::seconds{0x68000000} + std::chrono::milliseconds{500}};

inline const IpAddress& own(const InstanceConfig& config) {
    return config.family == Family::Ipv4 ? kOwn4 : kOwn6;
}
inline const IpAddress& peer(const InstanceConfig& config) {
    return config.family == Family::Ipv4 ? kPeer4 : kPeer6;
}

inline Message encode_from_peer(const InstanceConfig& config, std::uint8_t priority = 200) {
    return encode(config, priority, peer(config), multicast_group(config.family));
}

inline Datagram from_peer(const Message& message, const InstanceConfig& config) {
    return {.source = peer(config),
            .destination = multicast_group(config.family),
            .time_to_live = 255,
            .packet = message};
}

inline DecodeResult decode_from_peer(const Message& message, const InstanceConfig& config) {
    return decode(from_peer(message, config), config, own(config));
}

/// The reason, or nullopt for an accepted packet.
inline std::optional<Discard> reason_of(const DecodeResult& result) {
    const auto* reason = std::get_if<Discard>(&result);
    return reason == nullptr ? std::nullopt : std::optional{*reason};
}

inline std::optional<Discard> discard_of(const Message& message, const InstanceConfig& config) {
    return reason_of(decode_from_peer(message, config));
}

/// Makes the checksum of an IPv4 message right again (message-only form) after a change.
inline Message with_checksum(Message message) {
    message[6] = 0;
    message[7] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < message.size(); ++i) {
        sum += i % 2 == 0 ? message[i] * 256U : message[i];
    }
    sum = (sum & 0xffffU) + (sum >> 16U);
    sum = ~((sum & 0xffffU) + (sum >> 16U));
    message[6] = static_cast<std::uint8_t>(sum >> 8U);
    message[7] = static_cast<std::uint8_t>(sum);
    return message;
}

/// A changed valid message, the checksum right.
template <typename Change>
Message changed(const InstanceConfig& config, Change change) {
    InstanceConfig message_only = config;
    message_only.checksum_form = ChecksumForm::MessageOnly;
    Message message = encode_from_peer(message_only);
    change(message);
    return with_checksum(message);
}

}  // namespace tandem::vrrp
