// PROXY headers: both versions, each at every place where it can be cut.
#include "proxy/relay/proxy_protocol.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using boost::asio::ip::make_address;

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::string_view kIpv4Block{"\xcb\x00\x71\x05\xc6\x33\x64\x64\xdc\x04\x01\xbb", 12};

std::string number(std::size_t value) {
    return {static_cast<char>(value >> 8U), static_cast<char>(value)};
}

std::string tlv(char type, std::string_view value) {
    return std::string(1, type) + number(value.size()) + std::string(value);
}

/// @param kind command, family and transport: the bytes 13 and 14.
std::string v2(std::string_view kind, std::string_view block) {
    return std::string(kSignature) + std::string(kind) + number(block.size()) + std::string(block);
}

std::string ipv6_block() {
    const std::string source = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + '\x05';
    const std::string destination = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + '\x64';
    return source + destination + std::string(kIpv4Block.substr(8));
}

/// The checksum is the last four bytes.
std::string with_checksum(std::string block) {
    block += tlv(0x03, std::string(4, '\0'));
    std::string header = v2("\x21\x11", block);
    const std::uint32_t sum = crc32c(std::as_bytes(std::span(header)));
    header.replace(header.size() - 4, 4, number(sum >> 16U) + number(sum & 0xffffU));
    return header;
}

ConnectionAddresses between(const char* source, const char* destination) {
    return {{make_address(source), 56324}, {make_address(destination), 443}};
}

ProxyHeaderResult decode(std::string_view bytes) {
    return decode_proxy_header(std::as_bytes(std::span(bytes)));
}

struct Good {
    const char* name;
    std::string header;
    std::optional<ConnectionAddresses> addresses;
    bool local = false;
};

std::vector<Good> good_headers() {
    const auto ipv4 = between("203.0.113.5", "198.51.100.100");
    const auto ipv6 = between("2001:db8::5", "2001:db8::64");
    const std::string block{kIpv4Block};
    return {
        {"v1 IPv4", "PROXY TCP4 203.0.113.5 198.51.100.100 56324 443\r\n", ipv4},
        {"v1 IPv6", "PROXY TCP6 2001:db8::5 2001:db8::64 56324 443\r\n", ipv6},
        {"v1 mapped", "PROXY TCP6 ::ffff:203.0.113.5 ::ffff:198.51.100.100 56324 443\r\n", ipv4},
        {"v1 port zero", "PROXY TCP4 203.0.113.5 198.51.100.100 0 65535\r\n",
         ConnectionAddresses{{make_address("203.0.113.5"), 0},
                             {make_address("198.51.100.100"), 65535}}},
        {"v1 unknown", "PROXY UNKNOWN\r\n", {}},
        {"v1 unknown longest", "PROXY UNKNOWN " + std::string(91, 'f') + "\r\n", {}},
        {"v2 IPv4", v2("\x21\x11", block), ipv4},
        {"v2 IPv6", v2("\x21\x21", ipv6_block()), ipv6},
        {"v2 TLVs", v2("\x21\x11", block + tlv(0x02, "www.example.com") + tlv(0x04, "")), ipv4},
        {"v2 checksum", with_checksum(block + tlv(0x02, "www.example.com")), ipv4},
        {"v2 IPv4 datagram", v2("\x21\x12", block), {}},
        {"v2 IPv4 any transport", v2("\x21\x10"sv, block), {}},
        {"v2 UNIX", v2("\x21\x31", std::string(216, 'x')), {}},
        {"v2 unspecified", v2("\x21\x00"sv, ""), {}},
        {"v2 unspecified with contents", v2("\x21\x00"sv, "what is this"), {}},
        {"v2 LOCAL", v2("\x20\x00"sv, ""), {}, true},
        {"v2 LOCAL with addresses", v2("\x20\x11", block), {}, true},
        {"v2 LOCAL with anything", v2("\x20\xff", "what is this"), {}, true},
        {"v2 longest", v2("\x21\x11", block + tlv(0x04, std::string(16384 - 16 - 12 - 3, 'n'))),
         ipv4},
    };
}

