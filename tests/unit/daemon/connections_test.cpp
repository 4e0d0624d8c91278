#include "proxy/daemon/connections.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;
using testing::ElementsAre;

constexpr relay::FlowId kFirst{0, std::uint64_t{3} << 32U | 12};
constexpr relay::FlowId kSecond{1, 7};

TEST(Connections, EveryFieldIsThere) {
    relay::ConnectionInfo info;
    info.id = kFirst;
    info.service = "198.51.100.100:443";
    info.client = {make_address("2001:db8::7"), 40'112};
    info.virtual_address = {make_address("198.51.100.100"), 443};
    info.upstream = "198.51.100.21:8443";
    info.age = 3s;
    info.idle = 20ms;
    info.bytes_to_upstream = 517;
    info.bytes_to_client = 20'480;
    info.phase = relay::FlowPhase::HalfClosed;
    info.client_closed = true;
    const auto reply = connections_reply({{info, {}}, 9});
    EXPECT_EQ(reply.body.at("total").to_number<int>(), 9);
    EXPECT_EQ(reply.body.at("connections").at(0),
              (boost::json::value{{"id", "0-12-3"},
                                  {"service", "198.51.100.100:443"},
                                  {"client", "[2001:db8::7]:40112"},
                                  {"vip", "198.51.100.100:443"},
                                  {"source", nullptr},
                                  {"upstream", "198.51.100.21:8443"},
                                  {"age_ms", 3000},
                                  {"idle_ms", 20},
                                  {"bytes_to_upstream", 517},
                                  {"bytes_to_client", 20480},
                                  {"phase", "half_closed"},
                                  {"client_closed", true},
                                  {"upstream_closed", false}}));
    EXPECT_TRUE(reply.body.at("connections").at(1).at("upstream").is_null());
}

TEST(Connections, IdsAreReadEachOnceAndOthersNamed) {
    EXPECT_THAT(parse_ids({"0-12-3", "1-7-0", "0-12-3"}).ids, ElementsAre(kFirst, kSecond));
    EXPECT_EQ(parse_ids({"0-12-3", "7"}).problem, "7");
    EXPECT_TRUE(parse_ids({"0-12-3"}).problem.empty());
}

TEST(Connections, DisconnectTellsWhichWereNotThere) {
    const auto both = disconnect_reply({kFirst, kSecond}, {kSecond, kFirst});
    EXPECT_EQ(both.code, control::ExitCode::Done);
    EXPECT_EQ(both.text, "2 connections ended");
    const auto one = disconnect_reply({kFirst, kSecond}, {kSecond});
    EXPECT_EQ(one.code, control::ExitCode::Done);
    EXPECT_EQ(one.text, "1 connection ended; not open, or not any more: 0-12-3");
    EXPECT_EQ(one.body.at("ended").at(0), "1-7-0");
    EXPECT_EQ(one.body.at("missing").at(0), "0-12-3");
    EXPECT_EQ(disconnect_reply({kFirst}, {}).code, control::ExitCode::Refused);
}

}  // namespace
}  // namespace tandem::daemon
