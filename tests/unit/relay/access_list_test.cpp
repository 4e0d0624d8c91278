// allow and deny: the first rule that matches decides, in both families.
#include "proxy/relay/access_list.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::make_address;

AccessRule rule(bool allow, const std::string& network) {
    const auto slash = network.find('/');
    return {allow, make_address(network.substr(0, slash)),
            static_cast<unsigned>(std::stoul(network.substr(slash + 1)))};
}
AccessRule allow(const std::string& network) {
    return rule(true, network);
}
AccessRule deny(const std::string& network) {
    return rule(false, network);
}

struct Case {
    std::string name;
    std::vector<AccessRule> rules;
    std::vector<std::string> allowed;
    std::vector<std::string> denied;
};

class AccessListCases : public testing::TestWithParam<Case> {};

TEST_P(AccessListCases, FirstMatchDecides) {
    const Case& test = GetParam();
    const AccessList list{test.rules};
    for (const std::string& client : test.allowed) {
        EXPECT_TRUE(list.allows(make_address(client))) << client;
    }
    for (const std::string& client : test.denied) {
        EXPECT_FALSE(list.allows(make_address(client))) << client;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Access, AccessListCases,
    testing::Values(
        Case{"NoRuleAllows", {}, {"198.51.100.1", "2001:db8::1"}, {}},
        Case{"OneHost",
             {deny("198.51.100.7/32")},
             {"198.51.100.6", "198.51.100.8", "::c633:6407"},
             {"198.51.100.7"}},
        Case{"HoleInANetwork",
             {allow("198.51.100.16/28"), deny("198.51.100.0/24")},
             {"198.51.99.255", "198.51.100.16", "198.51.100.31", "198.51.101.0"},
             {"198.51.100.0", "198.51.100.15", "198.51.100.32", "198.51.100.255"}},
        Case{"OrderCounts",
             {deny("198.51.100.0/24"), allow("198.51.100.16/28")},
             {"198.51.101.0"},
             {"198.51.100.16", "198.51.100.31"}},
        Case{"OnlyThese",
             {allow("198.51.100.0/24"), allow("2001:db8:1::/48"), deny("0.0.0.0/0"), deny("::/0")},
             {"198.51.100.200", "2001:db8:1::1", "2001:db8:1:ffff:ffff:ffff:ffff:ffff"},
             {"0.0.0.0", "255.255.255.255", "203.0.113.1",
              "::", "2001:db8:2::", "2001:db8::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}},
        Case{"T18_MappedClientIsItsIpv4Address",
             {deny("198.51.100.0/24")},
             {"::ffff:203.0.113.1", "::198.51.100.1"},
             {"::ffff:198.51.100.1"}},
        Case{"MappedRuleIsItsIpv4Network",
             {deny("::ffff:198.51.100.0/120")},
             {"198.51.101.1"},
             {"198.51.100.1", "::ffff:198.51.100.1"}},
        Case{"AllOfIpv6IsNotIpv4",
             {deny("::/0")},
             {"198.51.100.1", "::ffff:198.51.100.1"},
             {"::1", "2001:db8::1"}},
        Case{"HostBitsDoNotCount",
             {deny("198.51.100.77/24"), deny("2001:db8::77/64")},
             {"198.51.99.77", "2001:db8:0:1::77"},
             {"198.51.100.1", "2001:db8::1"}},
        Case{"AcrossTheHalvesOfAnAddress",
             {deny("2001:db8::/65"), deny("2001:db8:0:1::/63")},
             {"2001:db8:0:2::"},
             {"2001:db8::7fff:ffff:ffff:ffff", "2001:db8:0:1::", "2001:db8:0:0:8000::"}},
        Case{"LastAddressOfAll",
             {deny("255.255.255.255/32"), deny("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")},
             {"255.255.255.254", "0.0.0.0", "::"},
             {"255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}),
    [](const auto& test) { return test.param.name; });

TEST(AccessList, ManyRulesSayTheSameAsOneAfterTheOther) {
    std::mt19937 random{7};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time.
    std::vector<AccessRule> rules;
    const auto draw = [&random] {
        return boost::asio::ip::address_v4{
            static_cast<std::uint32_t>(0xc6336400U + random() % 512)};
    };
    for (int count = 0; count < 1000; ++count) {
        rules.push_back({random() % 2 == 0, draw(), 23U + static_cast<unsigned>(random() % 10)});
    }
    for (const std::size_t used : {1U, 5U, 33U, 1000U}) {
        const std::vector<AccessRule> some(rules.end() - static_cast<std::ptrdiff_t>(used),
                                           rules.end());
        const AccessList list{some};
        for (int count = 0; count < 2000; ++count) {
            const auto client = draw();
            bool expected = true;
            for (const AccessRule& one : some) {
                const unsigned host = 32 - one.prefix_length;
                if (client.to_uint() >> host == one.network.to_v4().to_uint() >> host) {
                    expected = one.allow;
                    break;
                }
            }
            ASSERT_EQ(list.allows(client), expected) << client << " of " << used;
        }
    }
}

TEST(AccessList, SaysWhetherItRestrictsAnybody) {
    EXPECT_FALSE(AccessList{{}}.restricts());
    EXPECT_FALSE(AccessList{{allow("198.51.100.0/24")}}.restricts());
    EXPECT_TRUE(AccessList{{deny("2001:db8::/32")}}.restricts());
}

}  // namespace
}  // namespace tandem::relay::test
