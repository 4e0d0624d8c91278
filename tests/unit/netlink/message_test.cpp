#include "netlink/message.hpp"

#include <cstring>
#include <string>

#include <gmock/gmock.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

namespace tandem::netlink {
namespace {

using boost::asio::ip::make_address;
using namespace std::chrono_literals;

/// "ff 00 01" as bytes; spaces are for the reader.
Bytes hex(const std::string& text) {
    Bytes bytes;
    std::string digits;
    for (const char c : text) {
        if (c == ' ') {
            continue;
        }
        digits += c;
        if (digits.size() == 2) {
            bytes.push_back(static_cast<std::byte>(std::stoi(digits, nullptr, 16)));
            digits.clear();
        }
    }
    return bytes;
}

VirtualAddress vip(const char* address, std::uint8_t length) {
    VirtualAddress value;
    value.address = make_address(address);
    value.prefix_length = length;
    value.interface = "eth0";
    return value;
}

// ---------------------------------------------------------------- requests

TEST(MessageBuild, DumpGoldenBytes) {
    EXPECT_EQ(build_dump(1, DumpKind::Links), hex("20000000 1200 0103 01000000 00000000"
                                                  "00000000 00000000 00000000 00000000"));
    EXPECT_EQ(build_dump(2, DumpKind::Addresses), hex("18000000 1600 0103 02000000 00000000"
                                                      "00000000 00000000"));
}

// Flags 0x0505: REQUEST, ACK, REPLACE, CREATE. Lifetimes of IPv4: both the lease.
TEST(MessageBuild, AddIpv4GoldenBytes) {
    EXPECT_EQ(build_add_address(7, 3, vip("198.51.100.100", 32), 3s),
              hex("4c000000 1400 0505 07000000 00000000"
                  "02 20 00 00 03000000"
                  "0800 0200 c6336464"
                  "0800 0100 c6336464"
                  "0800 0800 00000000"
                  "1400 0600 03000000 03000000 00000000 00000000"
                  "0500 0b00 74000000"));
}

// IFA_F_NODAD (2); preferred 0, valid 1: deprecated from the start.
TEST(MessageBuild, AddIpv6GoldenBytes) {
    EXPECT_EQ(build_add_address(8, 3, vip("2001:db8::100", 128), 1s),
              hex("64000000 1400 0505 08000000 00000000"
                  "0a 80 00 00 03000000"
                  "1400 0200 20010db8000000000000000000000100"
                  "1400 0100 20010db8000000000000000000000100"
                  "0800 0800 02000000"
                  "1400 0600 00000000 01000000 00000000 00000000"
                  "0500 0b00 74000000"));
}

TEST(MessageBuild, AddWithEverythingGoldenBytes) {
    auto address = vip("198.51.100.100", 24);
    address.scope = 253;
    address.label = "eth0:15chars-ab";
    address.broadcast = make_address("198.51.100.255");
    EXPECT_EQ(build_add_address(9, 3, address, 0s),
              hex("68000000 1400 0505 09000000 00000000"
                  "02 18 00 fd 03000000"
                  "0800 0200 c6336464"
                  "0800 0100 c6336464"
                  "0800 0400 c63364ff"
                  "1400 0300 657468303a313563686172732d616200"
                  "0800 0800 00000000"
                  "1400 0600 ffffffff ffffffff 00000000 00000000"
                  "0500 0b00 74000000"));
}

TEST(MessageBuild, RemoveGoldenBytes) {
    EXPECT_EQ(build_remove_address(10, 3, make_address("198.51.100.100"), 32),
              hex("28000000 1500 0500 0a000000 00000000"
                  "02 20 00 00 03000000"
                  "0800 0200 c6336464"
                  "0800 0100 c6336464"));
}

TEST(MessageBuild, RefreshIsTheSameRequestAsTheFirst) {
    const auto address = vip("2001:db8::100", 128);
    EXPECT_EQ(build_add_address(1, 3, address, 3s), build_add_address(1, 3, address, 3s));
}

TEST(MessageBuild, DetectionOnRequestLeavesNodadOut) {
    auto address = vip("2001:db8::100", 128);
    address.duplicate_address_detection = true;
    const auto batch = parse_messages(build_add_address(1, 3, address, 3s));
    ASSERT_EQ(batch.messages.size(), 1U);
    EXPECT_EQ(std::get<AddressPresent>(batch.messages[0].body).address.flags, 0U);
}

// Our own requests are messages too: what is built is what is read.
TEST(MessageBuild, RoundTrip) {
    for (const auto& address : {vip("198.51.100.100", 32), vip("2001:db8::100", 64)}) {
        const auto batch = parse_messages(build_add_address(5, 4, address, 2s));
        ASSERT_EQ(batch.messages.size(), 1U);
        EXPECT_EQ(batch.messages[0].sequence, 5U);
        const auto& read = std::get<AddressPresent>(batch.messages[0].body).address;
        EXPECT_EQ(read.address, address.address);
        EXPECT_EQ(read.prefix_length, address.prefix_length);
        EXPECT_EQ(read.index, 4U);
        EXPECT_EQ(read.valid_lifetime, 2U);
        EXPECT_EQ(read.preferred_lifetime, address.address.is_v4() ? 2U : 0U);
        EXPECT_EQ(read.protocol, kAddressProtocol);
    }
}

// A label beyond what the kernel takes (config refuses it) must not damage the request.
TEST(MessageBuild, OverlongLabelStaysWithinTheMessage) {
    auto address = vip("198.51.100.100", 32);
    address.label = std::string(200, 'x');
    const auto batch = parse_messages(build_add_address(5, 4, address, 2s));
    EXPECT_FALSE(batch.malformed);
    EXPECT_EQ(batch.messages.size(), 1U);
}

// ---------------------------------------------------------------- parsing

/// RTM_NEWLINK: index 2, flags UP|BROADCAST|RUNNING|MULTICAST|LOWER_UP, name eth0.
const std::string kLinkBody =
    "00 00 0100 02000000 43100100 00000000"
    "0900 0300 6574683000 000000"
    "0500 1000 06000000"
    "0a00 0100 02aabbccdd01 0000"
    "0c00 ff3f 0102030405060708";  // an attribute nobody knows
const std::string kNewLink = "4c000000 1000 0000 00000000 00000000" + kLinkBody;

Link parsed_link(const Bytes& bytes) {
    const auto batch = parse_messages(bytes);
    EXPECT_FALSE(batch.malformed);
    if (batch.messages.size() != 1U) {
        ADD_FAILURE() << batch.messages.size() << " messages";
        return {};
    }
    const auto* present = std::get_if<LinkPresent>(&batch.messages[0].body);
    return present != nullptr ? present->link : Link{};
}

TEST(MessageParse, Link) {
    const Link link = parsed_link(hex(kNewLink));
    EXPECT_EQ(link.index, 2U);
    EXPECT_EQ(link.name, "eth0");
    EXPECT_TRUE(link.up);
    EXPECT_TRUE(link.running);
    EXPECT_EQ(link.hardware_type, 1);
    EXPECT_EQ(link.mac, (MacAddress{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0x01}));
}

TEST(MessageParse, RunningFollowsOperationalState) {
    struct Case {
        int state;
        bool running;
    };
    // IF_OPER_*: unknown, notpresent, down, lowerlayerdown, testing, dormant, up
    for (const Case& expected : {Case{0, true}, Case{1, false}, Case{2, false}, Case{3, false},
                                 Case{4, false}, Case{5, false}, Case{6, true}}) {
        Bytes bytes = hex(kNewLink);
        bytes[16 + 16 + 12 + 4] = static_cast<std::byte>(expected.state);
        EXPECT_EQ(parsed_link(bytes).running, expected.running) << expected.state;
    }
}

TEST(MessageParse, LinkThatIsAdministrativelyDownIsNotRunning) {
    Bytes bytes = hex(kNewLink);
    bytes[16 + 8] = std::byte{0x42};
    EXPECT_FALSE(parsed_link(bytes).up);
    EXPECT_FALSE(parsed_link(bytes).running);
}

TEST(MessageParse, LinkGone) {
    Bytes bytes = hex(kNewLink);
    bytes[4] = std::byte{RTM_DELLINK};
    const auto batch = parse_messages(bytes);
    ASSERT_EQ(batch.messages.size(), 1U);
    EXPECT_EQ(std::get<LinkGone>(batch.messages[0].body).index, 2U);
}

// A port leaving a bridge: family AF_BRIDGE (7).
TEST(MessageParse, BridgePortLeavingIsNotALinkGone) {
    Bytes bytes = hex(kNewLink);
    bytes[4] = std::byte{RTM_DELLINK};
    bytes[16] = std::byte{7};
    const auto batch = parse_messages(bytes);
    EXPECT_TRUE(batch.messages.empty());
    EXPECT_FALSE(batch.malformed);
}

const std::string kNewAddress =
    "38000000 1400 0000 00000000 00000000"
    "02 20 80 00 02000000"
    "0800 0100 c6336401"
    "0800 0200 c6336464"
    "0800 0800 00020000"
    "0800 0900 01000000";

TEST(MessageParse, LocalAddressWinsOverPeerAddressAndWideFlagsOverNarrow) {
    const auto batch = parse_messages(hex(kNewAddress));
    ASSERT_EQ(batch.messages.size(), 1U);
    const auto& address = std::get<AddressPresent>(batch.messages[0].body).address;
    EXPECT_EQ(address.address, make_address("198.51.100.100"));
    EXPECT_EQ(address.flags, unsigned{IFA_F_NOPREFIXROUTE});
    EXPECT_EQ(address.valid_lifetime, kForever);
}

TEST(MessageParse, AddressGone) {
    Bytes bytes = hex(kNewAddress);
    bytes[4] = std::byte{RTM_DELADDR};
    const auto batch = parse_messages(bytes);
    ASSERT_EQ(batch.messages.size(), 1U);
    EXPECT_EQ(std::get<AddressGone>(batch.messages[0].body).address.prefix_length, 32);
}

TEST(MessageParse, AddressOfAnotherFamilyIsSkipped) {
    Bytes bytes = hex(kNewAddress);
    bytes[16] = std::byte{12};  // AF_DECnet
    EXPECT_TRUE(parse_messages(bytes).messages.empty());
    EXPECT_FALSE(parse_messages(bytes).malformed);
}

TEST(MessageParse, AcknowledgementWithText) {
    // NLM_F_CAPPED | NLM_F_ACK_TLVS, error -13, text "no\0".
    const auto batch =
        parse_messages(hex("2c000000 0200 0003 09000000 00000000 f3ffffff"
                           "4c000000 1400 0505 09000000 00000000 0700 0100 6e6f0000"));
    ASSERT_EQ(batch.messages.size(), 1U);
    EXPECT_EQ(batch.messages[0].sequence, 9U);
    const auto& answer = std::get<Acknowledgement>(batch.messages[0].body);
    EXPECT_EQ(answer.error, 13);
    EXPECT_EQ(answer.text, "no");
}

TEST(MessageParse, DumpEndAndInterruption) {
    const auto batch = parse_messages(hex("14000000 0300 1200 03000000 00000000 00000000"));
    ASSERT_EQ(batch.messages.size(), 1U);
    EXPECT_TRUE(batch.messages[0].dump_interrupted);
    EXPECT_EQ(std::get<DumpEnd>(batch.messages[0].body).error, 0);
}

TEST(MessageParse, SeveralMessagesInOneDatagram) {
    const auto batch = parse_messages(hex(kNewLink + kNewAddress));
    EXPECT_EQ(batch.messages.size(), 2U);
    EXPECT_FALSE(batch.malformed);
}

TEST(MessageParse, MessageAfterAMalformedOneIsStillRead) {
    Bytes bytes = hex(kNewAddress + kNewLink);
    bytes[17] = std::byte{33};  // prefix length
    const auto batch = parse_messages(bytes);
    EXPECT_TRUE(batch.malformed);
    EXPECT_EQ(batch.messages.size(), 1U);
}

// Flags 0x0605: REQUEST, ACK, EXCL, CREATE. No destination: the default route.
TEST(MessageBuild, RouteGoldenBytes) {
    VirtualRoute route;
    route.destination = make_address("0.0.0.0");
    route.gateway = make_address("198.51.100.1");
    EXPECT_EQ(build_add_route(7, route_entry(route, 3), 3s),
              hex("34000000 1800 0506 07000000 00000000"
                  "02 00 00 00 fe 74 00 01 00000000"
                  "0800 0f00 fe000000"
                  "0800 0500 c6336401"
                  "0800 0400 03000000"));
}

TEST(MessageParse, RouteIsWhatWasBuiltAndForeignOnesAreSkipped) {
    VirtualRoute route;
    route.destination = make_address("2001:db8:1::");
    route.prefix_length = 48;
    route.gateway = make_address("2001:db8::1");
    route.table = 1000;
    const Route entry = route_entry(route, 3);
    Bytes bytes = build_add_route(7, entry, 3s);
    const auto batch = parse_messages(bytes);
    ASSERT_EQ(batch.messages.size(), 1U);
    EXPECT_EQ(std::get<RoutePresent>(batch.messages[0].body).route, entry);
    bytes[21] = std::byte{2};  // rtm_protocol
    EXPECT_TRUE(parse_messages(bytes).messages.empty());
    EXPECT_FALSE(parse_messages(bytes).malformed);
    bytes[21] = std::byte{kRouteProtocol};
    bytes[17] = std::byte{129};  // prefix length
    EXPECT_TRUE(parse_messages(bytes).malformed);
}

/// 198.51.100.9 on interface 3, hardware address 02:00:00:00:00:09.
std::string neighbour_message(const std::string& state) {
    return "30000000 1c00 0000 00000000 00000000 02000000 03000000 " + state +
           " 00 01 0800 0100 c6336409 0a00 0200 020000000009 0000";
}

TEST(MessageParse, NeighbourWithItsHardwareAddress) {
    const auto batch = parse_messages(hex(neighbour_message("0200")));
    ASSERT_EQ(batch.messages.size(), 1U);
    EXPECT_EQ(std::get<NeighbourPresent>(batch.messages.front().body).neighbour,
              (Neighbour{3, boost::asio::ip::make_address("198.51.100.9"), {2, 0, 0, 0, 0, 9}}));
}

TEST(MessageParse, NeighbourThatIsNotKnownIsSkipped) {
    for (const char* state : {"0100", "2000", "4000"}) {  // incomplete, failed, without ARP
        const auto batch = parse_messages(hex(neighbour_message(state)));
        EXPECT_TRUE(batch.messages.empty()) << state;
        EXPECT_FALSE(batch.malformed);
    }
    EXPECT_TRUE(
        parse_messages(hex("18000000 1c00 0000 00000000 00000000 02000000 03000000")).malformed)
        << "cut short";
}

TEST(MessageParse, UnknownMessageTypeIsSkipped) {
    const auto batch = parse_messages(hex("10000000 2000 0000 00000000 00000000"));
    EXPECT_TRUE(batch.messages.empty());
    EXPECT_FALSE(batch.malformed);
}

TEST(MessageParse, MalformedIsAnErrorValue) {
    struct Case {
        const char* what;
        std::string bytes;
    };
    const std::string header = " 00000000 00000000";
    for (const auto& [what, bytes] : std::vector<Case>{
             {"shorter than a header", "10000000"},
             {"length below the header", "0f000000 1000 0000" + header},
             {"length zero", "00000000 1000 0000" + header},
             {"length beyond the datagram", "ffffff7f 1000 0000" + header},
             {"length that is negative as int",
              "20000080 1000 0000" + header + "00000100 02000000 00000000 00000000"},
             {"no link header", "10000000 1000 0000" + header},
             {"link without a name",
              "20000000 1000 0000" + header + "00000100 02000000 00000000 00000000"},
             {"link index zero", "28000000 1000 0000" + header +
                                     "00000100 00000000 00000000 00000000 0600 0300 61000000"},
             {"name without end", "34000000 1000 0000" + header +
                                      "00000100 02000000 00000000 00000000"
                                      "1400 0300 61616161616161616161616161616161"},
             {"attribute length beyond the message",
              "28000000 1000 0000" + header +
                  "00000100 02000000 00000000 00000000 ff00 0300 61000000"},
             {"attribute length below its header",
              "28000000 1000 0000" + header +
                  "00000100 02000000 00000000 00000000 0300 0300 61000000"},
             {"address without an address", "18000000 1400 0000" + header + "02200000 02000000"},
             {"IPv4 address of five bytes",
              "24000000 1400 0000" + header + "02200000 02000000 0900 0100 c633646401000000"},
             {"address on interface zero",
              "20000000 1400 0000" + header + "02200000 00000000 0800 0100 c6336464"},
             {"positive errno",
              "24000000 0200 0000" + header + "01000000 10000000 1400 0000 00000000 00000000"},
             {"errno that cannot be negated", "14000000 0300 0000" + header + "00000080"},
         }) {
        const auto batch = parse_messages(hex(bytes));
        EXPECT_TRUE(batch.malformed) << what;
        EXPECT_TRUE(batch.messages.empty()) << what;
    }
}

// Every prefix of a good datagram, in memory of exactly that size (ASan watches the end).
TEST(MessageParse, EveryTruncationIsHandled) {
    const Bytes whole = hex(kNewLink + kNewAddress);
    const std::size_t first = hex(kNewLink).size();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        const auto batch = parse_messages(cut);
        EXPECT_EQ(batch.messages.size(), length >= first ? 1U : 0U) << length;
        EXPECT_EQ(batch.malformed, length != 0 && length != first) << length;
    }
}

// Every single byte replaced by extreme values: no crash, no hang, at most two messages.
TEST(MessageParse, EveryDamagedByteIsHandled) {
    const Bytes whole = hex(kNewLink + kNewAddress);
    for (std::size_t position = 0; position < whole.size(); ++position) {
        for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
            Bytes damaged = whole;
            damaged[position] = static_cast<std::byte>(value);
            EXPECT_LE(parse_messages(damaged).messages.size(), 2U);
        }
    }
}

}  // namespace
}  // namespace tandem::netlink
