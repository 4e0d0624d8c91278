#include "proxy/control/protocol.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

template <class Wanted>
Wanted accepted(std::string_view method, std::string_view target, std::string_view body = "") {
    const auto parsed = parse_request(method, target, body);
    const auto* command = std::get_if<Command>(&parsed);
    if (command == nullptr) {
        ADD_FAILURE() << target << ' ' << body << ": " << std::get<Response>(parsed).body;
        return {};
    }
    EXPECT_TRUE(std::holds_alternative<Wanted>(*command));
    return std::get<Wanted>(*command);
}

Response refused(std::string_view method, std::string_view target, std::string_view body = "") {
    const auto parsed = parse_request(method, target, body);
    const auto* response = std::get_if<Response>(&parsed);
    if (response == nullptr) {
        ADD_FAILURE() << target << ' ' << body << " was accepted";
        return {};
    }
    return *response;
}

std::string message_of(const Response& response) {
    return std::string(boost::json::parse(response.body).at("message").as_string());
}

TEST(Protocol, CommandsWithoutArguments) {
    accepted<StatusCommand>("GET", "/v1/status");
    accepted<VersionCommand>("GET", "/v1/version");
}

TEST(Protocol, FailoverDefaults) {
    for (const char* body : {"", "{}"}) {
        const auto request = accepted<FailoverRequest>("POST", "/v1/failover", body);
        EXPECT_TRUE(request.instances.empty());
        EXPECT_EQ(request.direction, FailoverRequest::Direction::Switch);
        EXPECT_FALSE(request.dry_run || request.force || request.no_handover);
        EXPECT_FALSE(request.timeout || request.hold_for);
    }
}

TEST(Protocol, FailoverWithEverything) {
    const auto request = accepted<FailoverRequest>(
        "POST", "/v1/failover",
        R"({"instances":["VI_1","VI_2"],"direction":"to-peer","dry_run":true,"force":true,)"
        R"("no_handover":true,"timeout_ms":1500,"hold_for_ms":60000})");
    EXPECT_THAT(request.instances, ElementsAre("VI_1", "VI_2"));
    EXPECT_EQ(request.direction, FailoverRequest::Direction::ToPeer);
    EXPECT_TRUE(request.dry_run && request.force && request.no_handover);
    EXPECT_EQ(request.timeout, 1500ms);
    EXPECT_EQ(request.hold_for, 60s);
}

TEST(Protocol, FailoverDirections) {
    using Direction = FailoverRequest::Direction;
    const auto direction = [](std::string_view body) {
        return accepted<FailoverRequest>("POST", "/v1/failover", body).direction;
    };
    EXPECT_EQ(direction(R"({"direction":"switch"})"), Direction::Switch);
    EXPECT_EQ(direction(R"({"direction":"here"})"), Direction::Here);
}

TEST(Protocol, FailoverBoundsAreInclusive) {
    const auto timeout = [](const char* body) {
        return accepted<FailoverRequest>("POST", "/v1/failover", body).timeout;
    };
    EXPECT_EQ(timeout(R"({"timeout_ms":1})"), 1ms);
    EXPECT_EQ(timeout(R"({"timeout_ms":3600000})"), 1h);
    EXPECT_EQ(timeout(R"({"timeout_ms":null})"), std::nullopt);
}

TEST(Protocol, ResumeAndCheck) {
    EXPECT_TRUE(accepted<ResumeCommand>("POST", "/v1/resume").instances.empty());
    EXPECT_THAT(accepted<ResumeCommand>("POST", "/v1/resume", R"({"instances":["A"]})").instances,
                ElementsAre("A"));
    EXPECT_EQ(accepted<CheckCommand>("POST", "/v1/check", R"({"path":"/etc/x"})").path, "/etc/x");
}

TEST(Protocol, UpstreamOrders) {
    using Order = UpstreamRequest::Order;
    const auto order = [](const std::string& fields) {
        return accepted<UpstreamRequest>("POST", "/v1/upstream",
                                         R"({"service":"S:80","upstream":"U:81",)" + fields + "}");
    };
    EXPECT_EQ(order(R"("order":"drain")").order, Order::Drain);
    EXPECT_EQ(order(R"("order":"ready")").order, Order::Ready);
    EXPECT_EQ(order(R"("order":"down")").order, Order::Down);
    EXPECT_EQ(order(R"("order":"down")").service, "S:80");
    EXPECT_EQ(order(R"("order":"down")").upstream, "U:81");
    EXPECT_EQ(order(R"("order":"weight")").order, Order::Weight);
    EXPECT_EQ(order(R"("order":"weight")").weight, std::nullopt);
    EXPECT_EQ(order(R"("order":"weight","weight":null)").weight, std::nullopt);
    EXPECT_EQ(order(R"("order":"weight","weight":0)").weight, 0U);
    EXPECT_EQ(order(R"("order":"weight","weight":65535)").weight, 65535U);
}

