#include "proxy/relay/source_address.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

IpAddress ip(const std::string& text) {
    return boost::asio::ip::make_address(text);
}

const std::vector<InterfaceAddress> kAddresses{
    {.interface = "lo", .address = ip("127.0.0.1")},
    {.interface = "eth0", .address = ip("198.51.100.100")},
    {.interface = "eth0", .address = ip("198.51.100.11")},
    {.interface = "eth0", .address = ip("fe80::1%2")},
    {.interface = "eth0", .address = ip("2001:db8::100")},
    {.interface = "eth0", .address = ip("2001:db8::11")},
    {.interface = "eth1", .address = ip("203.0.113.100")},
};
const std::vector<IpAddress> kVirtual{ip("198.51.100.100"), ip("2001:db8::100"),
                                      ip("203.0.113.100"), ip("fe80::1")};

TEST(SourceAddress, KeepsAKernelChoiceThatIsNotVirtual) {
    EXPECT_EQ(choose_own_address(ip("198.51.100.11"), kAddresses, kVirtual).value(),
              ip("198.51.100.11"));
}

TEST(SourceAddress, I3_TakesAnotherAddressOfTheInterfaceForAVirtualOne) {
    EXPECT_EQ(choose_own_address(ip("198.51.100.100"), kAddresses, kVirtual).value(),
              ip("198.51.100.11"));
    EXPECT_EQ(choose_own_address(ip("2001:db8::100"), kAddresses, kVirtual).value(),
              ip("2001:db8::11"));
}

TEST(SourceAddress, I3_NeverTakesOneOfAnotherInterfaceOrScope) {
    EXPECT_FALSE(choose_own_address(ip("203.0.113.100"), kAddresses, kVirtual).has_value());
    EXPECT_FALSE(choose_own_address(ip("fe80::1%2"), kAddresses, kVirtual).has_value());
    EXPECT_FALSE(choose_own_address(ip("198.51.100.100"), {}, kVirtual).has_value());
}

TEST(SourceAddress, AsksTheKernel) {
    const Endpoint target{ip("127.0.0.1"), 80};
    EXPECT_EQ(own_address_towards(target, {}).value(), ip("127.0.0.1"));
    const std::vector<IpAddress> all_virtual{ip("127.0.0.1")};
    EXPECT_FALSE(own_address_towards(target, all_virtual).has_value());
}

}  // namespace
}  // namespace tandem::relay
