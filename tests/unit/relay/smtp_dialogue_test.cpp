#include "proxy/relay/smtp_dialogue.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

/// What is said, and "pass: …", "fail: …" or "-" when more has to come.
struct Outcome {
    std::string said;
    std::string verdict = "-";
};

void add(Outcome& outcome, const SmtpDialogue::Step& step) {
    outcome.said += step.send;
    if (step.verdict) {
        outcome.verdict = (step.verdict->passed ? "pass: " : "fail: ") + step.verdict->text;
    }
}

/// The bytes in two pieces, then the end if it is wanted.
Outcome talk(const std::string& bytes, std::size_t split, bool ends = false) {
    SmtpDialogue dialogue{"lb"};
    Outcome outcome;
    add(outcome, dialogue.on_bytes(std::string_view{bytes}.substr(0, split)));
    add(outcome, dialogue.on_bytes(std::string_view{bytes}.substr(split)));
    if (ends) {
        add(outcome, dialogue.on_end());
    }
    return outcome;
}

constexpr const char* kWhole =
    "220-mail.example.com\r\n220 ESMTP\r\n250-hello\r\n250 lb\r\n221 bye\r\n";

TEST(SmtpDialogue, SplitAtEveryByte) {
    const std::string whole = kWhole;
    for (std::size_t split = 0; split <= whole.size(); ++split) {
        const Outcome outcome = talk(whole, split);
        EXPECT_EQ(outcome.said, "HELO lb\r\nQUIT\r\n") << split;
        EXPECT_EQ(outcome.verdict, "pass: 250, 221") << split;
    }
}

TEST(SmtpDialogue, TruncatedAtEveryByte) {
    const std::string whole = kWhole;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Outcome outcome = talk(whole.substr(0, size), 0, true);
        const bool at_quit = size == whole.find("221");
        EXPECT_EQ(outcome.verdict.starts_with("pass"), at_quit) << size << outcome.verdict;
        EXPECT_EQ(talk(whole.substr(0, size), 0).verdict, "-") << size;
    }
    EXPECT_EQ(talk("", 0, true).verdict, "fail: closed without greeting");
    EXPECT_EQ(talk("220 x\r\n", 0, true).verdict, "fail: closed without answer to HELO");
    EXPECT_EQ(talk("220 x\r\n250 y\r\n22", 0, true).verdict, "fail: closed without answer to QUIT");
    EXPECT_EQ(talk("220 x\r\n250 y\r\n", 0, true).verdict, "pass: 250, closed at QUIT");
}

TEST(SmtpDialogue, OtherCodesFail) {
    EXPECT_EQ(talk("554 go away\r\n", 0).verdict, "fail: greeting 554 go away");
    EXPECT_EQ(talk("554 go away\r\n", 0).said, "");
    EXPECT_EQ(talk("220 x\n501 bad name\n", 0).verdict, "fail: answer to HELO 501 bad name");
    EXPECT_EQ(talk("220 x\n250\n421 \x1b[2J\n", 0).verdict, "fail: answer to QUIT 421 ?[2J");
}

TEST(SmtpDialogue, WhatIsNoReplyFails) {
    for (const std::string line :
         {"", "22", "220x", "120 x", "600 x", "2 0 x", "SSH-2.0-x", "HTTP/1.1 200 OK", "-20 x"}) {
        EXPECT_EQ(talk(line + "\r\n", 0).verdict, "fail: not SMTP: " + line);
    }
    EXPECT_EQ(talk("220-a\r\n250 b\r\n", 0).verdict, "fail: not SMTP: 250 b") << "another code";
}

TEST(SmtpDialogue, AReplyIsBounded) {
    const std::string verdict = "fail: a reply of more than 16 KiB";
    EXPECT_EQ(talk(std::string(SmtpDialogue::kMostReply + 1, 'a'), 7).verdict, verdict);
    std::string lines;
    while (lines.size() <= SmtpDialogue::kMostReply) {
        lines += "220-x\r\n";
    }
    EXPECT_EQ(talk(lines, 1000).verdict, verdict);
    const std::string longest(SmtpDialogue::kMostReply - 10, 'a');
    EXPECT_EQ(talk("220 " + longest + "\n250 " + longest + "\n221 x\n", 9).verdict,
              "pass: 250, 221");
}

TEST(SmtpDialogue, SaysNothingNewAfterTheEnd) {
    SmtpDialogue dialogue{"lb"};
    EXPECT_TRUE(dialogue.on_bytes("554 x\n220 y\n").verdict);
    EXPECT_FALSE(dialogue.on_bytes("220 y\n").verdict);
    EXPECT_FALSE(dialogue.on_end().verdict);
}

}  // namespace
}  // namespace tandem::relay