TEST(Protocol, BadUpstreamOrdersAreRefused) {
    const std::string names = R"({"service":"S:80","upstream":"U:81",)";
    const std::pair<std::string, const char*> cases[] = {
        {"", "field \"service\" is required"},
        {R"({"service":"S:80"})", "field \"upstream\" is required"},
        {R"({"service":"","upstream":"U"})", "field \"service\" is required"},
        {R"({"service":")" + std::string(129, 'x') + R"(","upstream":"U"})", "1 to 128"},
        {R"({"service":7,"upstream":"U"})", "field \"service\""},
        {R"({"service":"S","upstream":"U"})",
         "field \"order\" is required: one of \"ready\", \"drain\""},
        {names + R"("order":"off"})", "field \"order\""},
        {names + R"("order":"weight","weight":65536})", "from 0 to 65535"},
        {names + R"("order":"weight","weight":-1})", "from 0 to 65535"},
        {names + R"("order":"weight","weight":"5"})", "from 0 to 65535"},
        {names + R"("order":"weight","weight":1.0})", "from 0 to 65535"},
        {names + R"("order":"drain","weight":1})", "belongs to the order \"weight\""},
        {names + R"("order":"drain","force":true})", "unknown field \"force\""},
    };
    for (const auto& [body, complaint] : cases) {
        const Response response = refused("POST", "/v1/upstream", body);
        EXPECT_EQ(response.status, 400U) << body;
        EXPECT_THAT(message_of(response), HasSubstr(complaint)) << body;
    }
}

TEST(Protocol, ConnectionsAndDisconnect) {
    const auto plain = accepted<ConnectionsRequest>("GET", "/v1/connections");
    EXPECT_EQ(plain.service, "");
    EXPECT_EQ(plain.limit, 1000U);
    const auto full = accepted<ConnectionsRequest>(
        "GET", "/v1/connections?limit=10000&service=%5B2001:db8::1%5D:80");
    EXPECT_EQ(full.service, "[2001:db8::1]:80");
    EXPECT_EQ(full.limit, 10'000U);
    EXPECT_THAT(accepted<DisconnectRequest>("POST", "/v1/disconnect", R"({"ids":["a"]})").ids,
                ElementsAre("a"));
    std::string ids = R"({"ids":[")" + std::string(1, 'x') + '"';
    for (int index = 0; index < 1024; ++index) {
        ids += ",\"x\"";
    }
    const std::pair<const char*, std::string> cases[] = {
        {"/v1/disconnect", ""},
        {"/v1/disconnect", R"({"ids":[]})"},
        {"/v1/disconnect", R"({"ids":"a"})"},
        {"/v1/disconnect", R"({"ids":[1]})"},
        {"/v1/disconnect", ids + "]}"},
    };
    for (const auto& [target, body] : cases) {
        EXPECT_THAT(message_of(refused("POST", target, body)), HasSubstr("ids")) << body;
    }
    for (const char* query :
         {"?limit=10001", "?limit=-1", "?limit=", "?service=", "?x=1", "?limit", "?service=%5"}) {
        EXPECT_EQ(refused("GET", std::string("/v1/connections") + query).status, 400U) << query;
    }
}

