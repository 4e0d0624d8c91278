// The program itself, as a child process.
#include "tests/unit/control/fake_backend.hpp"
#include "tests/unit/control/raw_client.hpp"
#include "tests/unit/control/status_sample.hpp"

#include <fstream>
#include <iterator>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::control {
namespace {

using namespace std::chrono_literals;
using test::ServerThread;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A running tandemctl; its output goes to files. Ended by SIGKILL if the test ends first.
class Tandemctl {
  public:
    explicit Tandemctl(std::vector<std::string> arguments, uid_t user = 0) {
        arguments.insert(arguments.begin(), TANDEMCTL);
        std::vector<char*> pointers;
        for (std::string& argument : arguments) {
            pointers.push_back(argument.data());
        }
        pointers.push_back(nullptr);
        child_ = ::fork();
        if (child_ == 0) {
            redirect(output_path(), STDOUT_FILENO);
            redirect(error_path(), STDERR_FILENO);
            if (user != 0 && ::setuid(user) == -1) {
                ::_exit(126);
            }
            ::execv(TANDEMCTL, pointers.data());
            ::_exit(127);
        }
    }
    ~Tandemctl() {
        if (child_ > 0) {
            ::kill(child_, SIGKILL);
            ::waitpid(child_, nullptr, 0);
        }
    }
    Tandemctl(const Tandemctl&) = delete;
    Tandemctl& operator=(const Tandemctl&) = delete;

