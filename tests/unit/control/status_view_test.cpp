#include "proxy/control/status_view.hpp"

#include "tests/unit/control/status_sample.hpp"

#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/value_from.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const ViewOptions kOptions{false, std::chrono::system_clock::time_point(1'709'210'096s)};

constexpr const char* kExpected = R"(node node1  tandem 0.1.0
  running     2 h 10 min, process 123
  config      /etc/tandem.conf

instance VI_1  ACTIVE
  since       2024-02-29T12:31:51.000Z (3 min 5 s ago)
  reason      active-down
  priority    140 (configured 150)
  addresses   198.51.100.100/24; on this node, lease 3 s
  peer        198.51.100.12, priority 100, heard 120 ms ago
  protocol    VRRPv3, virtual router 51 on eth0, advertised each 1000 ms, down
              after 3609 ms
  adverts     sent 10, received 2, discarded 0, times active 1

instance VI_2  FAULT
  since       2024-02-29T12:34:00.000Z (56 s ago)
  reason      fault
  fault       link down on eth1
  priority    100 (configured 100)
  addresses   203.0.113.100/24; not on this node
  peer        none heard
  hold        does not preempt until 2024-02-29T12:39:56.000Z (in 5 min); to end
              it: tandemctl resume
  protocol    VRRPv2, virtual router 52 on eth1, advertised each 1000 ms, down
              after 3609 ms
  adverts     sent 0, received 0, discarded 0, times active 0

service 198.51.100.100:80  ACCEPTING
  instance    VI_1
  connections 3 active, 10 accepted, 7 finished
  ended       1 reset by client, 2 by upstream, 0 by demotion, 0 timed out
  not served  0 no upstream, 4 node not active, 0 local errors
  limits      5 denied, 6 client rate
  bytes       1000 B to upstream, 33.0 MiB to client
  upstream                      state weight   active  connected   failures
  198.51.100.21:80              up         1        3         10          0
  [2001:db8:1111:2222:3333:4444:5555:6666]:8080
                                down       5        0          0          3
  last error  connection refused
)";

TEST(StatusView, ShowsEverythingAligned) {
    EXPECT_EQ(render_status(boost::json::parse(test::kStatus), kOptions), kExpected);
}

TEST(StatusView, ColourChangesNothingButColour) {
    ViewOptions options = kOptions;
    options.colour = true;
    std::string text = render_status(boost::json::parse(test::kStatus), options);
    EXPECT_THAT(text, HasSubstr("\x1b[32mACTIVE\x1b[0m"));
    EXPECT_THAT(text, HasSubstr("\x1b[31mFAULT\x1b[0m"));
    for (std::size_t start = text.find('\x1b'); start != std::string::npos;
         start = text.find('\x1b')) {
        text.erase(start, text.find('m', start) - start + 1);
    }
    EXPECT_EQ(text, kExpected);
}

TEST(StatusView, NoLineIsWiderThanEightyColumns) {
    auto body = boost::json::parse(test::kStatus);
    auto& instance = body.at("instances").at(0).as_object();
    instance["name"] = std::string(200, 'n');
    instance["reason"] = std::string(300, 'r');
    instance["addresses"] = boost::json::value_from(
        std::vector<std::string>(20, "2001:db8:1111:2222:3333:4444:5555:6666/64"));
    std::istringstream text(render_status(body, kOptions));
    for (std::string line; std::getline(text, line);) {
        EXPECT_LE(line.size(), 80U) << line;
    }
}

TEST(StatusView, SurvivesMissingAndStrangeFields) {
    for (const char* body :
         {"{}", R"({"node":1,"instances":{},"services":[1,null,"x"]})",
          R"({"node":{},"instances":[{}],"services":[{"upstreams":[{}]}]})",
          R"({"instances":[{"name":[],"hold":{"active":true},"peer":{},"counters":7,"since":1}]})",
          R"({"node":{"uptime_ms":1e300},"services":[{"bytes_to_client":1e300}]})",
          R"({"node":{"uptime_ms":-1}})"}) {
        render_status(boost::json::parse(body), kOptions);
    }
    EXPECT_THAT(render_status(boost::json::parse(R"({"instances":[{}]})"), kOptions),
                HasSubstr("instance -  -\n"));
}

