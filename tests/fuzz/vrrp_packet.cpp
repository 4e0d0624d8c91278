// Decoder of advertisements and of the IPv4 header: no input crashes it, and what it accepts is an
// advertisement that encoding gives back.
//
// Input: byte 0 chooses version, family, password, checksum form, unicast, one or no address;
// byte 1 TTL; the rest is the message, or for IPv4 with bit 6 the whole packet. With bit 7 an IPv4
// message gets a right checksum, which a fuzzer would hardly find, to reach the checks behind it.
#include "vrrp/packet.hpp"

#include <algorithm>
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

InstanceConfig make_config(std::uint8_t selector) {
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

/// What was accepted, encoded again by its sender, is accepted again with the same meaning.
void check_round_trip(const DecodedAdvertisement& decoded, const Datagram& datagram,
                      const InstanceConfig& receiver, const IpAddress& own) {
    InstanceConfig sender = receiver;
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
    require(message.size() == datagram.packet.size());
    Datagram again = datagram;
    again.packet = message;
    const DecodeResult result = decode(again, receiver, own);
    const auto* same = std::get_if<DecodedAdvertisement>(&result);
    require(same != nullptr);
    require(same->advertisement.priority == decoded.advertisement.priority);
    require(same->advertisement.interval == decoded.advertisement.interval);
    require(same->address_list_matches == decoded.address_list_matches);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const InstanceConfig config = make_config(data[0]);
    const IpAddress own = address(config.family, 11);
    const bool unicast = !config.unicast_peers.empty();
    const std::span<const std::uint8_t> rest{data + 2, size - 2};
    Datagram datagram{.source = address(config.family, 10),
                      .destination = unicast ? own : multicast_group(config.family),
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
    std::vector<std::uint8_t> message(datagram.packet.begin(), datagram.packet.end());
    if ((data[0] & 128U) != 0) {
        set_message_checksum(message);
    }
    datagram.packet = message;
    const DecodeResult result = decode(datagram, config, own);
    if (const auto* decoded = std::get_if<DecodedAdvertisement>(&result)) {
        check_round_trip(*decoded, datagram, config, own);
    }
    return 0;
}
