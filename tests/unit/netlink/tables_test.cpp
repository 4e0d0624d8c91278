#include "netlink/tables.hpp"

#include <gmock/gmock.h>

#include <linux/if_addr.h>

namespace tandem::netlink {
namespace {

using boost::asio::ip::make_address;

Message link(unsigned index, const std::string& name, bool running = true) {
    Link value;
    value.index = index;
    value.name = name;
    value.up = true;
    value.running = running;
    Message message;
    message.body = LinkPresent{value};
    return message;
}

Address entry(unsigned index, const char* address, std::uint8_t length, std::uint32_t flags = 0) {
    Address value;
    value.index = index;
    value.address = make_address(address);
    value.prefix_length = length;
    value.flags = flags;
    return value;
}

template <typename Event>
Message event(unsigned index, const char* address, std::uint8_t length, std::uint32_t flags = 0) {
    Message message;
    message.body = Event{entry(index, address, length, flags)};
    return message;
}

Message added(unsigned index, const char* address, std::uint8_t length, std::uint32_t flags = 0) {
    return event<AddressPresent>(index, address, length, flags);
}

Message removed(unsigned index, const char* address, std::uint8_t length) {
    return event<AddressGone>(index, address, length);
}

Message link_gone(unsigned index) {
    Message message;
    message.body = LinkGone{index};
    return message;
}

class TablesTest : public testing::Test {
  protected:
    void apply(std::initializer_list<Message> messages) {
        for (const Message& message : messages) {
            tables.apply(message);
        }
    }
    std::optional<InterfaceState> state() const {
        return tables.interface_state("eth0",
                                      {make_address("198.51.100.100"), make_address("fe80::100")});
    }
    Tables tables;
};

TEST_F(TablesTest, UnknownInterfaceHasNoState) {
    EXPECT_EQ(state(), std::nullopt);
    EXPECT_TRUE(tables.addresses(7).empty());
}

TEST_F(TablesTest, FirstPrimaryAddressIsTheInterfaceAddress) {
    apply({link(2, "eth0"), added(2, "198.51.100.12", 24, IFA_F_SECONDARY),
           added(2, "198.51.100.11", 24), added(2, "203.0.113.1", 24)});
    EXPECT_EQ(state()->ipv4, make_address("198.51.100.11"));
}

TEST_F(TablesTest, SecondaryAddressServesWhenThereIsNoOther) {
    apply({link(2, "eth0"), added(2, "198.51.100.12", 24, IFA_F_SECONDARY)});
    EXPECT_EQ(state()->ipv4, make_address("198.51.100.12"));
}

TEST_F(TablesTest, VirtualAddressIsNeverTheInterfaceAddress) {
    apply({link(2, "eth0"), added(2, "198.51.100.100", 24), added(2, "fe80::100", 64)});
    EXPECT_EQ(state()->ipv4, std::nullopt);
    EXPECT_EQ(state()->ipv6_link_local, std::nullopt);
}

TEST_F(TablesTest, AllUsableAddressesAreListedInOrder) {
    apply({link(2, "eth0"), added(2, "203.0.113.1", 24), added(2, "198.51.100.100", 32),
           added(2, "198.51.100.12", 24, IFA_F_SECONDARY), added(2, "2001:db8::1", 64),
           added(2, "2001:db8::2", 64, IFA_F_TENTATIVE), added(3, "198.51.100.13", 24)});
    EXPECT_THAT(state()->addresses,
                testing::ElementsAre(make_address("203.0.113.1"), make_address("198.51.100.12"),
                                     make_address("2001:db8::1")));
}

TEST_F(TablesTest, OwnAddressesAreThoseOfEveryInterface) {
    apply({link(2, "eth0"), added(2, "198.51.100.11", 24), added(2, "198.51.100.100", 32),
           link(3, "eth1"), added(3, "2001:db8::1", 64),
           added(3, "2001:db8::2", 64, IFA_F_DADFAILED)});
    EXPECT_THAT(tables.own_addresses({make_address("198.51.100.100")}),
                testing::ElementsAre(make_address("198.51.100.11"), make_address("2001:db8::1")));
}

TEST_F(TablesTest, TentativeLinkLocalDoesNotCount) {
    apply({link(2, "eth0"), added(2, "fe80::1", 64, IFA_F_TENTATIVE)});
    EXPECT_EQ(state()->ipv6_link_local, std::nullopt);
    apply({added(2, "fe80::1", 64)});
    EXPECT_EQ(state()->ipv6_link_local, make_address("fe80::1"));
}

TEST_F(TablesTest, GlobalIpv6IsNotLinkLocal) {
    apply({link(2, "eth0"), added(2, "2001:db8::1", 64)});
    EXPECT_EQ(state()->ipv6_link_local, std::nullopt);
}

TEST_F(TablesTest, SameAddressWithTwoPrefixLengthsIsTwoEntries) {
    apply({link(2, "eth0"), added(2, "198.51.100.11", 24), added(2, "198.51.100.11", 32),
           removed(2, "198.51.100.11", 24)});
    ASSERT_EQ(tables.addresses(2).size(), 1U);
    EXPECT_EQ(tables.addresses(2)[0].prefix_length, 32);
}

TEST_F(TablesTest, RepeatedNotificationUpdatesInPlace) {
    apply({link(2, "eth0"), added(2, "198.51.100.11", 24), added(2, "203.0.113.1", 24),
           added(2, "198.51.100.11", 24, IFA_F_SECONDARY)});
    ASSERT_EQ(tables.addresses(2).size(), 2U);
    EXPECT_EQ(tables.addresses(2)[0].flags, unsigned{IFA_F_SECONDARY});
}

TEST_F(TablesTest, InterfaceGoneTakesItsAddressesAlong) {
    apply({link(2, "eth0"), added(2, "198.51.100.11", 24), link_gone(2)});
    EXPECT_EQ(state(), std::nullopt);
    apply({link(2, "eth0")});
    EXPECT_EQ(state()->ipv4, std::nullopt);
}

TEST_F(TablesTest, RenamedInterfaceIsFoundByItsNewName) {
    apply({link(2, "veth7"), link(2, "eth0")});
    EXPECT_EQ(tables.find_link("veth7"), nullptr);
    ASSERT_NE(tables.find_link("eth0"), nullptr);
}

TEST_F(TablesTest, LoadForgetsWhatIsNotInTheDump) {
    apply({link(2, "eth0"), added(2, "198.51.100.11", 24), link(3, "eth1")});
    const std::vector<Message> dump{link(2, "eth0", false), added(2, "198.51.100.12", 24)};
    tables.load(dump);
    EXPECT_EQ(tables.find_link("eth1"), nullptr);
    EXPECT_EQ(state()->ipv4, make_address("198.51.100.12"));
    EXPECT_FALSE(state()->running);
}

TEST_F(TablesTest, RemovalOfWhatIsNotThereIsHarmless) {
    apply({removed(2, "198.51.100.11", 24), link_gone(9), link(2, "eth0")});
    EXPECT_TRUE(state().has_value());
}

}  // namespace
}  // namespace tandem::netlink
