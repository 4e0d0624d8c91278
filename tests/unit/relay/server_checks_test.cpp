// SMTP_CHECK, DNS_CHECK, UDP_CHECK and PING_CHECK against sockets.
#include "proxy/relay/health_checker.hpp"
#include "tests/unit/relay/support.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

/// Answers what comes; on the thread of the context.
class DatagramServer {
  public:
    using Answer = std::function<std::vector<std::string>(const std::string& question)>;

    DatagramServer(asio::io_context& context, const std::string& address, Answer answer)
        : socket_(context, udp::endpoint{asio::ip::make_address(address), 0}),
          answer_(std::move(answer)) {
        receive();
    }
    [[nodiscard]] Endpoint endpoint() const {
        return {socket_.local_endpoint().address(), socket_.local_endpoint().port()};
    }
    void say(const std::string& text) {
        // Nobody may be there any more.
        error_code ignored;
        socket_.send_to(asio::buffer(text), client, 0, ignored);
    }
    std::string last_question;
    udp::endpoint client;

  private:
    void receive() {
        socket_.async_receive_from(asio::buffer(buffer_), client,
                                   [this](const error_code& error, std::size_t count) {
                                       if (!error) {
                                           last_question.assign(buffer_.data(), count);
                                           for (const auto& each : answer_(last_question)) {
                                               socket_.send_to(asio::buffer(each), client);
                                           }
                                           receive();
                                       }
                                   });
    }
    udp::socket socket_;
    Answer answer_;
    std::array<char, 2048> buffer_{};
};

class ServerChecksTest : public testing::Test {
  protected:
    template <class What>
    void check(const Endpoint& endpoint, What what, bool start_down = true,
               std::chrono::milliseconds limit = std::chrono::seconds{5}) {
        HealthCheckConfig config;
        config.interval = std::chrono::milliseconds{20};
        config.delay_before_retry = std::chrono::milliseconds{5};
        config.connect_timeout = limit;
        config.start_down = start_down;
        config.what = std::move(what);
        auto service = Relay::service_to({endpoint});
        service.upstreams[0].checks = {config};
        HealthHandlers handlers;
        handlers.on_change = [this](const HealthChange& change) {
            changes.push_back((change.up ? "up: " : "down: ") + change.reason);
        };
        checker = std::make_unique<HealthChecker>(context, std::vector<ServiceConfig>{service},
                                                  virtual_addresses, std::move(handlers));
        checker->start();
    }
    bool run_until(const std::function<bool()>& done) {
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (!done() && std::chrono::steady_clock::now() < end) {
            context.run_one_for(std::chrono::milliseconds{100});
        }
        return done();
    }
    std::string next_change() {
        const std::size_t before = changes.size();
        return run_until([&] { return changes.size() > before; }) ? changes.back() : "nothing";
    }

    asio::io_context context;
    std::vector<IpAddress> virtual_addresses;
    std::vector<std::string> changes;
    std::unique_ptr<HealthChecker> checker;
};

/// The query as an answer without records.
std::string answered(std::string query, char code) {
    query[2] = static_cast<char>(query[2] | '\x80');
    query[3] = code;
    return query;
}

TEST_F(ServerChecksTest, ANameServerThatAnswersIsUpAndOneThatRefusesIsDown) {
    char code = 0;
    DatagramServer server{context, "127.0.0.1", [&](const std::string& query) {
                              std::string other = answered(query, 5);
                              other[0] = static_cast<char>(other[0] + 1);
                              return std::vector{std::string{"x"}, other, answered(query, code)};
                          }};
    check(server.endpoint(), DnsCheck{.type = 15, .name = "example.com"});
    EXPECT_EQ(next_change(), "up: DNS_CHECK: NOERROR, 0 answers");
    EXPECT_EQ(server.last_question.substr(12), std::string("\7example\3com\0\0\17\0\1", 17));
    code = 2;
    EXPECT_EQ(next_change(), "down: DNS_CHECK: SERVFAIL");
    code = 0;
    EXPECT_EQ(next_change(), "up: DNS_CHECK: NOERROR, 0 answers");
}

TEST_F(ServerChecksTest, ANameServerThatIsSilentTimesOut) {
    DatagramServer server{context, "127.0.0.1",
                          [](const std::string&) { return std::vector<std::string>{}; }};
    check(server.endpoint(), DnsCheck{}, false, std::chrono::milliseconds{50});
    EXPECT_EQ(next_change(), "down: DNS_CHECK: timed out after 50 ms");
}

TEST_F(ServerChecksTest, DatagramsThatAreNoAnswerAreBounded) {
    DatagramServer server{context, "127.0.0.1",
                          [](const std::string&) { return std::vector<std::string>{}; }};
    check(server.endpoint(), DnsCheck{}, false);
    EXPECT_TRUE(run_until([&] { return !server.last_question.empty(); }));
    EXPECT_TRUE(run_until([&] {
        server.say("nonsense");
        return !changes.empty();
    }));
    EXPECT_EQ(changes.front(), "down: DNS_CHECK: 1000 datagrams, none of them an answer");
}

TEST_F(ServerChecksTest, APortThatNobodyHasIsDownAtOnce) {
    for (const bool required : {false, true}) {
        check(refusing_endpoint(), UdpCheck{.requires_reply = required}, false);
        EXPECT_EQ(next_change(), "down: UDP_CHECK: Connection refused");
    }
    check(refusing_endpoint(), DnsCheck{}, false);
    EXPECT_EQ(next_change(), "down: DNS_CHECK: Connection refused");
}