TEST(ProxyHeader, T17_EveryFormAtEverySplitPointAndWithBytesBehind) {
    for (const Good& good : good_headers()) {
        SCOPED_TRACE(good.name);
        const std::size_t step = good.header.size() > 1000 ? 97 : 1;
        for (std::size_t size = 0; size < good.header.size(); size += step) {
            const auto part = decode(std::string_view(good.header).substr(0, size));
            ASSERT_TRUE(std::holds_alternative<ProxyHeaderNeedsMore>(part)) << size;
        }
        for (const std::string& behind : {""s, "\r\n"s, good.header, "x"s}) {
            const auto whole = decode(good.header + behind);
            const auto* header = std::get_if<ProxyHeader>(&whole);
            ASSERT_NE(header, nullptr);
            EXPECT_EQ(header->consumed, good.header.size());
            EXPECT_EQ(header->addresses, good.addresses);
            EXPECT_EQ(header->local, good.local);
        }
    }
}

struct Bad {
    const char* name;
    std::string bytes;
    ProxyHeaderError error;
};

std::vector<Bad> bad_headers() {
    using enum ProxyHeaderError;
    const std::string block{kIpv4Block};
    std::string wrong_sum = with_checksum(block);
    wrong_sum.back() = static_cast<char>(wrong_sum.back() ^ 1);
    return {
        {"nothing of the kind", "G", NoHeader},
        {"almost version 1", "PROXX", NoHeader},
        {"lower case", "p", NoHeader},
        {"almost version 2", std::string(kSignature.substr(0, 11)) + 'X', NoHeader},
        {"v1 too long", "PROXY UNKNOWN " + std::string(93, 'f'), TooLong},
        {"v1 end too late", "PROXY UNKNOWN " + std::string(92, 'f') + "\r", TooLong},
        {"v1 line feed only", "PROXY UNKNOWN\n", BadLine},
        {"v1 carriage return inside", "PROXY UNKNOWN\r ", BadLine},
        {"v1 nothing", "PROXY \r\n", BadLine},
        {"v1 other protocol", "PROXY UDP4 203.0.113.5 198.51.100.100 1 2\r\n", BadLine},
        {"v1 protocol only", "PROXY TCP4\r\n", BadLine},
        {"v1 word missing", "PROXY TCP4 203.0.113.5 198.51.100.100 1\r\n", BadLine},
        {"v1 word too many", "PROXY TCP4 203.0.113.5 198.51.100.100 1 2 3\r\n", BadLine},
        {"v1 two spaces", "PROXY TCP4  203.0.113.5 198.51.100.100 1 2\r\n", BadLine},
        {"v1 space behind", "PROXY TCP4 203.0.113.5 198.51.100.100 1 2 \r\n", BadLine},
        {"v1 other family", "PROXY TCP4 2001:db8::5 2001:db8::64 1 2\r\n", BadLine},
        {"v1 other family 6", "PROXY TCP6 203.0.113.5 198.51.100.100 1 2\r\n", BadLine},
        {"v1 zone", "PROXY TCP6 fe80::1%1 2001:db8::64 1 2\r\n", BadLine},
        {"v1 no address", "PROXY TCP4 203.0.113.500 198.51.100.100 1 2\r\n", BadLine},
        {"v1 port too great", "PROXY TCP4 203.0.113.5 198.51.100.100 65536 2\r\n", BadLine},
        {"v1 leading zero", "PROXY TCP4 203.0.113.5 198.51.100.100 01 2\r\n", BadLine},
        {"v1 signed port", "PROXY TCP4 203.0.113.5 198.51.100.100 +1 2\r\n", BadLine},
        {"v2 version 1", std::string(kSignature) + '\x11', BadVersion},
        {"v2 version 3", std::string(kSignature) + '\x31', BadVersion},
        {"v2 command", std::string(kSignature) + '\x22', BadCommand},
        {"v2 family", std::string(kSignature) + "\x21\x41", BadFamily},
        {"v2 transport", std::string(kSignature) + "\x21\x13", BadFamily},
        {"v2 too long", std::string(kSignature) + "\x21\x11\x3f\xf1", TooLong},
        {"v2 longest of all", std::string(kSignature) + "\x21\x11\xff\xff", TooLong},
        {"v2 short addresses", v2("\x21\x11", block.substr(1)), BadLength},
        {"v2 IPv6 in an IPv4 block", v2("\x21\x21", block), BadLength},
        {"v2 short UNIX", v2("\x21\x31", std::string(215, 'x')), BadLength},
        {"v2 stray byte", v2("\x21\x11", block + "x"), BadLength},
        {"v2 stray bytes", v2("\x21\x11", block + "xy"), BadLength},
        {"v2 TLV past the end", v2("\x21\x11", block + "\x02"s + number(2) + "x"), BadLength},
        {"v2 second TLV past the end",
         v2("\x21\x11", block + tlv(0x02, "x") + "\x02"s + number(0xffff)), BadLength},
        {"v2 short checksum", v2("\x21\x11", block + tlv(0x03, "abc")), BadLength},
        {"v2 wrong checksum", wrong_sum, BadChecksum},
    };
}

