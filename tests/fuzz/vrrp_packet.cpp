// Decoder of advertisements and of the IPv4 header: no input crashes it, what it accepts is an
// advertisement that encoding gives back, and with auth_hmac it accepts nothing that was not
// signed, in whichever bit it differs.
//
// Input: byte 0 chooses version, family, password, checksum form, unicast, one or no address;
// byte 1 TTL; byte 2 auth_hmac, its mode, and whether the message is signed; byte 3 the bit that an
// attacker flips, counted from either end; the rest is the message, or for IPv4 with bit 6 of byte
// 0 the whole packet. With bit 7 of byte 0 an IPv4 message gets a right checksum, which a fuzzer
// would hardly find, to reach the checks behind it.
#include "vrrp/explain.hpp"
#include "vrrp/packet.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>
#include <vector>

namespace {

using namespace tandem::vrrp;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

IpAddress address(Family family, std::uint8_t last) {
    if (family == Family::Ipv4) {
        return boost::asio::ip::address_v4{{198, 51, 100, last}};
    }
    return boost::asio::ip::address_v6{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}};
}

const WallTime kNow{std::chrono::seconds{0x68000000}};

InstanceConfig make_config(std::uint8_t selector, std::uint8_t hmac_selector) {
    InstanceConfig config;
    config.virtual_router_id = 51;
    config.version = (selector & 1U) != 0 ? Version::V3 : Version::V2;
    const bool ipv6 = config.version == Version::V3 && (selector & 2U) != 0;
    config.family = ipv6 ? Family::Ipv6 : Family::Ipv4;
    config.password = (selector & 4U) != 0 ? "secret" : "";
    config.checksum_form =
        (selector & 8U) != 0 ? ChecksumForm::MessageOnly : ChecksumForm::PseudoHeader;
    if ((selector & 16U) != 0) {
        config.unicast_peers = {{.address = address(config.family, 10), .min_ttl = 0}};
    }
    if ((selector & 32U) == 0) {
        config.addresses = {address(config.family, 100)};
    }
    if ((hmac_selector & 1U) != 0) {
        AuthHmacConfig& hmac = config.auth_hmac.emplace();
        hmac.keys.emplace(1, std::vector<std::uint8_t>(32, 0x5a));
        hmac.active_key = 1;
        hmac.mode = static_cast<AuthHmacConfig::Mode>((hmac_selector >> 1U) % 3);
        hmac.anti_replay = (hmac_selector & 8U) != 0 ? AuthHmacConfig::AntiReplay::Monotonic
                                                     : AuthHmacConfig::AntiReplay::Time;
    }
    return config;
}

void set_message_checksum(std::vector<std::uint8_t>& message) {
    if (message.size() < 8) {
        return;
    }
    message[6] = 0;
    message[7] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < message.size(); ++i) {
        sum += i % 2 == 0 ? message[i] * 256U : message[i];
    }
    while (sum >> 16U != 0) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    message[6] = static_cast<std::uint8_t>(~sum >> 8U);
    message[7] = static_cast<std::uint8_t>(~sum);
}

/// A receiver that has heard nobody before.
DecodeResult decode_anew(const Datagram& datagram, const InstanceConfig& config,
                         const IpAddress& own) {
    if (!config.auth_hmac) {
        return decode(datagram, config, own);
    }
    HmacVerifier verifier{*config.auth_hmac, {}, {}};
    const DecodeResult result = decode(datagram, config, own, &verifier, kNow);
    if (std::holds_alternative<DecodedAdvertisement>(result) && !verifier.marks().empty()) {
        const DecodeResult again = decode(datagram, config, own, &verifier, kNow);
        const auto* reason = std::get_if<Discard>(&again);
        require(reason != nullptr && *reason == Discard::HmacReplay);
    }
    return result;
}