TEST(Protocol, EventsQuery) {
    const auto plain = accepted<EventsCommand>("GET", "/v1/events");
    EXPECT_EQ(plain.query.after_sequence, 0U);
    EXPECT_FALSE(plain.query.since || plain.follow);
    const auto full = accepted<EventsCommand>(
        "GET", "/v1/events?after=7&since=2024-02-29T14:34:56%2B02:00&follow=1");
    EXPECT_EQ(full.query.after_sequence, 7U);
    EXPECT_EQ(full.query.since, std::chrono::system_clock::time_point(1'709'210'096s));
    EXPECT_TRUE(full.follow);
    EXPECT_FALSE(accepted<EventsCommand>("GET", "/v1/events?follow=0&").follow);
}

struct BadRequest {
    const char* target;
    const char* body;
    const char* complaint;
};

TEST(Protocol, BadInputIsRefusedWithTheFieldAndWhatIsAllowed) {
    const std::string long_name = R"({"instances":[")" + std::string(129, 'x') + "\"]}";
    std::string many = R"({"instances":["x")";
    for (int index = 0; index < 256; ++index) {
        many += ",\"x\"";
    }
    many += "]}";
    const std::string long_path = R"({"path":"/)" + std::string(4095, 'x') + "\"}";
    for (const BadRequest& bad : std::initializer_list<BadRequest>{
             {"/v1/failover", "{", "not valid JSON"},
             {"/v1/failover", "{} x", "not valid JSON"},
             {"/v1/failover", "\"\xff\"", "not valid JSON"},
             {"/v1/failover", "[[[[[[[[[[]]]]]]]]]]", "not valid JSON"},
             {"/v1/failover", "[]", "must be a JSON object, got an array"},
             {"/v1/failover", "null", "must be a JSON object, got null"},
             {"/v1/failover", R"({"force":1})",
              "field \"force\": expected true or false, got the integer 1"},
             {"/v1/failover", R"({"force":null})", "got null"},
             {"/v1/failover", R"({"forse":true})",
              "unknown field \"forse\"; allowed: instances, direction, dry_run, force, "
              "no_handover, timeout_ms, hold_for_ms"},
             {"/v1/failover", R"({"direction":"away"})",
              "field \"direction\": expected one of \"switch\", \"to-peer\", \"here\", got the "
              "string \"away\""},
             {"/v1/failover", R"({"direction":{}})", "got an object"},
             {"/v1/failover", R"({"timeout_ms":0})", "from 1 to 3600000"},
             {"/v1/failover", R"({"timeout_ms":-5})", "got the integer -5"},
             {"/v1/failover", R"({"timeout_ms":3600001})", "from 1 to 3600000"},
             {"/v1/failover", R"({"timeout_ms":18446744073709551615})", "from 1 to 3600000"},
             {"/v1/failover", R"({"timeout_ms":1.5})", "not an integer"},
             {"/v1/failover", R"({"timeout_ms":2.0})", "not an integer"},
             {"/v1/failover", R"({"timeout_ms":"5"})", "got the string \"5\""},
             {"/v1/failover", R"({"hold_for_ms":99999999999})", "\"hold_for_ms\""},
             {"/v1/failover", R"({"instances":"VI_1"})", "expected an array of at most 256 names"},
             {"/v1/failover", R"({"instances":[1]})", "names of 1 to 128 characters"},
             {"/v1/failover", R"({"instances":[""]})", "names of 1 to 128 characters"},
             {"/v1/failover", long_name.c_str(), "names of 1 to 128 characters"},
             {"/v1/failover", many.c_str(), "at most 256"},
             {"/v1/resume", R"({"force":true})", "allowed: instances"},
             {"/v1/check", "", "field \"path\" is required"},
             {"/v1/check", R"({"path":"relative"})", "the absolute path of a file"},
             {"/v1/check", R"({"path":7})", "got the integer 7"},
             {"/v1/check", R"({"path":"/a\u0000b"})", "the absolute path of a file"},
             {"/v1/check", long_path.c_str(), "the absolute path of a file"},
         }) {
        const Response response = refused("POST", bad.target, bad.body);
        EXPECT_EQ(response.status, 400U) << bad.body;
        EXPECT_THAT(message_of(response), HasSubstr(bad.complaint)) << bad.body;
    }
}

TEST(Protocol, BadEventQueriesAreRefused) {
    for (const auto& [target, complaint] :
         std::initializer_list<std::pair<const char*, const char*>>{
             {"/v1/events?after=x", "expected a sequence number, got \"x\""},
             {"/v1/events?after=", "expected a sequence number"},
             {"/v1/events?after=-1", "expected a sequence number"},
             {"/v1/events?after=18446744073709551616", "expected a sequence number"},
             {"/v1/events?since=yesterday", "2026-01-31T12:00:00Z"},
             {"/v1/events?follow=yes", "expected 0 or 1"},
             {"/v1/events?follow", "has no value"},
             {"/v1/events?since=%2", "percent-encoding"},
             {"/v1/events?since=%zz", "percent-encoding"},
             {"/v1/events?color=1", "allowed: after, since, follow"}}) {
        const Response response = refused("GET", target);
        EXPECT_EQ(response.status, 400U) << target;
        EXPECT_THAT(message_of(response), HasSubstr(complaint)) << target;
    }
}

