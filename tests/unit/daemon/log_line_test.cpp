#include "proxy/daemon/log_line.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;

constexpr Message kSample{"SAMPLE", Level::Warning, "({instance}) met {peer}", "call home", true};

TEST(LogLine, NamesFieldsAndAppendsTheRest) {
    EXPECT_EQ(to_text_line(kSample, {{"instance", "VI_1"}, {"peer", "B"}, {"after", "3 s"}}),
              "SAMPLE (VI_1) met B after=\"3 s\" (call home)");
}

TEST(LogLine, AMissingFieldIsShownAsMissing) {
    EXPECT_EQ(expand(kSample, {{"instance", "VI_1"}}), "(VI_1) met ?");
}

TEST(LogLine, ControlCharactersOfValuesAreEscaped) {
    EXPECT_EQ(expand(kSample, {{"instance", "a\nb"}, {"peer", "\x1b[31m"}}),
              "(a\\x0ab) met \\x1b[31m");
}

TEST(LogLine, AValueCannotInjectAnotherField) {
    EXPECT_EQ(to_text_line({"S", Level::Info, "x", "", false}, {{"k", "a\" j=1"}}),
              "S x k=\"a\\\" j=1\"");
}

TEST(LogLine, BracesInValuesAreNotExpandedAgain) {
    EXPECT_EQ(expand(kSample, {{"instance", "{peer}"}, {"peer", "B"}}), "({peer}) met B");
}

TEST(LogLine, JsonHasIdLevelTextAndFields) {
    EXPECT_EQ(
        boost::json::serialize(to_json_object(kSample, {{"instance", "VI_1"}, {"peer", "B"}})),
        R"({"id":"SAMPLE","level":"warning","text":"(VI_1) met B","instance":"VI_1","peer":"B","advice":"call home"})");
}

TEST(LogLimiter, PassesTheBoundAndTellsWhatItSuppressed) {
    LogLimiter limiter;
    const LogLimiter::TimePoint start{10s};
    for (unsigned i = 0; i < LogLimiter::kPerSecond; ++i) {
        EXPECT_TRUE(limiter.check("a", start).pass);
    }
    EXPECT_FALSE(limiter.check("a", start + 999ms).pass);
    EXPECT_TRUE(limiter.check("b", start).pass);
    const auto later = limiter.check("a", start + 1s);
    EXPECT_TRUE(later.pass);
    EXPECT_EQ(later.suppressed, 1U);
    EXPECT_EQ(limiter.check("a", start + 1s).suppressed, 0U);
}

TEST(LogLimiter, KeysAreBoundedAndQuietOnesForgotten) {
    LogLimiter limiter;
    const LogLimiter::TimePoint start{10s};
    for (std::size_t i = 0; i < LogLimiter::kKeys; ++i) {
        EXPECT_TRUE(limiter.check(std::to_string(i), start).pass);
    }
    EXPECT_FALSE(limiter.check("one more", start + 1ms).pass);
    EXPECT_TRUE(limiter.check("one more", start + 1s).pass);
}

}  // namespace
}  // namespace tandem::daemon
