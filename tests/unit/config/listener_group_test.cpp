// Bounds of virtual_server_group.
#include "tests/unit/config/memory_environment.hpp"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;

std::string group(const std::string& name, const std::string& lines) {
    return "virtual_server_group " + name + " {\n" + lines + "\n}\nvirtual_server group " + name +
           " {\n protocol TCP\n real_server 203.0.113.21 80 {\n }\n}\n";
}

TEST(ListenerGroups, HaveAtMostAThousandAddresses) {
    const LoadResult result = load_text(group("a", "10.1.0.0/22 80\n10.2.0.0 80"));
    EXPECT_EQ(result.model.services.size(), 1024U);
    EXPECT_THAT(messages(result), HasSubstr("more than 1024 addresses with this line"));
}

TEST(ListenerGroups, GiveEachServiceANameOfItsOwn) {
    const LoadResult result =
        load_text(group("a", "10.1.0.250-10.1.1.5 80\n10.1.0.250 81\n2001:db8::9-b 80"));
    std::set<std::string> names;
    for (const relay::ServiceConfig& service : result.model.services) {
        names.insert(service.name);
    }
    EXPECT_EQ(names.size(), 12U + 1U + 3U);
    EXPECT_TRUE(names.contains("10.1.1.0:80"));
    EXPECT_TRUE(names.contains("[2001:db8::a]:80"));
}

TEST(ListenerGroups, EndAtTheLastAddress) {
    EXPECT_EQ(load_text(group("a", "255.255.255.254-255 80")).model.services.size(), 2U);
    EXPECT_EQ(load_text(group("a", "2001:db8::ffff-2001:db8::1:0 80")).model.services.size(), 2U);
    EXPECT_EQ(load_text(group("a", "fd00::ffff:ffff:ffff:fffe/127 80")).model.services.size(), 2U);
}

TEST(ListenerGroups, AreBoundedTogether) {
    std::string text;
    for (int i = 0; i < 9; ++i) {
        text += group("g" + std::to_string(i), "10." + std::to_string(i) + ".0.0/22 80");
    }
    const LoadResult result = load_text(text);
    EXPECT_EQ(result.model.services.size(), 8192U);
    EXPECT_THAT(messages(result), HasSubstr("'g8' makes more than 8192 services"));
}

TEST(ListenerGroups, HostileRangesTakeNoTime) {
    std::string lines;
    for (int i = 0; i < 20'000; ++i) {
        lines += "::-ff00:: 80\n";
    }
    EXPECT_TRUE(load_text(group("a", lines)).model.services.empty());
}

}  // namespace
}  // namespace tandem::config::test
