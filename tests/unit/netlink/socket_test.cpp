#include "netlink/socket.hpp"

#include "netlink/tables.hpp"
#include "tests/unit/netlink/lab.hpp"

#include <optional>

namespace tandem::netlink {
namespace {

using boost::asio::ip::make_address;
using namespace std::chrono_literals;

class SocketTest : public Lab {
  protected:
    void SetUp() override {
        Lab::SetUp();
        if (IsSkipped() || HasFatalFailure()) {
            return;
        }
        ASSERT_FALSE(requests_.open());
        load();
        index_ = tables_.find_link("vip0")->index;
    }
    void load() {
        auto dump = requests_.dump(DumpKind::Links);
        const auto addresses = requests_.dump(DumpKind::Addresses);
        ASSERT_FALSE(dump.error || addresses.error);
        dump.messages.insert(dump.messages.end(), addresses.messages.begin(),
                             addresses.messages.end());
        tables_.load(dump.messages);
        ASSERT_NE(tables_.find_link("vip0"), nullptr);
    }
    static VirtualAddress vip(const char* address) {
        VirtualAddress value;
        value.address = make_address(address);
        value.prefix_length = value.address.is_v4() ? 32 : 128;
        value.interface = "vip0";
        return value;
    }
    std::optional<Address> entry(const char* address) {
        load();
        for (const Address& candidate : tables_.addresses(index_)) {
            if (candidate.address == make_address(address)) {
                return candidate;
            }
        }
        return std::nullopt;
    }
    RequestSocket requests_;
    Tables tables_;
    unsigned index_ = 0;
};

TEST_F(SocketTest, DumpSeesLinksAndAddresses) {
    ASSERT_NE(tables_.find_link("lo"), nullptr);
    const auto state = tables_.interface_state("vip0", {});
    ASSERT_TRUE(state);
    EXPECT_EQ(state->ipv4, make_address("198.51.100.11"));
}

TEST_F(SocketTest, AddTwiceAndRemoveTwiceSucceed) {
    for (const char* address : {"198.51.100.100", "2001:db8::100"}) {
        EXPECT_FALSE(requests_.add_address(index_, vip(address), 3s).error);
        EXPECT_FALSE(requests_.add_address(index_, vip(address), 3s).error);
        const auto added = entry(address);
        ASSERT_TRUE(added);
        EXPECT_LE(added->valid_lifetime, 3U);
        const std::uint8_t length = added->prefix_length;
        EXPECT_FALSE(requests_.remove_address(index_, make_address(address), length).error);
        EXPECT_FALSE(entry(address));
        EXPECT_FALSE(requests_.remove_address(index_, make_address(address), length).error);
    }
    EXPECT_FALSE(requests_.remove_address(9999, make_address("198.51.100.100"), 32).error);
}

TEST_F(SocketTest, AddedAddressCarriesTheProtocolTag) {
    ASSERT_FALSE(requests_.add_address(index_, vip("198.51.100.100"), 3s).error);
    ASSERT_TRUE(entry("198.51.100.100"));
    EXPECT_EQ(entry("198.51.100.100")->protocol, kAddressProtocol);
}

TEST_F(SocketTest, RefusalIsAnErrorWithTheKernelsWords) {
    EXPECT_EQ(requests_.add_address(9999, vip("198.51.100.100"), 3s).error.value(), ENODEV);
    ASSERT_TRUE(run("echo 1 > /proc/sys/net/ipv6/conf/vip0/disable_ipv6"));
    const auto answer = requests_.add_address(index_, vip("2001:db8::100"), 3s);
    EXPECT_EQ(answer.error.value(), EACCES);
    EXPECT_FALSE(answer.text.empty());
}

// The virtual address is not picked as a source by default, neither as /32 nor, for IPv6, at all.
TEST_F(SocketTest, VirtualAddressIsNotTheDefaultSource) {
    ASSERT_TRUE(run("ip addr add 2001:db8::11/64 dev vip0"));
    ASSERT_FALSE(requests_.add_address(index_, vip("198.51.100.100"), 3s).error);
    ASSERT_FALSE(requests_.add_address(index_, vip("2001:db8::100"), 3s).error);
    EXPECT_NE(output("ip route get 198.51.100.21").find("src 198.51.100.11"), std::string::npos);
    EXPECT_NE(output("ip -6 route get 2001:db8::99").find("src 2001:db8::11"), std::string::npos);
    ASSERT_TRUE(run("ip route add default via 198.51.100.1"));
    EXPECT_NE(output("ip route get 203.0.113.9").find("src 198.51.100.11"), std::string::npos);
}

// What may be relied on when the answer to a request is there. (The exception is a new IPv6
// address, whose notification comes later; see vip_manager_test.cpp.)
TEST_F(SocketTest, NotificationIsQueuedWhenTheAnswerArrives) {
    ASSERT_FALSE(requests_.add_address(index_, vip("2001:db8::100"), 0s).error);
    MonitorSocket monitor{context_};
    ASSERT_FALSE(monitor.open(1 << 20));
    const auto expect_event = [&](bool added, const char* address) {
        int seen = 0;
        const auto outcome = monitor.drain([&](const Message& message) {
            const auto* present = std::get_if<AddressPresent>(&message.body);
            const auto* gone = std::get_if<AddressGone>(&message.body);
            seen += added && present != nullptr && present->address.address == make_address(address)
                        ? 1
                        : 0;
            seen +=
                !added && gone != nullptr && gone->address.address == make_address(address) ? 1 : 0;
        });
        EXPECT_EQ(outcome, MonitorSocket::Outcome::Drained);
        EXPECT_GE(seen, 1) << address;
    };
    for (int round = 0; round < 100 && !HasFailure(); ++round) {
        ASSERT_FALSE(requests_.add_address(index_, vip("198.51.100.100"), 3s).error);
        expect_event(true, "198.51.100.100");
        ASSERT_FALSE(requests_.remove_address(index_, make_address("198.51.100.100"), 32).error);
        expect_event(false, "198.51.100.100");
    }
    ASSERT_FALSE(requests_.remove_address(index_, make_address("2001:db8::100"), 128).error);
    expect_event(false, "2001:db8::100");
}

// X14
TEST_F(SocketTest, X14OverflowIsReportedAsOverrun) {
    MonitorSocket monitor{context_};
    ASSERT_FALSE(monitor.open(1));
    for (int round = 0; round < 64; ++round) {
        ASSERT_FALSE(requests_.add_address(index_, vip("198.51.100.100"), 3s).error);
    }
    EXPECT_EQ(monitor.drain([](const Message&) {}), MonitorSocket::Outcome::Overrun);
    EXPECT_EQ(monitor.drain([](const Message&) {}), MonitorSocket::Outcome::Drained);
}

TEST_F(SocketTest, DrainIsBounded) {
    MonitorSocket monitor{context_};
    ASSERT_FALSE(monitor.open(1 << 22));
    for (int round = 0; round < MonitorSocket::kDrainLimit + 1; ++round) {
        ASSERT_FALSE(requests_.add_address(index_, vip("198.51.100.100"), 3s).error);
    }
    int seen = 0;
    EXPECT_EQ(monitor.drain([&](const Message&) { ++seen; }), MonitorSocket::Outcome::MoreLeft);
    EXPECT_EQ(seen, MonitorSocket::kDrainLimit);
    EXPECT_EQ(monitor.drain([&](const Message&) { ++seen; }), MonitorSocket::Outcome::Drained);
}

// More addresses than one datagram holds.
TEST_F(SocketTest, DumpInSeveralDatagramsIsComplete) {
    constexpr int kCount = 1000;
    for (int i = 0; i < kCount; ++i) {
        const std::string address =
            "203.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
        ASSERT_FALSE(requests_.add_address(index_, vip(address.c_str()), 0s).error);
    }
    load();
    int found = 0;
    for (const Address& candidate : tables_.addresses(index_)) {
        found += candidate.address.is_v4() && candidate.prefix_length == 32 ? 1 : 0;
    }
    EXPECT_EQ(found, kCount);
}

}  // namespace
}  // namespace tandem::netlink