    /// The exit code; every command of these tests is bounded by itself.
    int wait() {
        int status = 0;
        ::waitpid(child_, &status, 0);
        child_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    [[nodiscard]] std::string output() const { return read(output_path()); }
    [[nodiscard]] std::string errors() const { return read(error_path()); }

  private:
    [[nodiscard]] std::string output_path() const { return (directory_.path() / "out").string(); }
    [[nodiscard]] std::string error_path() const { return (directory_.path() / "err").string(); }
    static void redirect(const std::string& path, int descriptor) {
        ::dup2(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), descriptor);
    }
    static std::string read(const std::string& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    test::TemporaryDirectory directory_;
    pid_t child_;
};

struct Result {
    int code;
    std::string output;
    std::string errors;
};

Result run(std::vector<std::string> arguments) {
    Tandemctl program(std::move(arguments));
    const int code = program.wait();
    return {code, program.output(), program.errors()};
}

Result run_with(const ServerThread& node, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--run-dir", node.run_directory()});
    return run(std::move(arguments));
}

TEST(Tandemctl, UsageAndHelp) {
    EXPECT_EQ(run({}).code, 2);
    EXPECT_EQ(run({"metrics"}).code, 2);
    EXPECT_THAT(run({"metrics"}).errors, HasSubstr("this version does not have"));
    EXPECT_EQ(run({"--help"}).code, 0);
    EXPECT_THAT(run({"--help"}).output, StartsWith("Usage: tandemctl "));
    EXPECT_EQ(run({"failover", "--help"}).code, 0);
}

TEST(Tandemctl, PassesOnEveryExitCodeOfTheDaemon) {
    for (int code = 0; code <= 8; ++code) {
        ServerThread node;
        node.backend.reply = {static_cast<ExitCode>(code), "what happened\nin detail", nullptr};
        const Result result = run_with(node, {"failover"});
        EXPECT_EQ(result.code, code);
        const bool done = code == 0 || code == 5;
        EXPECT_EQ(done ? result.output : result.errors, "what happened\nin detail\n");
        EXPECT_EQ(done ? result.errors : result.output, "");
    }
}

TEST(Tandemctl, SendsTheFailover) {
    ServerThread node;
    run_with(node, {"failover", "VI_1", "--to-peer", "--force", "--dry-run", "--no-handover",
                    "--timeout", "2", "--hold-for", "5m"});
    const FailoverRequest& request = node.backend.failover_request;
    EXPECT_THAT(request.instances, ElementsAre("VI_1"));
    EXPECT_EQ(request.direction, FailoverRequest::Direction::ToPeer);
    EXPECT_TRUE(request.force && request.dry_run && request.no_handover);
    EXPECT_EQ(request.timeout, 2s);
    EXPECT_EQ(request.hold_for, 5min);
}

TEST(Tandemctl, SendsResumeAndCheck) {
    ServerThread node;
    EXPECT_EQ(run_with(node, {"resume", "VI_1"}).code, 0);
    EXPECT_THAT(node.backend.resumed, ElementsAre("VI_1"));
    EXPECT_EQ(run_with(node, {"check", "some.conf"}).code, 0);
    EXPECT_EQ(node.backend.checked_path, (std::filesystem::current_path() / "some.conf").string());
}

TEST(Tandemctl, SendsUpstreamOrders) {
    ServerThread node;
    EXPECT_EQ(run_with(node, {"upstream", "S:80", "U:81", "weight", "7"}).code, 0);
    EXPECT_EQ(node.backend.upstream_request.service, "S:80");
    EXPECT_EQ(node.backend.upstream_request.upstream, "U:81");
    EXPECT_EQ(node.backend.upstream_request.order, UpstreamRequest::Order::Weight);
    EXPECT_EQ(node.backend.upstream_request.weight, 7U);
}

TEST(Tandemctl, ListsAndEndsConnections) {
    ServerThread node;
    node.backend.reply = {ExitCode::Done, "", {{"connections", {{{"id", "0-1-2"}}}}, {"total", 3}}};
    const Result list = run_with(node, {"connections", "S:80"});
    EXPECT_EQ(list.code, 0);
    EXPECT_THAT(list.output, HasSubstr("\n0-1-2 "));
    EXPECT_THAT(list.output, HasSubstr("\nand 2 more\n"));
    EXPECT_EQ(node.backend.connections_request.service, "S:80");
    EXPECT_EQ(run_with(node, {"disconnect", "0-1-2"}).code, 0);
    EXPECT_THAT(node.backend.disconnect_request.ids, ElementsAre("0-1-2"));
}

TEST(Tandemctl, StatusAsTextAndAsJson) {
    ServerThread node;
    node.backend.reply = {ExitCode::Done, "", boost::json::parse(test::kStatus)};
    const Result text = run_with(node, {"status"});
    EXPECT_EQ(text.code, 0);
    EXPECT_THAT(text.output, HasSubstr("instance VI_1  ACTIVE\n"));
    EXPECT_THAT(text.output, Not(HasSubstr("\x1b")));
    const Result as_json = run_with(node, {"--json", "status"});
    EXPECT_EQ(as_json.code, 0);
    EXPECT_EQ(boost::json::parse(as_json.output), boost::json::parse(test::kStatus));
}

TEST(Tandemctl, JsonAlsoForRefusalsAndFailures) {
    ServerThread node;
    node.backend.reply = {ExitCode::Refused, "no", {{"refused", boost::json::array()}}};
    const Result refused = run_with(node, {"--json", "failover"});
    EXPECT_EQ(refused.code, 3);
    EXPECT_EQ(boost::json::parse(refused.output).at("code").as_int64(), 3);
    const Result none = run({"--json", "--run-dir", "/nonexistent", "status"});
    EXPECT_EQ(none.code, 8);
    EXPECT_EQ(boost::json::parse(none.output).at("code").as_int64(), 8);
}

TEST(Tandemctl, WatchEndsWithTheDaemon) {
    auto node = std::make_unique<ServerThread>();
    node->backend.reply = {ExitCode::Done, "", boost::json::parse(test::kStatus)};
    Tandemctl program({"--run-dir", node->run_directory(), "status", "--watch"});
    ASSERT_TRUE(node->eventually([&] { return node->backend.calls.size() >= 2; }));
    node.reset();
    EXPECT_EQ(program.wait(), 8);
    const std::string output = program.output();
    EXPECT_NE(output.find("node node1"), output.rfind("node node1"));
    EXPECT_THAT(output, Not(HasSubstr("\x1b")));
}

TEST(Tandemctl, EventsOnce) {
    ServerThread node;
    node.add_event("A", "first");
    const Result result = run_with(node, {"events"});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.output, HasSubstr("  A                     first\n"));
    EXPECT_EQ(run_with(node, {"events", "--since", "2100-01-01T00:00:00Z"}).output, "");
}

TEST(Tandemctl, EventsFollowedUntilTheDaemonStops) {
    for (const bool as_json : {false, true}) {
        auto node = std::make_unique<ServerThread>();
        node->add_event("A", "first");
        std::vector<std::string> arguments{"--run-dir", node->run_directory(), "events",
                                           "--follow"};
        if (as_json) {
            arguments.emplace_back("--json");
        }
        Tandemctl program(arguments);
        ASSERT_TRUE(
            node->eventually([&] { return program.output().find("first") != std::string::npos; }));
        node->add_event("B", "second");
        ASSERT_TRUE(
            node->eventually([&] { return program.output().find("second") != std::string::npos; }));
        node.reset();
        EXPECT_EQ(program.wait(), 8);
        EXPECT_EQ(program.output().front(), as_json ? '{' : '2');
        EXPECT_THAT(as_json ? program.output() : program.errors(), HasSubstr("has stopped"));
    }
}

TEST(Tandemctl, VersionWithAndWithoutDaemon) {
    ServerThread node;
    node.backend.reply = {ExitCode::Done, "tandemd 9.9.9", nullptr};
    EXPECT_EQ(run_with(node, {"version"}).output, "tandemctl " TANDEM_VERSION "\ntandemd 9.9.9\n");
    const Result alone = run({"--run-dir", "/nonexistent", "version"});
    EXPECT_EQ(alone.code, 0);
    EXPECT_THAT(alone.output, StartsWith("tandemctl " TANDEM_VERSION "\ntandemd: no daemon"));
    const auto as_json = run({"--json", "--run-dir", "/nonexistent", "version"});
    EXPECT_TRUE(boost::json::parse(as_json.output).at("daemon").is_null());
}

TEST(TandemctlNoDaemon, MissingSocket) {
    const Result result = run({"--run-dir", "/nonexistent", "status"});
    EXPECT_EQ(result.code, 8);
    EXPECT_THAT(result.errors, HasSubstr("there is no /nonexistent/control.sock"));
    EXPECT_THAT(run({"--run-dir", "/nonexistent", "check", "x"}).errors,
                HasSubstr("tandemd -t -f x"));
}

/// A bound unix socket, listening on demand, that no server serves.
class DeafSocket {
  public:
    DeafSocket() : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
        bound_ = ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    }
    ~DeafSocket() { ::close(socket_); }
    DeafSocket(const DeafSocket&) = delete;
    DeafSocket& operator=(const DeafSocket&) = delete;