TEST(Protocol, UnknownResourcesAndWrongMethods) {
    EXPECT_EQ(refused("GET", "/").status, 404U);
    EXPECT_EQ(refused("GET", "").status, 404U);
    EXPECT_EQ(refused("GET", "/v1/status/").status, 404U);
    EXPECT_EQ(refused("GET", "/v2/status").status, 404U);
    EXPECT_THAT(message_of(refused("GET", "/x")), HasSubstr("/v1/failover"));
    EXPECT_EQ(refused("GET", "/v1/failover").status, 405U);
    EXPECT_EQ(refused("GET", "/v1/failover").allow, "POST");
    EXPECT_EQ(refused("POST", "/v1/status").status, 405U);
    EXPECT_EQ(refused("POST", "/v1/status").allow, "GET");
    EXPECT_EQ(refused("DELETE", "/v1/status").status, 405U);
}

TEST(Protocol, ForeignTextInMessagesIsPrintableAndShort) {
    const std::string message = message_of(refused("GET", "/\x1b[31m\xff" + std::string(500, 'a')));
    EXPECT_EQ(message.find('\x1b'), std::string::npos);
    EXPECT_LT(message.size(), 250U);
}

TEST(Protocol, TheClientsRequestsComeBackAsTheyWere) {
    FailoverRequest failover;
    failover.instances = {"VI_1", "\"\n"};
    failover.direction = FailoverRequest::Direction::Here;
    failover.force = true;
    failover.timeout = 1500ms;
    EventsCommand events;
    events.query = {7, std::chrono::system_clock::time_point(1'709'210'096s)};
    events.follow = true;
    for (const Command& command : std::initializer_list<Command>{
             StatusCommand{}, VersionCommand{}, ResumeCommand{{"A", "B"}}, CheckCommand{"/a b"},
             FailoverRequest{}, failover, EventsCommand{}, events,
             UpstreamRequest{"S", "U", UpstreamRequest::Order::Drain, {}, {}},
             UpstreamRequest{"S", "U", UpstreamRequest::Order::Weight, {}, {}},
             UpstreamRequest{"S", "U", UpstreamRequest::Order::Weight, 7, {}}, ConnectionsRequest{},
             ConnectionsRequest{"[2001:db8::1]:80 &=%", 7},
             DisconnectRequest{{"0-1-2", "0-3-4"}, {}}}) {
        const Request request = to_request(command);
        const auto parsed = parse_request(request.method, request.target, request.body);
        ASSERT_TRUE(std::holds_alternative<Command>(parsed)) << request.target;
        const Request again = to_request(std::get<Command>(parsed));
        EXPECT_EQ(again.method + again.target + again.body,
                  request.method + request.target + request.body);
    }
}

TEST(Protocol, StatusOfEveryCode) {
    const std::pair<ExitCode, unsigned> expected[] = {
        {ExitCode::Done, 200},    {ExitCode::Internal, 500},   {ExitCode::Usage, 400},
        {ExitCode::Refused, 409}, {ExitCode::RolledBack, 409}, {ExitCode::Degraded, 200},
        {ExitCode::Unknown, 504}, {ExitCode::TimedOut, 504},   {ExitCode::NoDaemon, 500}};
    for (const auto& [code, status] : expected) {
        EXPECT_EQ(http_status(code), status) << static_cast<int>(code);
    }
}

TEST(Protocol, AnswerAlwaysHasCodeMessageAndText) {
    const Response bare = to_response({ExitCode::Refused, "first\nsecond", nullptr});
    EXPECT_EQ(bare.status, 409U);
    EXPECT_EQ(bare.body, R"({"code":3,"message":"first","text":"first\nsecond"})"
                         "\n");
    const Response full =
        to_response({ExitCode::Degraded, "text", {{"code", 9}, {"message", "m"}, {"gap_ms", 1.5}}});
    EXPECT_EQ(full.status, 200U);
    EXPECT_EQ(
        boost::json::parse(full.body),
        (boost::json::value{{"code", 5}, {"message", "m"}, {"text", "text"}, {"gap_ms", 1.5}}));
}

}  // namespace
}  // namespace tandem::control
