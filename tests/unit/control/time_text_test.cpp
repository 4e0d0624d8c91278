#include "proxy/control/time_text.hpp"

#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::system_clock;

TEST(TimeText, FormatsUtcWithMilliseconds) {
    EXPECT_EQ(format_rfc3339(Clock::time_point(0s)), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(format_rfc3339(Clock::time_point(1'709'210'096s + 42ms)), "2024-02-29T12:34:56.042Z");
    EXPECT_EQ(format_rfc3339(Clock::time_point(-1ms)), "1969-12-31T23:59:59.999Z");
}

TEST(TimeText, ParsesRfc3339) {
    const Clock::time_point leap_day(1'709'210'096s);
    EXPECT_EQ(parse_rfc3339("2024-02-29T12:34:56Z"), leap_day);
    EXPECT_EQ(parse_rfc3339("2024-02-29t12:34:56z"), leap_day);
    EXPECT_EQ(parse_rfc3339("2024-02-29 12:34:56Z"), leap_day);
    EXPECT_EQ(parse_rfc3339("2024-02-29T14:34:56+02:00"), leap_day);
    EXPECT_EQ(parse_rfc3339("2024-02-29T07:04:56-05:30"), leap_day);
    EXPECT_EQ(parse_rfc3339("2024-02-29T12:34:56.042Z"), leap_day + 42ms);
    EXPECT_EQ(parse_rfc3339("2024-02-29T12:34:56.123456789Z"), leap_day + 123456789ns);
    EXPECT_EQ(parse_rfc3339(format_rfc3339(leap_day)), leap_day);
}

TEST(TimeText, RefusesWhatIsNotRfc3339) {
    for (const char* text :
         {"", "now", "2024-02-29", "2024-02-29T12:34:56", "2023-02-29T12:34:56Z",
          "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-01-32T00:00:00Z",
          "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z",
          "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1234567891Z", "2024-01-01T00:00:00Zx",
          "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0100", "9999-01-01T00:00:00Z",
          "0000-01-01T00:00:00Z", "2024_01-01T00:00:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
    }
}

TEST(TimeText, ParsesDurations) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("90s"), 90s);
    EXPECT_EQ(parse_duration("1.5m"), 90s);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("1d"), 24h);
    EXPECT_EQ(parse_duration("366d"), 366 * 24h);
}

TEST(TimeText, RefusesOtherDurations) {
    for (const char* text : {"", "s", "5", "-5s", "+5s", "5 s", "5S", "5w", "5s5", "1.2.3s", ".s",
                             "0s", "0.5ms", "367d", "99999999999999999999d", "1e9s", "infs"}) {
        EXPECT_FALSE(parse_duration(text).has_value()) << text;
    }
}

TEST(TimeText, FormatsDurationsInTwoUnits) {
    EXPECT_EQ(format_duration(0ms), "0 ms");
    EXPECT_EQ(format_duration(999ms), "999 ms");
    EXPECT_EQ(format_duration(12'345ms), "12 s");
    EXPECT_EQ(format_duration(185s), "3 min 5 s");
    EXPECT_EQ(format_duration(2h + 10min + 5s), "2 h 10 min");
    EXPECT_EQ(format_duration(2h + 5s), "2 h");
    EXPECT_EQ(format_duration(97h), "4 d 1 h");
}

}  // namespace
}  // namespace tandem::control
