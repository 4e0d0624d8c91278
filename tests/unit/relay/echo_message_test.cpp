#include "proxy/relay/echo_message.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using Kind = DatagramVerdict::Kind;
using namespace std::string_literals;

const EchoRequest kV4{.is_v4 = true, .identifier = 0x1234, .sequence = 0x0001, .payload = "ab"};
const EchoRequest kV6{.is_v4 = false, .identifier = 0x1234, .sequence = 0x0001, .payload = "ab"};

/// What a host makes of the request: another type, so another checksum.
std::string reply_v4() {
    return "\0\0\x8c\x68\x12\x34\0\1ab"s;
}
std::string ip_header(std::size_t size = 20) {
    std::string header(size, '\0');
    header[0] = static_cast<char>(0x40U + size / 4);
    header[9] = 1;
    return header;
}

TEST(EchoMessage, Requests) {
    EXPECT_EQ(make_echo_request(kV4), "\x08\0\x84\x68\x12\x34\0\1ab"s);
    EXPECT_EQ(make_echo_request(kV6), "\x80\0\0\0\x12\x34\0\1ab"s);
    EchoRequest odd = kV4;
    odd.payload = "abc";
    std::string reply = make_echo_request(odd);
    reply[0] = 0;
    // 0x0800 less in the sum is 0x0800 more in its complement.
    reply[2] = static_cast<char>(reply[2] + 8);
    EXPECT_EQ(judge_echo(odd, false, reply).kind, Kind::Passed);
}

TEST(EchoMessage, RepliesPass) {
    EXPECT_EQ(judge_echo(kV4, false, reply_v4()), DatagramVerdict::passed("echo reply"));
    EXPECT_EQ(judge_echo(kV4, true, ip_header() + reply_v4()).kind, Kind::Passed);
    EXPECT_EQ(judge_echo(kV4, true, ip_header(60) + reply_v4()).kind, Kind::Passed);
    EXPECT_EQ(judge_echo(kV6, false, "\x81\0xx\x12\x34\0\1ab"s).kind, Kind::Passed);
}

TEST(EchoMessage, AnyOtherByteIsForeign) {
    for (std::size_t at = 0; at < reply_v4().size(); ++at) {
        std::string changed = reply_v4();
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_EQ(judge_echo(kV4, false, changed), DatagramVerdict::foreign()) << at;
    }
    EXPECT_EQ(judge_echo(kV4, false, make_echo_request(kV4)).kind, Kind::Foreign)
        << "a host that pings itself hears the request";
    EXPECT_EQ(judge_echo(kV6, false, reply_v4()).kind, Kind::Foreign);
}

TEST(EchoMessage, CutAtEveryByteOrLonger) {
    const std::string whole = ip_header() + reply_v4();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(judge_echo(kV4, true, whole.substr(0, size)).kind, Kind::Foreign) << size;
        EXPECT_EQ(judge_echo(kV4, false, whole.substr(0, size)).kind, Kind::Foreign) << size;
    }
    EXPECT_EQ(judge_echo(kV4, true, whole + "\0\0"s).kind, Kind::Foreign);
    EXPECT_EQ(judge_echo(kV4, false, std::string(65'535, '\0')).kind, Kind::Foreign);
}

TEST(EchoMessage, IpHeadersThatLie) {
    for (const int first : {0x00, 0x41, 0x44, 0x4f, 0x65, 0xff}) {
        std::string header = ip_header();
        header[0] = static_cast<char>(first);
        EXPECT_EQ(judge_echo(kV4, true, header + reply_v4()).kind, Kind::Foreign) << first;
    }
    std::string udp = ip_header();
    udp[9] = 17;
    EXPECT_EQ(judge_echo(kV4, true, udp + reply_v4()).kind, Kind::Foreign);
}

}  // namespace
}  // namespace tandem::relay