    void listen(int backlog) const { ::listen(socket_, backlog); }
    /// Takes one client, reads its request and hangs up, or answers with `answer` first.
    void serve_one(std::string_view answer) const {
        const int client = ::accept(socket_, nullptr, nullptr);
        std::array<char, 4096> buffer{};
        static_cast<void>(::recv(client, buffer.data(), buffer.size(), 0));
        static_cast<void>(::send(client, answer.data(), answer.size(), MSG_NOSIGNAL));
        ::close(client);
    }
    [[nodiscard]] std::string run_directory() const { return directory_.path().string(); }
    [[nodiscard]] std::string path() const { return run_directory() + "/control.sock"; }
    [[nodiscard]] bool bound() const { return bound_; }

  private:
    test::TemporaryDirectory directory_;
    int socket_;
    bool bound_ = false;
};

TEST(TandemctlNoDaemon, NobodyListens) {
    const DeafSocket socket;
    ASSERT_TRUE(socket.bound());
    const Result result = run({"--run-dir", socket.run_directory(), "failover"});
    EXPECT_EQ(result.code, 8);
    EXPECT_THAT(result.errors, HasSubstr("nobody answers"));
}

TEST(TandemctlNoDaemon, NotPermitted) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "needs root to become somebody else";
    }
    ServerThread node;
    ::chmod(node.run_directory().c_str(), 0755);
    Tandemctl program({"--run-dir", node.run_directory(), "status"}, 65534);
    const int code = program.wait();
    if (code == 127) {
        GTEST_SKIP() << "the build directory is not open to others";
    }
    EXPECT_EQ(code, 8);
    EXPECT_THAT(program.errors(), HasSubstr("no permission"));
}

TEST(TandemctlNoDaemon, TimesOutBeforeAnythingBegan) {
    const DeafSocket socket;
    socket.listen(0);
    // One connection fits in the queue even so.
    const test::RawClient first(socket.path());
    const Result result =
        run({"--run-dir", socket.run_directory(), "failover", "--timeout", "0.2"});
    EXPECT_EQ(result.code, 7);
    EXPECT_THAT(result.errors, HasSubstr("nothing was asked"));
}

Result run_against(std::string_view answer, std::vector<std::string> arguments) {
    const DeafSocket socket;
    socket.listen(1);
    std::thread server([&] { socket.serve_one(answer); });
    arguments.insert(arguments.begin(), {"--run-dir", socket.run_directory()});
    Result result = run(std::move(arguments));
    server.join();
    return result;
}

TEST(TandemctlBroken, AfterAFailoverWasSentTheOutcomeIsUnknown) {
    for (const char* command : {"failover", "resume"}) {
        const Result result = run_against("", {command});
        EXPECT_EQ(result.code, 6);
        EXPECT_THAT(result.errors, HasSubstr("outcome unknown: "));
        EXPECT_THAT(result.errors, HasSubstr("events --since 5m"));
        EXPECT_THAT(result.errors, Not(HasSubstr("failed")));
    }
    EXPECT_EQ(run_against("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", {"failover"}).code, 6);
}

TEST(TandemctlBroken, WithoutAnyEffectItIsSimplyNoDaemon) {
    EXPECT_EQ(run_against("", {"status"}).code, 8);
    EXPECT_EQ(run_against("", {"failover", "--dry-run"}).code, 8);
}

TEST(TandemctlBroken, ForeignAnswersAreAnInternalError) {
    for (const char* body :
         {"hello", "[]", "{}", R"({"code":"0"})", R"({"code":9})", R"({"code":-1})"}) {
        const std::string answer =
            "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(std::string(body).size()) +
            "\r\n\r\n" + body;
        const Result result = run_against(answer, {"status"});
        EXPECT_EQ(result.code, 1) << body;
        EXPECT_THAT(result.errors, HasSubstr("not one of tandemd's"));
    }
}

TEST(TandemctlBroken, ALineWithoutEndDoesNotFillTheMemory) {
    const std::string size = "200000";
    const std::string chunk = size + "\r\n" + std::string(0x200000, 'x') + "\r\n";
    const Result result = run_against(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, {"events", "--follow"});
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.errors, HasSubstr("too long"));
}

}  // namespace
}  // namespace tandem::control
