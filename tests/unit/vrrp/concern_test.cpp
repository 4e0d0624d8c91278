#include "vrrp/concern.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;
using Kind = Concern::Kind;

TEST(Concern, EveryKindHasItsOwnName) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < Concern::kKinds; ++i) {
        Concern concern;
        concern.kind = static_cast<Kind>(i);
        names.insert(std::string{to_string(concern)});
    }
    EXPECT_EQ(names.size(), Concern::kKinds);
    EXPECT_FALSE(names.contains("unknown"));
}

TEST(Concern, ADiscardIsNamedByItsReason) {
    Concern concern;
    concern.discard = Discard::Checksum;
    EXPECT_EQ(to_string(concern), "checksum-error");
}

// V12: failures are logged rate-limited.
TEST(ConcernThrottle, V12LetsOneOfAKindPassInASecond) {
    ConcernThrottle throttle;
    const TimePoint start{1h};
    EXPECT_TRUE(throttle.allow(Kind::Interval, std::nullopt, start));
    EXPECT_FALSE(throttle.allow(Kind::Interval, std::nullopt, start + 999ms));
    EXPECT_TRUE(throttle.allow(Kind::EqualPriority, std::nullopt, start));
    EXPECT_TRUE(throttle.allow(Kind::Discarded, Discard::Checksum, start));
    EXPECT_TRUE(throttle.allow(Kind::Discarded, Discard::HmacReplay, start));
    EXPECT_FALSE(throttle.allow(Kind::Discarded, Discard::Checksum, start + 1ms));
    EXPECT_TRUE(throttle.allow(Kind::Interval, std::nullopt, start + 1s));
    EXPECT_FALSE(throttle.allow(Kind::Interval, std::nullopt, start + 1500ms));
}

TEST(Concern, DifferencesOfConfigurationAreNoAlarms) {
    EXPECT_TRUE(is_alarm(Kind::Discarded));
    EXPECT_TRUE(is_alarm(Kind::AddressList));
    EXPECT_TRUE(is_alarm(Kind::DuplicateOwner));
    EXPECT_TRUE(is_alarm(Kind::Dropped));
    EXPECT_FALSE(is_alarm(Kind::ChecksumForm));
    EXPECT_FALSE(is_alarm(Kind::Interval));
    EXPECT_FALSE(is_alarm(Kind::EqualPriority));
    EXPECT_FALSE(is_alarm(Kind::ClockSkew));
}

}  // namespace
}  // namespace tandem::vrrp
