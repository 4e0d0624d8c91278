#include "proxy/relay/dns_message.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using Kind = DatagramVerdict::Kind;
using namespace std::string_literals;

constexpr std::uint16_t kId = 0x1234;

const DnsCheck& www() {
    static const DnsCheck check{.type = 1, .name = "www.example.com"};
    return check;
}

std::string question() {
    return "\3www\7example\3com\0\0\1\0\1"s;
}

/// @param counts of questions, answers, authorities and additional records.
std::string header(const std::string& flags, const std::string& counts) {
    return "\x12\x34"s + flags + counts;
}

std::string record(const std::string& name) {
    return name + "\0\1\0\1\0\0\0\x3c\0\4\x01\x02\x03\x04"s;
}

/// Two records: one name is a pointer to the question, one is written out.
std::string answer() {
    return header("\x81\x80"s, "\0\1\0\2\0\0\0\0"s) + question() + record("\xc0\x0c"s) +
           record("\1a\0"s);
}

TEST(DnsMessage, TheQuery) {
    EXPECT_EQ(make_dns_query(www(), kId), "\x12\x34\1\0\0\1\0\0\0\0\0\0"s + question());
    EXPECT_EQ(make_dns_query({.type = 1, .name = "www.example.com."}, kId),
              make_dns_query(www(), kId));
    EXPECT_EQ(make_dns_query({}, kId), "\x12\x34\1\0\0\1\0\0\0\0\0\0\0\0\6\0\1"s);
}

TEST(DnsMessage, AnAnswerPasses) {
    EXPECT_EQ(judge_dns_answer(www(), kId, answer()),
              DatagramVerdict::passed("NOERROR, 2 answers"));
    EXPECT_EQ(judge_dns_answer(www(), kId, answer() + "more"),
              DatagramVerdict::passed("NOERROR, 2 answers"))
        << "authorities and additional records are not looked at";
    const std::string none = header("\x81\x80"s, "\0\1\0\0\0\1\0\0"s) + question();
    EXPECT_EQ(judge_dns_answer(www(), kId, none), DatagramVerdict::passed("NOERROR, 0 answers"));
    const std::string upper =
        header("\x81\x80"s, "\0\1\0\0\0\0\0\0"s) + "\3WwW\7eXample\3COM\0\0\1\0\1"s;
    EXPECT_EQ(judge_dns_answer(www(), kId, upper).kind, Kind::Passed);
}

TEST(DnsMessage, CutAtEveryByteNeverPasses) {
    const std::string whole = answer();
    const std::size_t behind_question = 12 + question().size();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const DatagramVerdict verdict = judge_dns_answer(www(), kId, whole.substr(0, size));
        EXPECT_EQ(verdict.kind, size < behind_question ? Kind::Foreign : Kind::Failed) << size;
    }
    const std::string truncated = header("\x83\x80"s, "\0\1\0\2\0\0\0\0"s) + question();
    EXPECT_EQ(judge_dns_answer(www(), kId, truncated),
              DatagramVerdict::passed("NOERROR, truncated"));
}

TEST(DnsMessage, ErrorCodesFail) {
    const auto code = [](const std::string& flags) {
        const std::string whole = header(flags, "\0\1\0\0\0\0\0\0"s) + question();
        return judge_dns_answer(www(), kId, whole);
    };
    EXPECT_EQ(code("\x81\x81"s), DatagramVerdict::failed("FORMERR"));
    EXPECT_EQ(code("\x81\x82"s), DatagramVerdict::failed("SERVFAIL"));
    EXPECT_EQ(code("\x81\x83"s), DatagramVerdict::failed("NXDOMAIN"));
    EXPECT_EQ(code("\x81\x85"s), DatagramVerdict::failed("REFUSED"));
    EXPECT_EQ(code("\x81\x8f"s), DatagramVerdict::failed("error code 15"));
    EXPECT_EQ(judge_dns_answer(www(), kId, header("\x81\x85"s, std::string(8, '\0'))),
              DatagramVerdict::failed("REFUSED"))
        << "the question may be missing";
}

TEST(DnsMessage, WhatIsNotForUsIsForeign) {
    const auto foreign = [](const std::string& message) {
        return judge_dns_answer(www(), kId, message) == DatagramVerdict::foreign();
    };
    std::string changed = answer();
    changed[0] = '\x13';
    EXPECT_TRUE(foreign(changed)) << "another id";
    EXPECT_TRUE(foreign(make_dns_query(www(), kId))) << "a query";
    changed = answer();
    changed[2] = '\x89';
    EXPECT_TRUE(foreign(changed)) << "another opcode";
    changed = answer();
    changed[14] = 'x';
    EXPECT_TRUE(foreign(changed)) << "another name";
    changed = answer();
    changed[12 + question().size() - 3] = '\x1c';
    EXPECT_TRUE(foreign(changed)) << "another type";
    EXPECT_TRUE(foreign(header("\x81\x80"s, std::string(8, '\0')))) << "no question";
    EXPECT_TRUE(foreign(header("\x81\x85"s, "\0\2\0\0\0\0\0\0"s) + question() + question()));
}

TEST(DnsMessage, NamesThatLoopOrRunAway) {
    const auto with_name = [](const std::string& name) {
        const std::string whole = header("\x81\x80"s, "\0\1\0\1\0\0\0\0"s) + question() + name;
        return judge_dns_answer(www(), kId, whole);
    };
    const std::size_t at = 12 + question().size();
    const std::string itself = "\xc0"s + static_cast<char>(at);
    EXPECT_EQ(with_name(record(itself)).kind, Kind::Passed) << "it is stepped over";
    EXPECT_EQ(with_name(itself), DatagramVerdict::failed("a malformed answer"));
    EXPECT_EQ(with_name("\xc0"s).kind, Kind::Failed);
    EXPECT_EQ(with_name(record("\x40"s)).kind, Kind::Failed) << "a reserved kind of label";
    EXPECT_EQ(with_name("\x3f"s).kind, Kind::Failed);
    EXPECT_EQ(with_name(std::string(100'000, '\1')).kind, Kind::Failed);
    EXPECT_EQ(with_name("\0\0\1\0\1\0\0\0\0\xff\xff"s).kind, Kind::Failed) << "data too long";
    const std::string many =
        header("\x81\x80"s, "\0\1\xff\xff\0\0\0\0"s) + question() + std::string(60'000, '\0');
    EXPECT_EQ(judge_dns_answer(www(), kId, many).kind, Kind::Failed);
}

}  // namespace
}  // namespace tandem::relay
