#include "proxy/relay/http_verdict.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

struct StatusCase {
    std::vector<UrlCheck::StatusRange> statuses;
    unsigned status;
    bool passes;
};

TEST(HttpVerdict, Status) {
    const StatusCase cases[] = {
        {{}, 199, false},
        {{}, 200, true},
        {{}, 299, true},
        {{}, 300, false},
        {{{200, 200}}, 204, false},
        {{{200, 200}, {301, 302}}, 302, true},
        {{{200, 200}, {301, 302}}, 300, false},
        {{{404, 404}}, 404, true},
        {{{404, 404}}, 200, false},
        {{{100, 999}}, 0, false},
    };
    for (const StatusCase& test : cases) {
        UrlCheck check;
        check.statuses = test.statuses;
        const auto problem = judge(check, test.status, "", "");
        EXPECT_EQ(!problem, test.passes) << test.status;
        EXPECT_EQ(problem.value_or("status " + std::to_string(test.status)),
                  "status " + std::to_string(test.status));
    }
}

TEST(HttpVerdict, Digest) {
    UrlCheck check;
    check.digest = "0123456789abcdef0123456789abcdef";
    EXPECT_EQ(judge(check, 200, check.digest, ""), std::nullopt);
    EXPECT_EQ(judge(check, 200, "unknown", ""), "the body has the digest unknown");
    EXPECT_EQ(judge(check, 500, check.digest, ""), "status 500");
}

struct RegexCase {
    const char* name;
    BodyRegex regex;
    std::string body;
    bool found;
};

class HttpVerdictRegex : public testing::TestWithParam<RegexCase> {};

TEST_P(HttpVerdictRegex, Finds) {
    UrlCheck check;
    check.regex = GetParam().regex;
    EXPECT_EQ(!judge(check, 200, "", GetParam().body), GetParam().found);
    check.regex.must_not_match = true;
    EXPECT_EQ(!judge(check, 200, "", GetParam().body), !GetParam().found) << "the other way round";
}

// The expected values are those of PCRE2 with the same options.
INSTANTIATE_TEST_SUITE_P(
    Tables, HttpVerdictRegex,
    testing::Values(
        RegexCase{"Anywhere", {.text = "we+l"}, "all is well", true},
        RegexCase{"Nowhere", {.text = "we+l"}, "all is wel1", true},
        RegexCase{"NotThere", {.text = "ill"}, "all is well?", false},
        RegexCase{"EmptyBody", {.text = "x"}, "", false},
        RegexCase{"EmptyMatch", {.text = "x*"}, "", true},
        RegexCase{"NulBytes", {.text = "b"}, std::string("a\0b", 3), true},
        RegexCase{"NoUtf8", {.text = "b$"}, "\xff\xfe\x80 b", true},
        RegexCase{"CaseMatters", {.text = "OK"}, "ok", false},
        RegexCase{"Caseless", {.text = "OK", .ignores_case = true}, "ok", true},
        RegexCase{"DotStopsAtLineEnd", {.text = "a.b"}, "a\nb", false},
        RegexCase{"DotAll", {.text = "a.b", .dot_matches_newline = true}, "a\nb", true},
        RegexCase{"DotAllInTheExpression", {.text = "(?s)a.b"}, "a\nb", true},
        RegexCase{"CaretIsTheBodysStart", {.text = "^ok"}, "no\nok", false},
        RegexCase{"DollarIsTheBodysEnd", {.text = "ok$"}, "ok\nno", false},
        RegexCase{"DollarBeforeTheLastLineEnd", {.text = "^ok$"}, "ok\n", true},
        RegexCase{"DollarBeforeOneLineEndOnly", {.text = "^ok$"}, "ok\n\n", false},
        RegexCase{"DollarEndOnly", {.text = "ok$", .dollar_end_only = true}, "ok\n", false},
        RegexCase{"Multiline", {.text = "^ok$", .multiline = true}, "no\nok\nno", true},
        RegexCase{"MultilineInTheExpression", {.text = "(?m)^ok$"}, "no\nok\nno", true},
        RegexCase{"BlanksCount", {.text = "o k"}, "ok", false},
        RegexCase{"Extended", {.text = "o k # yes", .extended = true}, "ok", true},
        RegexCase{"FromTheMinimum", {.text = "ok", .min_offset = 2}, "..ok", true},
        RegexCase{"BeforeTheMinimum", {.text = "ok", .min_offset = 3}, "..ok", false},
        RegexCase{"MinimumAtTheEnd", {.text = "$", .min_offset = 4}, "..ok", true},
        RegexCase{"TextBehindTheEnd", {.text = "x*", .min_offset = 5}, "..ok", false},
        RegexCase{"MinimumIsNoStart", {.text = "^ok", .min_offset = 2}, "..ok", false},
        RegexCase{"LooksBehindTheMinimum", {.text = "(?<=a)b", .min_offset = 1}, "ab", true},
        RegexCase{"UpToTheMaximum", {.text = "ok", .max_offset = 2}, "..ok", true},
        RegexCase{"BehindTheMaximum", {.text = "ok", .max_offset = 1}, "..ok", false},
        RegexCase{"MayEndBehindTheMaximum", {.text = "o+k", .max_offset = 0}, "oook", true}),
    [](const auto& test) { return test.param.name; });

// Whatever the server sends: the control thread is not held up.
TEST(HttpVerdict, ASearchThatWouldTakeForeverFails) {
    const std::string body(kSearchedBody, 'a');
    const std::string expressions[] = {"(a+)+$x", "(a|aa)+$x", "(.*)*x",
                                       ".*.*.*=", std::string(1000, 'b') + "|(a+)+$x"};
    UrlCheck check;
    for (const std::string& text : expressions) {
        check.regex.text = text;
        EXPECT_EQ(judge(check, 200, "", body), "the regular expression takes too long on this body")
            << text;
        // Alternating: a search that says nothing passes neither way.
        check.regex.must_not_match = !check.regex.must_not_match;
    }
}

TEST(HttpVerdict, AnOrdinarySearchOfAWholeBodyIsNotTooLong) {
    std::string body;
    while (body.size() < kSearchedBody) {
        body += "requests 1234, errors 0, uptime 99 days\n";
    }
    body.resize(kSearchedBody);
    for (const std::string text : {"nothing", ".*errors [1-9].*", "(requests|errors) .*none"}) {
        UrlCheck check;
        check.regex.text = text;
        EXPECT_EQ(judge(check, 200, "", body), "the body does not match the regular expression");
    }
}

}  // namespace
}  // namespace tandem::relay
