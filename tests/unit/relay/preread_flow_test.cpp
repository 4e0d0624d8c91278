// PROXY headers and routes by name, end to end.
#include "tests/unit/relay/hello_support.hpp"
#include "tests/unit/relay/support.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <sys/socket.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

const Network kTrusted{make_address("127.0.0.1"), 32};
const IpAddress kStranger = make_address("127.0.0.2");
constexpr const char* kHeader = "PROXY TCP4 203.0.113.5 198.51.100.100 56324 443\r\n";

std::string text_of(ProxyProtocol version, const ConnectionAddresses& addresses) {
    const auto header = encode_proxy_header(version, addresses);
    return {reinterpret_cast<const char*>(header.bytes().data()), header.bytes().size()};
}

/// The header that says the truth about the connection.
std::string header_of(ProxyProtocol version, const Stream& client, const Relay& relay) {
    return text_of(version, {client.local(), relay.endpoint()});
}

ServiceConfig accepting(const Upstream& upstream) {
    auto service = Relay::service_to({upstream.endpoint()});
    service.preread.proxy_senders = {kTrusted};
    return service;
}

/// Waits until no connection is left.
void expect_all_ended(const Relay& relay) {
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
}

void expect_reset(Stream& client) {
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
}

TEST(ProxyOut, T19_HeaderComesFirstAndIsNotCounted) {
    for (const auto version : {ProxyProtocol::V1, ProxyProtocol::V2}) {
        Upstream upstream;
        auto service = Relay::service_to({upstream.endpoint()});
        service.upstreams[0].proxy_protocol = version;
        Relay relay{service};
        Stream client = relay.connect();
        ASSERT_TRUE(client.send("hello"));
        client.finish();
        Stream server = upstream.accept();
        EXPECT_EQ(server.receive_all(), header_of(version, client, relay) + "hello");
        ASSERT_TRUE(server.send("answer"));
        server.finish();
        EXPECT_EQ(client.receive_all(), "answer");
        expect_all_ended(relay);
        EXPECT_EQ(relay.counters().bytes_to_upstream, 5U);
        EXPECT_EQ(relay.counters().bytes_to_client, 6U);
        EXPECT_EQ(relay.counters().finished, 1U);
    }
}

TEST(ProxyOut, T19_SilentClientHasAHeaderToo) {
    Upstream upstream{"::1"};
    auto service = Relay::service_to({upstream.endpoint()});
    service.listen = loopback(0, "::1");
    service.upstreams[0].proxy_protocol = ProxyProtocol::V2;
    Relay relay{service};
    Stream client = relay.connect();
    Stream server = upstream.accept();
    const std::string header = header_of(ProxyProtocol::V2, client, relay);
    EXPECT_EQ(header.size(), 52U);
    EXPECT_EQ(server.receive(header.size()), header);
    ASSERT_TRUE(server.send("220 ready"));
    EXPECT_EQ(client.receive(9), "220 ready");
    ASSERT_TRUE(client.send("EHLO"));
    EXPECT_EQ(server.receive(4), "EHLO");
}

