// auth_hmac: keepalived's published vectors, mutations, replay, window, rotation, rollout.
#include "vrrp/auth_hmac.hpp"

#include "vrrp/packet.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;
using Message = std::vector<std::uint8_t>;

Message hex(std::string_view text) {
    Message bytes;
    std::string digits;
    std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != ' '; });
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}
std::vector<std::uint8_t> counting_key() {
    std::vector<std::uint8_t> key(32);
    for (std::size_t i = 0; i < key.size(); ++i)
        key[i] = static_cast<std::uint8_t>(i);
    return key;
}

TEST(AuthHmac, PublishedVectors) {
    InstanceConfig config;
    config.version = Version::V3;
    config.virtual_router_id = 51;
    config.checksum_form = ChecksumForm::MessageOnly;
    config.addresses = {IpAddress{boost::asio::ip::address_v4{0xc0000264}}};
    config.auth_hmac.emplace();
    config.auth_hmac->keys[1] = counting_key();
    config.auth_hmac->active_key = 1;
    const WallTime now{std::chrono::seconds{0x68000000} + 500ms};
    HmacSigner signer{*config.auth_hmac};
    EXPECT_EQ(
        encode(config, 200, boost::asio::ip::make_address("198.51.100.10"), multicast_group(config),
               &signer, now),
        hex("3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265"));
    config.family = Family::Ipv6;
    config.addresses = {boost::asio::ip::make_address("fe80::100")};
    HmacSigner signer6{*config.auth_hmac};
    EXPECT_EQ(encode(config, 200, boost::asio::ip::make_address("fe80::10"),
                     boost::asio::ip::make_address("fe80::20"), &signer6, now),
              hex("3133c8010064a2e9 fe800000000000000000000000000100 010100006800000080000000 "
                  "c8c56146ebfd66ee10ec4d8186461b78"));
}
}  // namespace
}  // namespace tandem::vrrp
