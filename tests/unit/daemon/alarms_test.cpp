#include "proxy/daemon/alarms.hpp"

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

Alarm alarm(std::string kind, std::string source, std::string mac = "02:00:00:00:00:01") {
    Alarm result;
    result.kind = std::move(kind);
    result.source = std::move(source);
    result.mac = std::move(mac);
    return result;
}

TEST(Alarms, CountsTheSameTroubleFromTheSameSender) {
    Alarms alarms;
    alarms.raise(alarm("ip-ttl-error", "198.51.100.66"));
    alarms.raise(alarm("ip-ttl-error", "198.51.100.66"));
    ASSERT_EQ(alarms.list().size(), 1U);
    EXPECT_EQ(alarms.list().front().count, 2U);
}

TEST(Alarms, AnotherKindSourceOrMacIsAnotherAlarmNewestFirst) {
    Alarms alarms;
    alarms.raise(alarm("ip-ttl-error", "198.51.100.66"));
    alarms.raise(alarm("checksum-error", "198.51.100.66"));
    alarms.raise(alarm("ip-ttl-error", "198.51.100.67"));
    alarms.raise(alarm("ip-ttl-error", "198.51.100.66", "02:00:00:00:00:02"));
    ASSERT_EQ(alarms.list().size(), 4U);
    EXPECT_EQ(alarms.list().front().mac, "02:00:00:00:00:02");
    alarms.raise(alarm("checksum-error", "198.51.100.66"));
    EXPECT_EQ(alarms.list().front().kind, "checksum-error");
    EXPECT_EQ(alarms.list().front().count, 2U);
    EXPECT_EQ(alarms.list().size(), 4U);
}

TEST(Alarms, SendersWithoutEndCostNoMemory) {
    Alarms alarms;
    for (int i = 0; i < 1000; ++i) {
        alarms.raise(alarm("ip-ttl-error", std::to_string(i)));
    }
    ASSERT_EQ(alarms.list().size(), Alarms::kMost);
    EXPECT_EQ(alarms.list().front().source, "999");
    EXPECT_EQ(alarms.list().back().source, "984");
}

}  // namespace
}  // namespace tandem::daemon