TEST_F(ServerChecksTest, UdpRepliesAreComparedAndSilenceIsAllowed) {
    std::vector<std::string> replies;
    DatagramServer server{context, "::1", [&](const std::string&) { return replies; }};
    check(server.endpoint(), UdpCheck{}, true, std::chrono::milliseconds{50});
    EXPECT_EQ(next_change(), "up: UDP_CHECK: not unreachable");
    EXPECT_EQ(server.last_question.size(), 16U);
    replies = {"pong"};
    check(server.endpoint(),
          UdpCheck{
              .payload = "ping", .requires_reply = true, .reply = "po", .reply_mask = "\xff\xff"});
    EXPECT_EQ(next_change(), "up: UDP_CHECK: a reply of 4 bytes");
    EXPECT_EQ(server.last_question, "ping");
    replies = {"ping"};
    EXPECT_EQ(next_change(), "down: UDP_CHECK: another reply than required, from byte 1 on");
    replies = {std::string(6000, 'p')};
    EXPECT_TRUE(run_until(
        [&] { return checker->status()[0].result == "a reply of 6000 bytes, not of 0 to 255"; }));
}

TEST_F(ServerChecksTest, I3_NoDatagramFromAVirtualAddress) {
    DatagramServer server{context, "127.0.0.1",
                          [](const std::string&) { return std::vector<std::string>{"x"}; }};
    virtual_addresses = {asio::ip::make_address("127.0.0.1")};
    check(server.endpoint(), UdpCheck{});
    EXPECT_TRUE(run_until([&] { return checker->status()[0].skipped >= 1; }));
    EXPECT_EQ(checker->status()[0].obstacle, "no own address");
    EXPECT_EQ(server.last_question, "");
}

TEST_F(ServerChecksTest, StoppedInTheMiddle) {
    DatagramServer server{context, "127.0.0.1",
                          [](const std::string&) { return std::vector<std::string>{}; }};
    check(server.endpoint(), DnsCheck{});
    EXPECT_TRUE(run_until([&] { return !server.last_question.empty(); }));
    checker.reset();
    context.run_for(std::chrono::milliseconds{20});
    EXPECT_TRUE(changes.empty());
}

/// A network of its own: on the machine's some groups may have ping sockets, here nobody has.
TEST_F(ServerChecksTest, AHostThatAnswersPingsIsUp) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    for (const std::string groups : {"1 0", "0 2147483647"}) {
        for (const std::string address : {"127.0.0.1", "::1"}) {
            in_child([&] {
                ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
                run("ip link set lo up; echo '" + groups +
                    "' > /proc/sys/net/ipv4/ping_group_range");
                check({asio::ip::make_address(address), 9}, PingCheck{});
                EXPECT_EQ(next_change(), "up: PING_CHECK: echo reply") << groups << address;
            });
        }
    }
}

TEST_F(ServerChecksTest, WhatTheNetworkTellsOfAHostIsAVerdict) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    in_child([&] {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        run("ip link set lo up");
        run("nft 'table ip t { chain i { type filter hook input priority 0; "
            "icmp type echo-request reject with icmp type host-unreachable; "
            "udp dport 9 reject with icmp type host-unreachable; }; }'");
        const Endpoint target{asio::ip::make_address("127.0.0.1"), 9};
        check(target, PingCheck{}, false);
        EXPECT_EQ(next_change(), "down: PING_CHECK: No route to host");
        check(target, UdpCheck{}, false);
        EXPECT_EQ(next_change(), "down: UDP_CHECK: No route to host");
    });
}

/// Says the text to the first connection, then hears what comes until it is closed.
class MailServer {
  public:
    MailServer(asio::io_context& context, std::string text)
        : acceptor_(context, Endpoint{asio::ip::make_address("127.0.0.1"), 0}),
          socket_(context),
          text_(std::move(text)) {
        accept();
    }
    [[nodiscard]] Endpoint endpoint() const { return acceptor_.local_endpoint(); }
    std::string heard;

  private:
    void accept() {
        acceptor_.async_accept(socket_, [this](const error_code& error) {
            if (!error) {
                asio::write(socket_, asio::buffer(text_));
                asio::async_read(socket_, asio::dynamic_buffer(hearing_),
                                 [this](const error_code&, std::size_t) {
                                     heard = std::exchange(hearing_, {});
                                     error_code ignored;
                                     socket_.close(ignored);
                                     accept();
                                 });
            }
        });
    }
    asio::ip::tcp::acceptor acceptor_;
    asio::ip::tcp::socket socket_;
    const std::string text_;
    std::string hearing_;
};

TEST_F(ServerChecksTest, AMailServerThatGreetsIsUp) {
    MailServer server{context, "220-hello\r\n220 x\r\n250 y\r\n221 z\r\n"};
    check(server.endpoint(), SmtpCheck{.helo_name = "lb.example.com"});
    EXPECT_EQ(next_change(), "up: SMTP_CHECK: 250, 221");
}

TEST_F(ServerChecksTest, AMailServerThatRefusesIsDown) {
    MailServer server{context, "554 no\r\n"};
    check(server.endpoint(), SmtpCheck{}, false);
    EXPECT_EQ(next_change(), "down: SMTP_CHECK: greeting 554 no");
}

TEST_F(ServerChecksTest, WithoutANameTheAddressIsSaid) {
    MailServer server{context, "220 x\r\n"};
    check(server.endpoint(), SmtpCheck{}, false, std::chrono::milliseconds{300});
    EXPECT_EQ(next_change(), "down: SMTP_CHECK: timed out after 300 ms");
    EXPECT_TRUE(run_until([&] { return !server.heard.empty(); }));
    EXPECT_EQ(server.heard, "HELO [127.0.0.1]\r\n");
}

}  // namespace
}  // namespace tandem::relay::test
