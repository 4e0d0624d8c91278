#include "proxy/control/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Arguments = std::vector<std::string>;

const std::chrono::system_clock::time_point kNow(1'709'210'096s);

Invocation parsed(const Arguments& arguments) {
    const auto result = parse_command_line(arguments, kNow);
    if (const auto* finished = std::get_if<Finished>(&result)) {
        ADD_FAILURE() << finished->text;
        return {};
    }
    return std::get<Invocation>(result);
}

Finished finished(const Arguments& arguments) {
    const auto result = parse_command_line(arguments, kNow);
    if (const auto* end = std::get_if<Finished>(&result)) {
        return *end;
    }
    ADD_FAILURE() << testing::PrintToString(arguments) << " was accepted";
    return {};
}

FailoverRequest failover(Arguments arguments) {
    arguments.insert(arguments.begin(), "failover");
    return std::get<FailoverRequest>(parsed(arguments).command);
}

TEST(CommandLine, CommonOptionsBeforeAndAfterTheCommand) {
    EXPECT_EQ(parsed({"status"}).run_directory, "/run/tandem");
    EXPECT_FALSE(parsed({"status"}).json);
    for (const Arguments& arguments : {Arguments{"--run-dir", "/x", "--json", "status"},
                                       Arguments{"--run-dir=/x", "--json", "status"},
                                       Arguments{"status", "--json", "--run-dir", "/x"}}) {
        EXPECT_EQ(parsed(arguments).run_directory, "/x");
        EXPECT_TRUE(parsed(arguments).json);
    }
}

TEST(CommandLine, StatusAndVersion) {
    EXPECT_TRUE(std::holds_alternative<StatusCommand>(parsed({"status"}).command));
    EXPECT_FALSE(parsed({"status"}).watch);
    EXPECT_TRUE(parsed({"status", "--watch"}).watch);
    EXPECT_TRUE(std::holds_alternative<VersionCommand>(parsed({"version"}).command));
}

TEST(CommandLine, Failover) {
    EXPECT_TRUE(failover({}).instances.empty());
    EXPECT_EQ(failover({}).direction, FailoverRequest::Direction::Switch);
    EXPECT_THAT(failover({"VI_1", "--force", "VI_2"}).instances, ElementsAre("VI_1", "VI_2"));
    EXPECT_EQ(failover({"--to-peer"}).direction, FailoverRequest::Direction::ToPeer);
    EXPECT_EQ(failover({"--here"}).direction, FailoverRequest::Direction::Here);
    EXPECT_TRUE(failover({"--dry-run"}).dry_run);
    EXPECT_TRUE(failover({"--force"}).force);
    EXPECT_TRUE(failover({"--no-handover"}).no_handover);
    EXPECT_EQ(failover({"--timeout", "2.5"}).timeout, 2500ms);
    EXPECT_EQ(failover({"--timeout", "5m"}).timeout, 5min);
    EXPECT_EQ(failover({"--timeout=3600"}).timeout, 1h);
    EXPECT_EQ(failover({"--hold-for", "2h"}).hold_for, 2h);
}

TEST(CommandLine, ResumeEventsCheck) {
    EXPECT_THAT(std::get<ResumeCommand>(parsed({"resume", "VI_1"}).command).instances,
                ElementsAre("VI_1"));
    EXPECT_EQ(std::get<CheckCommand>(parsed({"check", "a.conf"}).command).path, "a.conf");
    const auto events = [](const Arguments& arguments) {
        return std::get<EventsCommand>(parsed(arguments).command);
    };
    EXPECT_FALSE(events({"events"}).follow || events({"events"}).query.since);
    EXPECT_TRUE(events({"events", "--follow"}).follow);
    EXPECT_EQ(events({"events", "--since", "5m"}).query.since, kNow - 5min);
    EXPECT_EQ(events({"events", "--since", "2024-02-29T12:34:56Z"}).query.since, kNow);
}

TEST(CommandLine, Upstream) {
    using Order = UpstreamRequest::Order;
    const auto upstream = [](const Arguments& words) {
        Arguments arguments{"upstream", "S:80", "[2001:db8::1]:81"};
        arguments.insert(arguments.end(), words.begin(), words.end());
        return std::get<UpstreamRequest>(parsed(arguments).command);
    };
    EXPECT_EQ(upstream({"drain"}).order, Order::Drain);
    EXPECT_EQ(upstream({"ready"}).order, Order::Ready);
    EXPECT_EQ(upstream({"down"}).order, Order::Down);
    EXPECT_EQ(upstream({"down"}).service, "S:80");
    EXPECT_EQ(upstream({"down"}).upstream, "[2001:db8::1]:81");
    EXPECT_EQ(upstream({"weight"}).order, Order::Weight);
    EXPECT_EQ(upstream({"weight"}).weight, std::nullopt);
    EXPECT_EQ(upstream({"weight", "default"}).weight, std::nullopt);
    EXPECT_EQ(upstream({"weight", "0"}).weight, 0U);
    EXPECT_EQ(upstream({"weight", "65535"}).weight, 65535U);
}

TEST(CommandLine, ConnectionsAndDisconnect) {
    const auto connections = [](const Arguments& arguments) {
        return std::get<ConnectionsRequest>(parsed(arguments).command);
    };
    EXPECT_EQ(connections({"connections"}).service, "");
    EXPECT_EQ(connections({"connections"}).limit, 1000U);
    EXPECT_EQ(connections({"connections", "S:80", "--limit", "0"}).service, "S:80");
    EXPECT_EQ(connections({"connections", "S:80", "--limit", "0"}).limit, 0U);
    EXPECT_THAT(std::get<DisconnectRequest>(parsed({"disconnect", "0-1-2", "0-3-4"}).command).ids,
                ElementsAre("0-1-2", "0-3-4"));
}

TEST(CommandLine, HelpOfProgramAndCommands) {
    EXPECT_EQ(finished({"--help"}).code, ExitCode::Done);
    for (const char* command : {"status", "failover", "resume", "events", "upstream", "connections",
                                "disconnect", "check", "version"}) {
        EXPECT_THAT(finished({"--help"}).text, HasSubstr(command));
        EXPECT_EQ(finished({command, "--help"}).code, ExitCode::Done);
        EXPECT_THAT(finished({command, "-h"}).text,
                    HasSubstr("Usage: tandemctl " + std::string(command)));
    }
    EXPECT_THAT(finished({"failover", "--help"}).text, HasSubstr("--hold-for TIME"));
}

TEST(CommandLine, HelpFitsEightyColumns) {
    for (const Arguments& arguments :
         {Arguments{"--help"}, Arguments{"failover", "--help"}, Arguments{"events", "--help"},
          Arguments{"upstream", "--help"}, Arguments{"connections", "--help"}}) {
        std::istringstream text(finished(arguments).text);
        for (std::string line; std::getline(text, line);) {
            EXPECT_LE(line.size(), 80U) << line;
        }
    }
}

TEST(CommandLine, UsageErrorsSayWhatIsWrong) {
    const std::pair<Arguments, const char*> cases[] = {
        {{}, "no command"},
        {{"--json"}, "no command"},
        {{"--run-dir"}, "--run-dir"},
        {{"--run-dir", "", "status"}, "--run-dir"},
        {{"explode"}, "unknown command 'explode'"},
        {{"statu"}, "unknown command 'statu'"},
        {{"upstream", "a", "b"}, "needs SERVICE UPSTREAM"},
        {{"upstream", "a", "b", "off"}, "expected drain, ready, down or weight, got 'off'"},
        {{"upstream", "a", "b", "drain", "5"}, "nothing may follow here, got '5'"},
        {{"upstream", "a", "b", "weight", "5", "6"}, "nothing may follow here, got '6'"},
        {{"upstream", "a", "b", "weight", "65536"},
         "expected default, or a number from 0 to 65535"},
        {{"upstream", "a", "b", "weight", "5x"}, "expected default, or a number from 0 to 65535"},
        {{"upstream", "a", "b", "weight", ""}, "expected default, or a number from 0 to 65535"},
        {{"connections", "a", "b"}, "takes one SERVICE, got 'b' too"},
        {{"connections", "--limit", "10001"}, "--limit: expected a number from 0 to 10000"},
        {{"connections", "--limit", "x"}, "--limit"},
        {{"disconnect"}, "disconnect needs 1 to 1024 IDs"},
        {{"metrics"}, "does not have"},
        {{"metrics"}, "does not have"},
        {{"status", "x"}, "takes no argument"},
        {{"version", "x"}, "takes no argument"},
        {{"events", "x"}, "takes no argument"},
        {{"status", "--follow"}, "--follow"},
        {{"failover", "--forc"}, "--forc"},
        {{"failover", "--to-peer", "--here"}, "exclude"},
        {{"failover", "--timeout"}, "--timeout"},
        {{"failover", "--timeout", "soon"}, "expected seconds"},
        {{"failover", "--timeout", "0"}, "expected seconds"},
        {{"failover", "--timeout", "3601"}, "expected seconds"},
        {{"failover", "--hold-for", "90"}, "90s, 5m, 2h or 1d"},
        {{"events", "--since", "noon"}, "how long ago"},
        {{"check"}, "exactly one FILE"},
        {{"check", "a", "b"}, "exactly one FILE"},
    };
    for (const auto& [arguments, complaint] : cases) {
        const Finished end = finished(arguments);
        EXPECT_EQ(end.code, ExitCode::Usage) << testing::PrintToString(arguments);
        EXPECT_THAT(end.text, HasSubstr(complaint)) << testing::PrintToString(arguments);
    }
}

}  // namespace
}  // namespace tandem::control