TEST(StatusView, LostRecordsOfTheAccessLogAreShownWhenThereAreSome) {
    const auto text_with = [](const char* node) {
        return render_status(boost::json::parse(std::string{R"({"node":)"} + node + "}"), kOptions);
    };
    EXPECT_THAT(text_with(R"({"access_records_lost":12})"),
                HasSubstr("access log  12 records lost\n"));
    EXPECT_THAT(text_with(R"({"access_records_lost":0})"), Not(HasSubstr("access log")));
    EXPECT_THAT(text_with("{}"), Not(HasSubstr("access log")));
}

TEST(StatusView, FailedChecksAndThoseThatCannotBeMadeAreShown) {
    const std::string text =
        render_status(boost::json::parse(R"({"services":[{"name":"s","upstreams":[
        {"name":"u","state":"down","checks":[
            {"kind":"TCP_CHECK","state":"up","since":"2024-02-29T12:00:00.000Z","result":"connected",
             "skipped":3,"obstacle":""},
            {"kind":"HTTP_GET","state":"down","since":"2024-02-29T12:00:00.000Z",
             "result":"/: status 503","skipped":0,"obstacle":""},
            {"kind":"SSL_GET","state":"up","since":"2024-02-29T12:00:00.000Z","result":"/: status 200",
             "skipped":1,"obstacle":"no own address"}]}]}]})"),
                      kOptions);
    EXPECT_THAT(text, Not(HasSubstr("TCP_CHECK")));
    EXPECT_THAT(text, HasSubstr("HTTP_GET down since 2024-02-29T12:00:00.000Z: /: status"));
    EXPECT_THAT(text, HasSubstr("SSL_GET cannot be made: no own address"));
    EXPECT_THAT(text, Not(HasSubstr("SSL_GET down")));
}

TEST(StatusView, WhatTheOperatorOrderedIsShown) {
    struct Case {
        const char* fields;
        const char* state;
        const char* order;
    };
    for (const Case& sample : std::initializer_list<Case>{
             {R"("state":"up","admin":"ready","weight":1,"configured_weight":1)", "up ", nullptr},
             {R"("state":"up","admin":"drain")", "drain", "ordered     drain\n"},
             {R"("state":"down","admin":"drain")", "down ", "ordered     drain\n"},
             {R"("state":"up","admin":"down")", "down ",
              "ordered     down, its checks find it up\n"},
             {R"("state":"down","admin":"down")", "down ", "ordered     down\n"},
             {R"("state":"up","admin":"drain","weight":0,"configured_weight":5)", "drain",
              "ordered     drain, weight 0 (configured 5)\n"}}) {
        const std::string text = render_status(
            boost::json::parse(R"({"services":[{"name":"s","upstreams":[{"name":"u",)" +
                               std::string(sample.fields) + "}]}]}"),
            kOptions);
        EXPECT_THAT(text, HasSubstr("  u" + std::string(29, ' ') + sample.state)) << text;
        if (sample.order == nullptr) {
            EXPECT_THAT(text, Not(HasSubstr("ordered")));
        } else {
            EXPECT_THAT(text, HasSubstr(sample.order));
        }
    }
}

TEST(StatusView, ControlCharactersDoNotReachTheTerminal) {
    const auto body = boost::json::parse(R"({"instances":[{"name":"a\u001b[2Jb\n"}]})");
    EXPECT_THAT(render_status(body, kOptions), HasSubstr("instance a?[2Jb?  -"));
}

TEST(StatusView, Events) {
    EXPECT_EQ(
        render_event(boost::json::parse(
            R"({"time":"2024-02-29T12:34:56.042Z","id":"ELECTION_ACTIVE","text":"(VI_1) x"})")),
        "2024-02-29T12:34:56.042Z  ELECTION_ACTIVE       (VI_1) x");
    EXPECT_THAT(render_event(nullptr), Not(HasSubstr("null")));
}

}  // namespace
}  // namespace tandem::control