TEST(ProxyHeader, T17_WhatIsWrongIsToldAtTheByteThatProvesIt) {
    for (const Bad& bad : bad_headers()) {
        SCOPED_TRACE(bad.name);
        for (const std::string& behind : {""s, "behind"s}) {
            const auto result = decode(bad.bytes + behind);
            const auto* error = std::get_if<ProxyHeaderError>(&result);
            ASSERT_NE(error, nullptr);
            EXPECT_EQ(*error, bad.error) << text(*error);
        }
        const bool said_earlier = !std::holds_alternative<ProxyHeaderNeedsMore>(
            decode(std::string_view(bad.bytes).substr(0, bad.bytes.size() - 1)));
        EXPECT_FALSE(said_earlier);
    }
}

TEST(ProxyHeader, EncodedIsWhatTheSpecificationShows) {
    const auto ipv4 = between("203.0.113.5", "198.51.100.100");
    const auto encoded = [](ProxyProtocol version, const ConnectionAddresses& addresses) {
        const auto header = encode_proxy_header(version, addresses);
        return std::string(reinterpret_cast<const char*>(header.bytes().data()),
                           header.bytes().size());
    };
    EXPECT_EQ(encoded(ProxyProtocol::V1, ipv4),
              "PROXY TCP4 203.0.113.5 198.51.100.100 56324 443\r\n");
    EXPECT_EQ(encoded(ProxyProtocol::V2, ipv4), v2("\x21\x11", kIpv4Block));
    EXPECT_EQ(encoded(ProxyProtocol::V2, between("2001:db8::5", "2001:db8::64")),
              v2("\x21\x21", ipv6_block()));
    EXPECT_EQ(encoded(ProxyProtocol::V1, between("203.0.113.5", "2001:db8::64")),
              "PROXY TCP6 ::ffff:203.0.113.5 2001:db8::64 56324 443\r\n");
    EXPECT_EQ(encoded(ProxyProtocol::V1, between("::ffff:203.0.113.5", "198.51.100.100")),
              encoded(ProxyProtocol::V1, ipv4));
}

TEST(ProxyHeader, DecodingGivesBackWhatWasEncoded) {
    const char* const longest = "1111:2222:3333:4444:5555:6666:7777:8888";
    for (const auto version : {ProxyProtocol::V1, ProxyProtocol::V2}) {
        for (const auto& addresses :
             {between("203.0.113.5", "198.51.100.100"), between(longest, longest)}) {
            const auto encoded = encode_proxy_header(version, addresses);
            const auto decoded = decode_proxy_header(encoded.bytes());
            const auto* header = std::get_if<ProxyHeader>(&decoded);
            ASSERT_NE(header, nullptr);
            EXPECT_EQ(header->addresses, addresses);
            EXPECT_EQ(header->consumed, encoded.bytes().size());
        }
    }
}

TEST(ProxyHeader, ChecksumIsCastagnolis) {
    // RFC 3720 B.4, and the check value of the catalogue.
    EXPECT_EQ(crc32c(std::as_bytes(std::span("123456789"sv))), 0xe3069283U);
    const std::string zeros(32, '\0');
    EXPECT_EQ(crc32c(std::as_bytes(std::span(zeros))), 0x8a9136aaU);
}

}  // namespace
}  // namespace tandem::relay