/// What was accepted, encoded again by its sender, is accepted again with the same meaning.
void check_round_trip(const DecodedAdvertisement& decoded, const Datagram& datagram,
                      const InstanceConfig& receiver, const IpAddress& own) {
    InstanceConfig sender = receiver;
    sender.auth_hmac.reset();
    sender.advertisement_interval = decoded.advertisement.interval;
    sender.checksum_form = decoded.checksum_form;
    const std::size_t size = receiver.family == Family::Ipv4 ? 4 : 16;
    sender.addresses.clear();
    for (std::size_t i = 0; i < datagram.packet[3]; ++i) {
        const auto bytes = datagram.packet.subspan(8 + i * size, size);
        if (receiver.family == Family::Ipv4) {
            boost::asio::ip::address_v4::bytes_type ipv4{};
            std::ranges::copy(bytes, ipv4.begin());
            sender.addresses.emplace_back(boost::asio::ip::address_v4{ipv4});
        } else {
            boost::asio::ip::address_v6::bytes_type ipv6{};
            std::ranges::copy(bytes, ipv6.begin());
            sender.addresses.emplace_back(boost::asio::ip::address_v6{ipv6});
        }
    }
    const auto message =
        encode(sender, decoded.advertisement.priority, datagram.source, datagram.destination);
    const bool has_trailer = message.size() + kTrailerSize == datagram.packet.size();
    require(message.size() == datagram.packet.size() || (receiver.auth_hmac && has_trailer));
    InstanceConfig without_hmac = receiver;
    without_hmac.auth_hmac.reset();
    Datagram again = datagram;
    again.packet = message;
    const DecodeResult result = decode(again, without_hmac, own);
    const auto* same = std::get_if<DecodedAdvertisement>(&result);
    require(same != nullptr);
    require(same->advertisement.priority == decoded.advertisement.priority);
    require(same->advertisement.interval == decoded.advertisement.interval);
    require(same->address_list_matches == decoded.address_list_matches);
}

/// Appends the trailer of a sender that has the key, if the message has the length that the decoder
/// expects of it.
bool sign(std::vector<std::uint8_t>& message, const InstanceConfig& config,
          const Datagram& datagram) {
    if (!config.auth_hmac || message.size() < kMinMessageSize ||
        message.size() != message_size(config, message[3])) {
        return false;
    }
    HmacSigner signer{*config.auth_hmac};
    const Trailer trailer = signer.sign({.message = message, .source = datagram.source}, kNow);
    message.insert(message.end(), trailer.begin(), trailer.end());
    set_checksum(message, config, datagram.source, datagram.destination);
    return true;
}

/// The signed packet with one bit changed and the checksum made right is not accepted.
void check_forgery(std::vector<std::uint8_t> packet, std::size_t bit, Datagram datagram,
                   const InstanceConfig& config, const IpAddress& own) {
    if (bit / 8 == 6 || bit / 8 == 7) {
        return;  // the checksum
    }
    packet[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    if (message_size(config, packet[3]) <= packet.size()) {
        set_checksum(packet, config, datagram.source, datagram.destination);
    }
    datagram.packet = packet;
    require(std::holds_alternative<Discard>(decode_anew(datagram, config, own)));
}

void check_hmac(const DecodeResult& result, bool was_signed,
                const std::vector<std::uint8_t>& packet, const InstanceConfig& config) {
    const auto* reason = std::get_if<Discard>(&result);
    if (was_signed) {
        // Of the six only this one: the first advertisement has priority 0.
        require(reason == nullptr || *reason < Discard::HmacMissing ||
                *reason == Discard::HmacReplay);
    } else if (reason == nullptr) {
        require(config.auth_hmac->mode != AuthHmacConfig::Mode::Enforce);
        require(packet.size() == message_size(config, packet[3]));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) {
        return 0;
    }
    const InstanceConfig config = make_config(data[0], data[2]);
    const IpAddress own = address(config.family, 11);
    const bool unicast = !config.unicast_peers.empty();
    const std::span<const std::uint8_t> rest{data + 4, size - 4};
    Datagram datagram{.source = address(config.family, 10),
                      .destination = unicast ? own : multicast_group(config),
                      .time_to_live = data[1],
                      .packet = rest};
    if ((data[0] & 64U) != 0 && config.family == Family::Ipv4) {
        const auto split = split_ipv4(rest);
        if (!split) {
            return 0;
        }
        require(split->packet.size() + 20 <= rest.size());
        datagram = *split;
    }
    std::vector<std::uint8_t> packet(datagram.packet.begin(), datagram.packet.end());
    if ((data[0] & 128U) != 0) {
        set_message_checksum(packet);
    }
    const bool was_signed = (data[2] & 16U) != 0 && sign(packet, config, datagram);
    datagram.packet = packet;
    const DecodeResult result = decode_anew(datagram, config, own);
    if (config.auth_hmac) {
        check_hmac(result, was_signed, packet, config);
    }
    if (const auto* decoded = std::get_if<DecodedAdvertisement>(&result)) {
        check_round_trip(*decoded, datagram, config, own);
        if (was_signed) {
            const std::size_t bits = packet.size() * 8;
            check_forgery(packet, data[3] % bits, datagram, config, own);
            check_forgery(packet, bits - 1 - data[3] % bits, datagram, config, own);
        }
    } else {
        require(!explain(std::get<Discard>(result), datagram, config, kNow).empty());
    }
    return 0;
}
