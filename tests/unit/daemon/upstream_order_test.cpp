#include "proxy/daemon/upstream_order.hpp"

#include <initializer_list>

#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using Order = control::UpstreamRequest::Order;
using testing::HasSubstr;

std::vector<relay::ServiceStatus> sample() {
    relay::UpstreamStatus upstream;
    upstream.name = "198.51.100.21:80";
    upstream.weight = 3;
    upstream.active = 12;
    relay::ServiceStatus service;
    service.name = "198.51.100.100:80";
    service.upstreams = {upstream};
    return {service};
}

control::UpstreamRequest request(Order order, std::optional<unsigned> weight = {}) {
    return {"198.51.100.100:80", "198.51.100.21:80", order, weight, {}};
}

TEST(UpstreamOrder, FindsTheUpstreamOrTellsWhatThereIs) {
    auto services = sample();
    EXPECT_EQ(find_upstream(services, request(Order::Drain)).upstream,
              &services.front().upstreams.front());
    auto other = request(Order::Drain);
    other.upstream = "198.51.100.22:80";
    EXPECT_EQ(find_upstream(services, other).upstream, nullptr);
    EXPECT_EQ(find_upstream(services, other).problem,
              "the service 198.51.100.100:80 has no upstream 198.51.100.22:80; it has: "
              "198.51.100.21:80");
    other.service = "198.51.100.101:80";
    EXPECT_EQ(find_upstream(services, other).problem,
              "there is no service 198.51.100.101:80; there are: 198.51.100.100:80");
    EXPECT_THAT(find_upstream({}, other).problem, HasSubstr("there are: none"));
    services.resize(12, services.front());
    EXPECT_THAT(find_upstream(services, other).problem, HasSubstr(" and 2 more"));
}

TEST(UpstreamOrder, TheAnswerTellsWhatComesOfIt) {
    struct Case {
        control::UpstreamRequest order;
        relay::AdminState before;
        bool up;
        const char* text;
        const char* admin;
        unsigned weight;
    };
    const auto ready = relay::AdminState::Ready;
    const auto drain = relay::AdminState::Drain;
    for (const Case& sample_case : std::initializer_list<Case>{
             {request(Order::Drain), ready, true, ": drain, no new connections, 12 go on", "drain",
              3},
             {request(Order::Down), ready, true, ": down, no new connections, 12 go on", "down", 3},
             {request(Order::Ready), drain, true, ": ready, new connections again", "ready", 3},
             {request(Order::Ready), drain, false, ": ready, but its checks find it down", "ready",
              3},
             {request(Order::Weight, 7), ready, true, ": weight 7, for new connections", "ready",
              7},
             {request(Order::Weight, 0), ready, true, ": weight 0, no new connections, 12 go on",
              "ready", 0},
             {request(Order::Weight), ready, true, ": weight as configured, for new connections",
              "ready", 3},
             {request(Order::Weight, 7), drain, true,
              ": weight 7, but it gets no new connections until it is ready again", "drain", 7}}) {
        relay::UpstreamStatus before = sample().front().upstreams.front();
        before.admin = sample_case.before;
        before.up = sample_case.up;
        const control::Reply reply = upstream_reply(sample_case.order, before);
        EXPECT_EQ(reply.code, control::ExitCode::Done);
        EXPECT_EQ(reply.text,
                  std::string("upstream 198.51.100.21:80 of 198.51.100.100:80") + sample_case.text);
        EXPECT_EQ(reply.body.at("admin"), sample_case.admin);
        EXPECT_EQ(reply.body.at("weight").to_number<unsigned>(), sample_case.weight);
        EXPECT_EQ(reply.body.at("configured_weight").to_number<unsigned>(), 3U);
    }
}

TEST(UpstreamOrder, DownSaysWhenConnectionsAreReset) {
    relay::UpstreamStatus before = sample().front().upstreams.front();
    before.reset_on_down = true;
    EXPECT_THAT(upstream_reply(request(Order::Down), before).text, HasSubstr("12 are reset"));
    EXPECT_THAT(upstream_reply(request(Order::Drain), before).text, HasSubstr("12 go on"));
}

}  // namespace
}  // namespace tandem::daemon
