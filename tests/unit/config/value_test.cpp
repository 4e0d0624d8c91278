#include "proxy/config/value.hpp"

#include "proxy/config/defaults.hpp"

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

TEST(Value, IntegersAreDecimalAndNothingFollows) {
    EXPECT_EQ(parse_integer("0"), 0);
    EXPECT_EQ(parse_integer("007"), 7);
    EXPECT_EQ(parse_integer("-253"), -253);
    EXPECT_EQ(parse_integer("+5"), 5);
    for (const char* bad : {"", "-", "+-5", "5x", "0x10", " 5", "1.0", "99999999999999999999"}) {
        EXPECT_EQ(parse_integer(bad), std::nullopt) << bad;
    }
}

TEST(Value, SecondsHaveUpToSixPlaces) {
    EXPECT_EQ(parse_seconds("3"), 3s);
    EXPECT_EQ(parse_seconds("0.25"), 250ms);
    EXPECT_EQ(parse_seconds(".5"), 500ms);
    EXPECT_EQ(parse_seconds("1."), 1s);
    EXPECT_EQ(parse_seconds("0.000001"), 1us);
    for (const char* bad :
         {"", ".", "-1", "+1", "1e3", "1,5", "0.0000001", "1.2.3", "1000000001"}) {
        EXPECT_EQ(parse_seconds(bad), std::nullopt) << bad;
    }
}

TEST(Value, SizesHaveUnitsOfPowersOf1024) {
    EXPECT_EQ(parse_size("0"), 0U);
    EXPECT_EQ(parse_size("1500"), 1500U);
    EXPECT_EQ(parse_size("64k"), 65536U);
    EXPECT_EQ(parse_size("3M"), 3U * 1024 * 1024);
    EXPECT_EQ(parse_size("17179869183g"), std::uint64_t{17'179'869'183} << 30);
    for (const char* bad : {"", "k", "-1", "+1", "1kb", "1 k", "1.5m", "0x10", "17179869184g",
                            "99999999999999999999"}) {
        EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
    }
}

TEST(Value, SecondsAreFormattedWithoutNeedlessZeros) {
    EXPECT_EQ(format_seconds(0us), "0");
    EXPECT_EQ(format_seconds(10s), "10");
    EXPECT_EQ(format_seconds(1500ms), "1.5");
    EXPECT_EQ(format_seconds(1us), "0.000001");
}

TEST(Value, BooleansAreLowerCase) {
    for (const char* text : {"on", "true", "yes"}) {
        EXPECT_EQ(parse_boolean(text), true);
    }
    for (const char* text : {"off", "false", "no"}) {
        EXPECT_EQ(parse_boolean(text), false);
    }
    EXPECT_EQ(parse_boolean("On"), std::nullopt);
    EXPECT_EQ(parse_boolean(""), std::nullopt);
}

TEST(Value, AddressesAreNumericWithoutZoneOrBrackets) {
    EXPECT_TRUE(parse_address("198.51.100.1"));
    EXPECT_TRUE(parse_address("2001:db8::1"));
    for (const char* bad : {"", "[2001:db8::1]", "fe80::1%eth0", "198.51.100", "198.51.100.256",
                            "198.51.100.1/24", "host"}) {
        EXPECT_FALSE(parse_address(bad)) << bad;
    }
}

TEST(Value, NetworkLengthFitsTheFamily) {
    EXPECT_EQ(parse_network("198.51.100.1")->prefix_length, std::nullopt);
    EXPECT_EQ(parse_network("198.51.100.1/0")->prefix_length, 0);
    EXPECT_EQ(parse_network("198.51.100.1/32")->prefix_length, 32);
    EXPECT_EQ(parse_network("2001:db8::1/128")->prefix_length, 128);
    for (const char* bad : {"198.51.100.1/33", "198.51.100.1/", "198.51.100.1/-1",
                            "2001:db8::1/129", "/24", "198.51.100.1/24/8"}) {
        EXPECT_FALSE(parse_network(bad)) << bad;
    }
}

TEST(Defaults, LeaseIsTheShortestActiveDownIntervalInWholeSeconds) {
    struct Row {
        vrrp::Version version;
        int priority;
        std::chrono::milliseconds interval;
        std::chrono::seconds lease;
    };
    const Row rows[] = {
        {vrrp::Version::V2, 100, 1s, 3s},   {vrrp::Version::V2, 1, 1s, 3s},
        {vrrp::Version::V2, 100, 2s, 6s},   {vrrp::Version::V3, 100, 1s, 3s},
        {vrrp::Version::V3, 1, 4s, 12s},    {vrrp::Version::V3, 100, 100ms, 1s},
        {vrrp::Version::V3, 100, 10ms, 1s},
    };
    for (const Row& row : rows) {
        vrrp::InstanceConfig instance;
        instance.version = row.version;
        instance.priority = static_cast<std::uint8_t>(row.priority);
        instance.advertisement_interval = row.interval;
        EXPECT_EQ(default_lease(instance), row.lease)
            << row.priority << ' ' << row.interval.count() << " ms";
    }
}

}  // namespace
}  // namespace tandem::config