TEST(ProxyOut, T19_WholeInFrontOfMoreThanTheBuffersTake) {
    Upstream upstream;
    const int small = 1;
    ASSERT_EQ(::setsockopt(upstream.native(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    auto service = Relay::service_to({upstream.endpoint()});
    service.upstreams[0].proxy_protocol = ProxyProtocol::V1;
    Relay relay{service};
    Stream client = relay.connect();
    const std::string bytes = pattern(std::size_t{256} * 1024);
    std::thread sender([&] {
        EXPECT_TRUE(client.send(bytes));
        client.finish();
    });
    Stream server = upstream.accept();
    const std::string received = server.receive_all();
    sender.join();
    EXPECT_TRUE(received == header_of(ProxyProtocol::V1, client, relay) + bytes);
    EXPECT_TRUE(eventually([&] { return relay.counters().bytes_to_upstream == bytes.size(); }));
}

TEST(ProxyOut, NextUpstreamGetsAHeaderOfItsOwn) {
    Upstream good;
    auto service = Relay::service_to({refusing_endpoint(), good.endpoint()});
    service.upstreams[0].proxy_protocol = ProxyProtocol::V2;
    service.upstreams[1].proxy_protocol = ProxyProtocol::V1;
    Relay relay{service};
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("hello"));
    client.finish();
    Stream server = good.accept();
    EXPECT_EQ(server.receive_all(), header_of(ProxyProtocol::V1, client, relay) + "hello");
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 1U);
}

TEST(ProxyIn, T17_HeaderIsTakenOffHoweverItComes) {
    Upstream upstream;
    Relay relay{accepting(upstream)};
    const std::string binary = text_of(ProxyProtocol::V2, {loopback(1), loopback(2)});
    for (const std::string& header : {std::string{kHeader}, binary}) {
        for (const std::size_t step : {std::size_t{1}, std::size_t{13}, std::size_t{1000}}) {
            const std::string bytes = header + "hello";
            Stream client = relay.connect();
            for (std::size_t at = 0; at < bytes.size(); at += step) {
                ASSERT_TRUE(client.send(bytes.substr(at, step)));
            }
            Stream server = upstream.accept();
            EXPECT_EQ(server.receive(5), "hello");
            ASSERT_TRUE(client.send(" world"));
            client.finish();
            EXPECT_EQ(server.receive_all(), " world");
            EXPECT_EQ(server.ending(), Ending::Fin);
        }
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().bytes_to_upstream == 6 * 11; }));
}

TEST(ProxyIn, AddressesOfTheHeaderGoOn) {
    Upstream upstream;
    auto service = accepting(upstream);
    service.upstreams[0].proxy_protocol = ProxyProtocol::V1;
    Relay relay{service};
    {
        Stream client = relay.connect();
        ASSERT_TRUE(client.send(std::string{kHeader}));
        Stream server = upstream.accept();
        EXPECT_EQ(server.receive(std::string_view(kHeader).size()), kHeader);
    }
    // LOCAL and UNKNOWN: the sender itself is the client.
    const std::string local{"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16};
    for (const std::string& header : {local, std::string{"PROXY UNKNOWN\r\n"}}) {
        Stream client = relay.connect();
        ASSERT_TRUE(client.send(header));
        Stream server = upstream.accept();
        const std::string truth = header_of(ProxyProtocol::V1, client, relay);
        EXPECT_EQ(server.receive(truth.size()), truth);
    }
}

TEST(ProxyIn, TheClientOfTheHeaderIsTheOneThatIsLimited) {
    Upstream upstream;
    auto service = accepting(upstream);
    service.limits.access = {{false, make_address("203.0.113.9"), 32},
                             {false, make_address("127.0.0.1"), 32}};
    service.limits.max_connections_per_client = 1;
    Relay relay{service};
    const auto connect_for = [&](const std::string& client) {
        Stream stream = relay.connect();
        EXPECT_TRUE(stream.send("PROXY TCP4 " + client + " 198.51.100.100 56324 443\r\n"));
        return stream;
    };
    Stream denied = connect_for("203.0.113.9");
    expect_reset(denied);
    Stream first = connect_for("203.0.113.5");
    Stream server = upstream.accept();
    Stream second = connect_for("203.0.113.5");
    expect_reset(second);
    Stream other = connect_for("203.0.113.6");
    Stream server_of_other = upstream.accept();
    EXPECT_TRUE(server_of_other.is_open());
    EXPECT_EQ(relay.counters().denied, 1U);
    EXPECT_EQ(relay.counters().refused_client_limit, 1U);
    first.finish();
    server.finish();
    EXPECT_EQ(server.receive_all(), "");
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 1; }));
    Stream third = connect_for("203.0.113.5");
    EXPECT_TRUE(upstream.accept().is_open()) << "its place is free again";
}

