#include "proxy/config/check_words.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

TEST(CheckWords, Hex) {
    const auto hex = parse_hex({{"Ab12f", {}}, {"3", {}}, {"456 5464", {}}});
    ASSERT_TRUE(hex);
    EXPECT_EQ(hex->bytes, "\xab\x12\x0f\x03\x45\x06\x54\x64");
    EXPECT_EQ(hex->mask, std::string(8, '\xff'));
    EXPECT_FALSE(hex->has_wildcards);
    const auto wild = parse_hex({{"xA1X x", {}}});
    ASSERT_TRUE(wild);
    EXPECT_EQ(wild->mask, "\x0f\xf0\xf0");
    EXPECT_TRUE(wild->has_wildcards);
    EXPECT_TRUE(parse_hex({})->bytes.empty());
    EXPECT_FALSE(parse_hex({{"0g", {}}}));
    EXPECT_TRUE(parse_hex({{std::string(2048, '0'), {}}}));
    EXPECT_FALSE(parse_hex({{std::string(2049, '0'), {}}}));
}

TEST(CheckWords, DnsNames) {
    const std::string label(63, 'a');
    for (const std::string& good :
         {std::string{"."}, std::string{"a"}, std::string{"a.b."}, std::string{"_x._tcp.a-b"},
          label, label + '.' + label + '.' + label + '.' + label.substr(0, 61)}) {
        EXPECT_TRUE(is_dns_name(good)) << good;
    }
    for (const std::string& bad :
         {std::string{}, std::string{".."}, std::string{".a"}, std::string{"a..b"},
          std::string{"a b"}, std::string{"a.."}, label + 'a',
          label + '.' + label + '.' + label + '.' + label.substr(0, 62)}) {
        EXPECT_FALSE(is_dns_name(bad)) << bad;
    }
    EXPECT_EQ(parse_dns_type("aaaa"), 28);
    EXPECT_EQ(parse_dns_type("ANY"), std::nullopt);
    EXPECT_EQ(parse_dns_type(""), std::nullopt);
}

}  // namespace
}  // namespace tandem::config
