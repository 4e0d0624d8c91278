#include "proxy/relay/udp_verdict.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using Kind = DatagramVerdict::Kind;

Kind judge(const UdpCheck& check, const std::string& reply) {
    return judge_udp_reply(check, reply.size(), reply).kind;
}

TEST(UdpVerdict, AnyReplyPassesWhenNoneIsRequired) {
    UdpCheck check{.reply = "ab", .reply_mask = "\xff\xff", .min_reply_length = 9};
    EXPECT_EQ(judge(check, ""), Kind::Passed);
    EXPECT_EQ(judge(check, std::string(60'000, 'x')), Kind::Passed);
}

TEST(UdpVerdict, Length) {
    const UdpCheck check{.requires_reply = true, .min_reply_length = 2, .max_reply_length = 4};
    EXPECT_EQ(judge(check, "a"), Kind::Failed);
    EXPECT_EQ(judge(check, "ab"), Kind::Passed);
    EXPECT_EQ(judge(check, "abcd"), Kind::Passed);
    EXPECT_EQ(judge(check, "abcde"), Kind::Failed);
    EXPECT_EQ(judge_udp_reply(check, 5000, "abc"),
              DatagramVerdict::failed("a reply of 5000 bytes, not of 2 to 4"));
    EXPECT_EQ(judge({.requires_reply = true}, ""), Kind::Passed) << "from zero";
    EXPECT_EQ(judge({.requires_reply = true}, std::string(256, 'x')), Kind::Failed) << "to 255";
}

TEST(UdpVerdict, Content) {
    const UdpCheck check{.requires_reply = true, .reply = "abc", .reply_mask = "\xff\x0f\xff"};
    EXPECT_EQ(judge(check, "abc"), Kind::Passed);
    EXPECT_EQ(judge(check, "arc"), Kind::Passed) << "the upper half does not count";
    EXPECT_EQ(judge(check, "abcd"), Kind::Passed) << "as far as both reach";
    EXPECT_EQ(judge(check, "a"), Kind::Passed);
    EXPECT_EQ(judge_udp_reply(check, 3, "abx"),
              DatagramVerdict::failed("another reply than required, from byte 2 on"));
    EXPECT_EQ(judge(check, "x"), Kind::Failed);
}

}  // namespace
}  // namespace tandem::relay