TEST(ProxyIn, T18_OthersAreRelayedAsTheyAreOrRefused) {
    for (const bool required : {false, true}) {
        Upstream upstream;
        auto service = accepting(upstream);
        service.preread.proxy_required = required;
        service.upstreams[0].proxy_protocol = ProxyProtocol::V1;
        Relay relay{service};
        Stream client = relay.connect(kStranger);
        if (required) {
            expect_reset(client);
            expect_all_ended(relay);
            EXPECT_EQ(relay.counters().bad_proxy_header, 1U);
            continue;
        }
        ASSERT_TRUE(client.send(kHeader));
        client.finish();
        Stream server = upstream.accept();
        const std::string truth = header_of(ProxyProtocol::V1, client, relay);
        EXPECT_EQ(server.receive_all(), truth + kHeader) << "only data, whatever it looks like";
    }
}

TEST(ProxyIn, T7_WhatIsNoHeaderEndsTheConnection) {
    Upstream upstream;
    Relay relay{accepting(upstream)};
    Stream wrong = relay.connect();
    ASSERT_TRUE(wrong.send("GET / HTTP/1.1\r\n\r\n"));
    expect_reset(wrong);
    Stream cut = relay.connect();
    ASSERT_TRUE(cut.send(std::string(kHeader).substr(0, 20)));
    cut.finish();
    expect_reset(cut);
    Stream empty = relay.connect();
    empty.finish();
    expect_reset(empty);
    expect_all_ended(relay);
    EXPECT_EQ(relay.counters().bad_proxy_header, 3U);
    Stream reset = relay.connect();
    ASSERT_TRUE(reset.send("PROXY"));
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 1; }));
    reset.reset();
    expect_all_ended(relay);
    EXPECT_EQ(relay.counters().reset_by_client, 1U);
    EXPECT_EQ(relay.status().upstreams[0].connected, 0U);
}

TEST(ProxyIn, T1_TheDeadlineCountsFromAcceptWhateverTrickles) {
    Upstream upstream;
    auto service = accepting(upstream);
    service.preread.timeout = 300ms;
    Relay relay{service};
    const std::string long_header{"\r\n\r\n\0\r\nQUIT\n\x21\x11\x3f\xe0", 16};
    const auto begin = std::chrono::steady_clock::now();
    std::vector<Stream> clients;
    for (int count = 0; count < 50; ++count) {
        clients.push_back(relay.connect());
        ASSERT_TRUE(clients.back().send(long_header));
    }
    // Fewer bytes than the header announces, so that only the deadline can be what ends it.
    EXPECT_TRUE(eventually([&] {
        for (Stream& client : clients) {
            client.send("x");
        }
        return relay.counters().preread_timed_out > 0;
    })) << "every byte renews the deadline";
    for (Stream& client : clients) {
        // By a reset, which send() may have found first.
        EXPECT_EQ(client.receive_all(), "");
        EXPECT_NE(client.ending(), Ending::None);
    }
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 290ms);
    expect_all_ended(relay);
    EXPECT_EQ(relay.counters().preread_timed_out, clients.size());
}

// To an upstream that takes its time.
TEST(ProxyIn, T1_TheDeadlineEndsWithTheHeader) {
    const Blackhole silent;
    auto service = Relay::service_to({silent.endpoint()});
    service.preread.proxy_senders = {kTrusted};
    service.connect_timeout = 0ms;
    // A busy machine may be slower than the limit; then once more with more time.
    for (service.preread.timeout = 100ms; service.preread.timeout < 5s;
         service.preread.timeout *= 3) {
        Relay relay{service};
        Stream client = relay.connect();
        ASSERT_TRUE(client.send(kHeader));
        // What was to end the first would have ended it before this one.
        Stream slow = relay.connect();
        expect_reset(slow);
        EXPECT_TRUE(eventually([&] { return relay.counters().preread_timed_out >= 1; }));
        if (relay.counters().preread_timed_out == 1) {
            EXPECT_EQ(relay.counters().active, 1U);
            EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U);
            return;
        }
    }
    FAIL() << "too slow";
}

TEST(ProxyIn, DemotionEndsIt) {
    Upstream upstream;
    auto service = accepting(upstream);
    service.instance = "VI_1";
    Relay relay{service};
    relay.engine().activate("VI_1");
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("PROXY"));
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 1; }));
    EXPECT_EQ(relay.deactivate("VI_1"), 1U);
    expect_reset(client);
    EXPECT_EQ(relay.counters().reset_by_demotion, 1U);
}

