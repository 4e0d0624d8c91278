#include "proxy/control/server.hpp"

#include "tests/support/child_process.hpp"
#include "tests/unit/control/fake_backend.hpp"
#include "tests/unit/control/raw_client.hpp"

#include <fstream>
#include <thread>
#include <vector>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

namespace tandem::control {
namespace {

using namespace std::chrono_literals;
using test::http_get;
using test::http_post;
using test::RawClient;
using test::ServerThread;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string ask(const ServerThread& node, std::string_view request) {
    RawClient client(node.socket_path());
    EXPECT_TRUE(client.connected());
    EXPECT_TRUE(client.send(request));
    return client.read_all();
}

boost::json::value body_of(const std::string& response) {
    const std::size_t start = response.find("\r\n\r\n");
    return start == std::string::npos ? nullptr : boost::json::parse(response.substr(start + 4));
}

TEST(Server, AnswersAStatusRequest) {
    ServerThread node;
    ASSERT_FALSE(node.listen_error);
    const std::string response = ask(node, http_get("/v1/status"));
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(response, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_EQ(body_of(response).at("message").as_string(), "done");
    EXPECT_THAT(node.backend.calls, ElementsAre("status"));
}

TEST(Server, RoutesEveryCommand) {
    ServerThread node;
    ask(node, http_get("/v1/version"));
    ask(node, http_post("/v1/failover", R"({"instances":["VI_1"],"direction":"here"})"));
    ask(node, http_post("/v1/resume", R"({"instances":["VI_2"]})"));
    ask(node, http_post("/v1/check", R"({"path":"/etc/tandem.conf"})"));
    ask(node, http_post("/v1/upstream", R"({"service":"S","upstream":"U","order":"drain"})"));
    ask(node, http_get("/v1/connections?service=S:80&limit=5"));
    ask(node, http_post("/v1/disconnect", R"({"ids":["0-1-2"]})"));
    ask(node, http_get("/v1/events?after=3"));
    EXPECT_THAT(node.backend.calls, ElementsAre("version", "failover", "resume", "check",
                                                "upstream", "connections", "disconnect", "events"));
    EXPECT_EQ(node.backend.connections_request.service, "S:80");
    EXPECT_EQ(node.backend.connections_request.limit, 5U);
    EXPECT_THAT(node.backend.disconnect_request.ids, ElementsAre("0-1-2"));
    EXPECT_EQ(node.backend.disconnect_request.caller.user_id, ::getuid());
    EXPECT_EQ(node.backend.upstream_request.upstream, "U");
    EXPECT_THAT(node.backend.failover_request.instances, ElementsAre("VI_1"));
    EXPECT_EQ(node.backend.failover_request.direction, FailoverRequest::Direction::Here);
    EXPECT_THAT(node.backend.resumed, ElementsAre("VI_2"));
    EXPECT_EQ(node.backend.checked_path, "/etc/tandem.conf");
    EXPECT_EQ(node.backend.event_query.after_sequence, 3U);
}

TEST(Server, PassesOnWhoAsked) {
    ServerThread node;
    ask(node, http_post("/v1/failover", ""));
    ask(node, http_post("/v1/resume", ""));
    ask(node, http_post("/v1/upstream", R"({"service":"S","upstream":"U","order":"drain"})"));
    for (const Caller& caller : {node.backend.failover_request.caller, node.backend.resume_caller,
                                 node.backend.upstream_request.caller}) {
        EXPECT_EQ(caller.user_id, ::getuid());
        EXPECT_EQ(caller.process_id, ::getpid());
    }
}

TEST(Server, StatusLineFollowsTheCode) {
    ServerThread node;
    node.backend.reply = {ExitCode::Refused, "not active", nullptr};
    EXPECT_THAT(ask(node, http_post("/v1/failover", "")), StartsWith("HTTP/1.1 409 "));
}

void run_out_of_descriptors() {
    ServerThread node;
    ASSERT_FALSE(node.listen_error);
    const rlimit limit{.rlim_cur = 64, .rlim_max = 64};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    std::vector<int> fillers;
    for (int copy = ::dup(0); copy != -1; copy = ::dup(0)) {
        fillers.push_back(copy);
    }
    ASSERT_FALSE(fillers.empty());
    // One for the client, none for the server.
    ::close(fillers.back());
    fillers.pop_back();
    RawClient client(node.socket_path());
    ASSERT_TRUE(client.connected());
    ASSERT_TRUE(client.send(http_get("/v1/status")));
    timespec before{};
    timespec after{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    std::this_thread::sleep_for(350ms);
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    EXPECT_LT((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000,
              30)
        << "spins";
    EXPECT_TRUE(node.backend.calls.empty());
    for (const int filler : fillers) {
        ::close(filler);
    }
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(ask(node, http_get("/v1/version")), StartsWith("HTTP/1.1 200 OK\r\n"));
}

// A process of its own: the limit cannot be raised again.
TEST(Server, PausesWithoutDescriptorsAndRecovers) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "UndefinedBehaviorSanitizer needs a pipe to look at an object's type";
#endif
    tandem::test::in_child(run_out_of_descriptors);
}

TEST(Server, SeveralRequestsOnOneConnection) {
    ServerThread node;
    RawClient client(node.socket_path());
    client.send("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
    client.read_until("\"done\"}\n");
    // Two at once: the second waits in the buffer.
    client.send("GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n" + http_get("/v1/status"));
    client.read_all();
    EXPECT_TRUE(client.ended());
    EXPECT_THAT(node.backend.calls, ElementsAre("status", "version", "status"));
}

TEST(Server, BadRequestsDoNotReachTheBackend) {
    ServerThread node;
    EXPECT_THAT(ask(node, "rubbish\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(ask(node, "GET /v1/status HTTP/9.9\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(ask(node, http_get("/nothing")), StartsWith("HTTP/1.1 404 "));
    const std::string wrong_method = ask(node, http_get("/v1/failover"));
    EXPECT_THAT(wrong_method, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(wrong_method, HasSubstr("Allow: POST\r\n"));
    EXPECT_THAT(ask(node, http_post("/v1/failover", "{")), StartsWith("HTTP/1.1 400 "));
    EXPECT_TRUE(node.backend.calls.empty());
}

TEST(Server, RequestSizeIsBounded) {
    ServerThread node;
    EXPECT_THAT(ask(node, http_post("/v1/failover", std::string(64 * 1024, ' ') + "{}")),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(ask(node, http_post("/v1/failover", std::string(64 * 1024 - 2, ' ') + "{}")),
                StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask(node, "GET /v1/status HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 431 "));
}

TEST(Server, AnUnfinishedRequestIsCutOffAtTheTimeout) {
    ServerLimits limits;
    limits.request_timeout = 50ms;
    ServerThread node(limits);
    RawClient client(node.socket_path());
    client.send("GET /v1/status HT");
    EXPECT_EQ(client.read_all(), "");
    EXPECT_TRUE(client.ended());
}

TEST(Server, ConnectionsBeyondTheBoundWaitForAPlace) {
    ServerLimits limits;
    limits.connections = 2;
    ServerThread node(limits);
    RawClient first(node.socket_path());
    RawClient second(node.socket_path());
    for (RawClient* client : {&first, &second}) {
        client->send("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
        client->read_until("\"done\"}\n");
    }
    RawClient third(node.socket_path());
    ASSERT_TRUE(third.connected());
    third.send(http_get("/v1/version"));
    // The first two are served on, the third is not yet.
    first.send("GET /v1/check HTTP/1.1\r\nHost: x\r\n\r\n");
    first.read_until("405");
    for (int round = 0; round < 20; ++round) {
        node.on_thread([] {});
    }
    EXPECT_THAT(node.backend.calls, ElementsAre("status", "status"));
    first.close();
    EXPECT_THAT(third.read_all(), StartsWith("HTTP/1.1 200 "));
}

TEST(Server, ALateAnswerIsDroppedWhenTheClientHasGone) {
    ServerThread node;
    node.backend.hold = true;
    {
        RawClient client(node.socket_path());
        client.send(http_post("/v1/failover", ""));
        ASSERT_TRUE(node.eventually([&] { return node.backend.held.size() == 1; }));
    }
    node.backend.hold = false;
    EXPECT_THAT(ask(node, http_get("/v1/status")), StartsWith("HTTP/1.1 200 "));
    node.on_thread([&] { node.backend.held.front()({ExitCode::Done, "late", nullptr}); });
    EXPECT_THAT(ask(node, http_get("/v1/status")), StartsWith("HTTP/1.1 200 "));
}

TEST(Server, AClientThatWentAwayWhileWaitingFreesItsPlace) {
    ServerLimits limits;
    limits.connections = 1;
    ServerThread node(limits);
    node.backend.hold = true;
    {
        RawClient client(node.socket_path());
        client.send(http_post("/v1/failover", ""));
        ASSERT_TRUE(node.eventually([&] { return node.backend.held.size() == 1; }));
    }
    node.backend.hold = false;
    EXPECT_THAT(ask(node, http_get("/v1/status")), StartsWith("HTTP/1.1 200 "));
}

TEST(Server, AClientThatShutDownItsSideStillGetsItsAnswer) {
    ServerThread node;
    node.backend.hold = true;
    RawClient client(node.socket_path());
    client.send(http_post("/v1/failover", ""));
    client.shutdown_send();
    ASSERT_TRUE(node.eventually([&] { return node.backend.held.size() == 1; }));
    node.on_thread([&] { node.backend.held.front()({ExitCode::Done, "late", nullptr}); });
    EXPECT_THAT(client.read_all(), HasSubstr("late"));
}

TEST(Server, AnswersAfterStopAreDropped) {
    ServerThread node;
    node.backend.hold = true;
    RawClient client(node.socket_path());
    client.send(http_get("/v1/status"));
    ASSERT_TRUE(node.eventually([&] { return node.backend.held.size() == 1; }));
    node.on_thread([&] {
        node.server().stop();
        node.backend.held.front()({ExitCode::Done, "late", nullptr});
    });
    EXPECT_EQ(client.read_all(), "");
    EXPECT_TRUE(client.ended());
}

TEST(Server, SocketIsPrivateWhateverTheUmaskIs) {
    const mode_t before = ::umask(0);
    ServerThread node;
    ::umask(before);
    struct stat status {};
    ASSERT_EQ(::stat(node.socket_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
}

class ServerListen : public testing::Test {
  protected:
    test::TemporaryDirectory directory_;
    std::string path_ = (directory_.path() / "control.sock").string();
    boost::asio::io_context context_{1};
    test::FakeBackend backend_;
    Server server_{context_, backend_};
};

TEST_F(ServerListen, StaleSocketIsReplaced) {
    const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::close(stale);
    EXPECT_FALSE(server_.listen(path_));
    EXPECT_TRUE(RawClient(path_).connected());
}

TEST_F(ServerListen, LiveSocketIsRefused) {
    ASSERT_FALSE(server_.listen(path_));
    Server second(context_, backend_);
    EXPECT_EQ(second.listen(path_), boost::system::errc::address_in_use);
    EXPECT_TRUE(RawClient(path_).connected());
}

TEST_F(ServerListen, AnotherKindOfFileIsRefusedAndKept) {
    std::ofstream(path_) << "precious";
    EXPECT_EQ(server_.listen(path_), boost::system::errc::file_exists);
    EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(ServerListen, DirectoryMustExist) {
    EXPECT_EQ(server_.listen((directory_.path() / "none" / "control.sock").string()),
              boost::system::errc::no_such_file_or_directory);
}

TEST_F(ServerListen, PathLengthIsBounded) {
    EXPECT_EQ(server_.listen("/" + std::string(107, 'x')), boost::system::errc::filename_too_long);
}

TEST_F(ServerListen, StopRemovesTheSocketAndAllowsListeningAgain) {
    ASSERT_FALSE(server_.listen(path_));
    server_.stop();
    EXPECT_FALSE(std::filesystem::exists(path_));
    context_.poll();
    EXPECT_FALSE(server_.listen(path_));
    EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ServerListen, StopLeavesTheSocketOfASuccessor) {
    ASSERT_FALSE(server_.listen(path_));
    std::filesystem::remove(path_);
    Server successor(context_, backend_);
    ASSERT_FALSE(successor.listen(path_));
    server_.stop();
    EXPECT_TRUE(std::filesystem::exists(path_));
}

/// Tries for at most five seconds to become a follower, while the places are taken.
bool can_follow_eventually(const ServerThread& node) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < deadline) {
        RawClient client(node.socket_path());
        client.send(http_get("/v1/events?follow=1"));
        if (client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 ")) {
            return true;
        }
    }
    return false;
}

TEST(ServerFollow, StartsWithWhatMatchesThenSendsNewEvents) {
    ServerThread node;
    node.add_event("A", "before");
    node.add_event("B", "before too");
    RawClient client(node.socket_path());
    client.send(http_get("/v1/events?follow=1&after=1"));
    std::string seen = client.read_until("before too");
    EXPECT_THAT(seen, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(seen, Not(HasSubstr("\"A\"")));
    node.add_event("C", "after");
    seen = client.read_until("\"text\":\"after\"");
    EXPECT_THAT(seen, HasSubstr("{\"sequence\":3,"));
    EXPECT_EQ(seen.find("before too"), seen.rfind("before too"));
}

TEST(ServerFollow, SendsTheHeaderAtOnceWithoutEvents) {
    ServerThread node;
    RawClient client(node.socket_path());
    client.send(http_get("/v1/events?follow=1"));
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    node.add_event("A", "first");
    EXPECT_THAT(client.read_until("first"), HasSubstr("\"sequence\":1,"));
}

TEST(ServerFollow, NumberOfFollowersIsBounded) {
    ServerLimits limits;
    limits.followers = 2;
    ServerThread node(limits);
    RawClient first(node.socket_path());
    RawClient second(node.socket_path());
    for (RawClient* client : {&first, &second}) {
        client->send(http_get("/v1/events?follow=1"));
        client->read_until("\r\n\r\n");
    }
    EXPECT_THAT(ask(node, http_get("/v1/events?follow=1")), StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(ask(node, http_get("/v1/status")), StartsWith("HTTP/1.1 200 "));
    first.close();
    EXPECT_TRUE(can_follow_eventually(node));
}

TEST(ServerFollow, AReaderThatDoesNotReadIsDisconnectedAtTheWriteTimeout) {
    ServerLimits limits;
    limits.write_timeout = 100ms;
    limits.followers = 1;
    ServerThread node(limits);
    RawClient client(node.socket_path());
    client.send(http_get("/v1/events?follow=1"));
    client.read_until("\r\n\r\n");
    for (int index = 0; index < 20; ++index) {
        node.add_event("BIG", std::string(64 * 1024, 'x'));
    }
    // The next write finds the socket full and gives up; nothing else is disturbed.
    EXPECT_THAT(ask(node, http_get("/v1/status")), StartsWith("HTTP/1.1 200 "));
    EXPECT_TRUE(can_follow_eventually(node));
    client.read_all();
    EXPECT_TRUE(client.ended());
}

TEST(ServerFollow, AReaderThatMissedEventsIsToldAndDisconnected) {
    ServerThread node;
    node.on_thread([&] { node.backend.log = EventLog(2); });
    RawClient client(node.socket_path());
    client.send(http_get("/v1/events?follow=1"));
    client.read_until("\r\n\r\n");
    node.on_thread([&] {
        for (int index = 0; index < 5; ++index) {
            node.backend.log.append({}, "A", "a", {});
        }
        node.server().notify_followers();
    });
    EXPECT_THAT(client.read_all(), HasSubstr("3 events were lost"));
    EXPECT_TRUE(client.ended());
}

TEST(ServerFollow, StopEndsTheStream) {
    ServerThread node;
    RawClient client(node.socket_path());
    client.send(http_get("/v1/events?follow=1"));
    client.read_until("\r\n\r\n");
    node.on_thread([&] { node.server().stop(); });
    client.read_all();
    EXPECT_TRUE(client.ended());
}

TEST(ServerFollow, NeedsChunkedEncoding) {
    ServerThread node;
    EXPECT_THAT(ask(node, "GET /v1/events?follow=1 HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

}  // namespace
}  // namespace tandem::control