class Names : public testing::Test {
  protected:
    static ServiceConfig service_to(const std::vector<Endpoint>& upstreams,
                                    const std::vector<std::string>& names) {
        auto service = Relay::service_to(upstreams);
        for (std::size_t index = 0; index < names.size(); ++index) {
            if (!names[index].empty()) {
                service.upstreams[index].route.server_names = {names[index]};
            }
        }
        return service;
    }
    static void expect_relayed(Relay& relay, Upstream& upstream, const std::string& bytes,
                               std::size_t step) {
        Stream client = relay.connect();
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            ASSERT_TRUE(client.send(bytes.substr(at, step)));
        }
        client.finish();
        Stream server = upstream.accept();
        ASSERT_TRUE(server.is_open());
        EXPECT_TRUE(server.receive_all() == bytes);
    }
};

TEST_F(Names, EachNameReachesItsServerAndNothingIsLost) {
    Upstream www;
    Upstream any;
    Upstream rest;
    Relay relay{service_to({www.endpoint(), any.endpoint(), rest.endpoint()},
                           {"www.example.com", "*.example.com", ""})};
    for (const std::size_t step : {7U, 100'000U}) {
        expect_relayed(relay, www, client_hello("www.example.com") + "early", step);
        expect_relayed(relay, any, client_hello("mail.example.com"), step);
        expect_relayed(relay, rest, client_hello("example.org"), step);
        expect_relayed(relay, rest, "GET / HTTP/1.1\r\n\r\n", step);
    }
    // Post-quantum, in several records, with more behind it than a buffer holds.
    const std::string key = extension(51, std::string(20'000, 'k'));
    const std::string hello = records(hello_message(key + key + server_name("www.example.com")));
    expect_relayed(relay, www, hello + pattern(std::size_t{1} << 20U), 1 << 20U);
    EXPECT_EQ(relay.counters().no_route, 0U);
}

TEST_F(Names, T37_NextUpstreamAfterThePrereadGetsEveryByteOnce) {
    Upstream good;
    Upstream other;
    auto service = service_to({refusing_endpoint(), good.endpoint(), other.endpoint()},
                              {"www.example.com", "www.example.com", ""});
    service.preread.proxy_senders = {kTrusted};
    service.upstreams[1].proxy_protocol = ProxyProtocol::V1;
    Relay relay{service};
    for (int round = 0; round < 4; ++round) {
        const std::string bytes = client_hello("www.example.com") + pattern(100'000);
        Stream client = relay.connect();
        ASSERT_TRUE(client.send(kHeader + bytes));
        client.finish();
        Stream server = good.accept();
        EXPECT_TRUE(server.receive_all() == kHeader + bytes);
    }
    EXPECT_GE(relay.status().upstreams[0].connect_failures, 1U);
    EXPECT_EQ(relay.status().upstreams[2].connected, 0U);
}

TEST_F(Names, WhoMatchesNobodyIsRefused) {
    Upstream www;
    Relay relay{service_to({www.endpoint()}, {"www.example.com"})};
    for (const std::string& bytes : {client_hello("example.org"), std::string{"GET /"}}) {
        Stream client = relay.connect();
        ASSERT_TRUE(client.send(bytes));
        expect_reset(client);
    }
    Stream cut = relay.connect();
    ASSERT_TRUE(cut.send(client_hello("www.example.com").substr(0, 50)));
    cut.finish();
    expect_reset(cut);
    expect_all_ended(relay);
    EXPECT_EQ(relay.counters().no_route, 3U);
}

TEST_F(Names, ServersOfOtherNamesAreNoSubstitute) {
    Upstream rest;
    Relay relay{service_to({refusing_endpoint(), rest.endpoint()}, {"www.example.com", ""})};
    Stream client = relay.connect();
    ASSERT_TRUE(client.send(client_hello("www.example.com")));
    expect_reset(client);
    expect_all_ended(relay);
    EXPECT_EQ(relay.counters().no_upstream, 1U);
    EXPECT_EQ(relay.status().upstreams[1].connected, 0U);
}

}  // namespace
}  // namespace tandem::relay::test
