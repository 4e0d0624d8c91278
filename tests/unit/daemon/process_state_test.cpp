#include "proxy/daemon/process_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using Settings = config::TrackedProcessSettings;
using Match = Settings::Match;
using Words = std::vector<std::string>;

constexpr ProcessQuorum::TimePoint kStart{100s};

TEST(CommandLine, IsSplitAtZeroBytes) {
    using namespace std::string_literals;
    EXPECT_EQ(parse_command_line(""), Words{});
    EXPECT_EQ(parse_command_line("/bin/sh\0-c\0a b\0"s), (Words{"/bin/sh", "-c", "a b"}));
    EXPECT_EQ(parse_command_line("nginx: master"), Words{"nginx: master"});
    EXPECT_EQ(parse_command_line("a\0\0b"s), (Words{"a", "", "b"}));
    EXPECT_EQ(parse_command_line("\0"s), Words{""});
}

TEST(ProcessMatch, ComparesNameOrCommandLine) {
    struct Case {
        std::string what;
        Words wanted;
        Match match;
        bool full;
        std::string name;
        Words line;
        bool matched;
    };
    const Words nginx{"/usr/sbin/nginx", "-g", "daemon off;"};
    const Case cases[] = {
        {"name", {"nginx"}, Match::Name, false, "nginx", {}, true},
        {"not a part of a name", {"nginx"}, Match::Name, false, "nginx2", {}, false},
        {"case counts", {"Nginx"}, Match::Name, false, "nginx", {}, false},
        {"a path means its last part", {"/usr/sbin/nginx"}, Match::Name, false, "nginx", {}, true},
        {"a folder means nothing", {"/usr/sbin/"}, Match::Name, false, "", {}, false},
        {"the kernel keeps 15 bytes",
         {"a_very_long_command"},
         Match::Name,
         false,
         "a_very_long_com",
         {},
         true},
        {"kernel thread", {"kthreadd"}, Match::Name, false, "kthreadd", {}, true},
        {"full command", {"/usr/sbin/nginx"}, Match::Name, true, "anything", nginx, true},
        {"full command, other path", {"nginx"}, Match::Name, true, "nginx", nginx, false},
        {"full command, kernel thread", {"kthreadd"}, Match::Name, true, "kthreadd", {}, false},
        {"exact", {"nginx", "-g", "daemon off;"}, Match::Exact, false, "nginx", nginx, true},
        {"exact, one less", {"nginx", "-g"}, Match::Exact, false, "nginx", nginx, false},
        {"exact, one more",
         {"nginx", "-g", "daemon off;", "x"},
         Match::Exact,
         false,
         "nginx",
         nginx,
         false},
        {"exact, none", {"nginx"}, Match::Exact, false, "nginx", {"nginx"}, true},
        {"exact, none wanted", {"nginx"}, Match::Exact, false, "nginx", nginx, false},
        {"exact, other name",
         {"nginx", "-g", "daemon off;"},
         Match::Exact,
         false,
         "sh",
         nginx,
         false},
        {"initial", {"nginx", "-g"}, Match::Initial, false, "nginx", nginx, true},
        {"initial, part of a word",
         {"nginx", "-g", "daemon"},
         Match::Initial,
         false,
         "nginx",
         nginx,
         false},
        {"initial, none", {"nginx"}, Match::Initial, false, "nginx", nginx, true},
        {"partial", {"nginx", "-g", "daemon"}, Match::Partial, false, "nginx", nginx, true},
        {"partial, more words", {"nginx", "-"}, Match::Partial, false, "nginx", nginx, true},
        {"partial, earlier word differs",
         {"nginx", "-", "daemon"},
         Match::Partial,
         false,
         "nginx",
         nginx,
         false},
        {"partial, none", {"nginx"}, Match::Partial, false, "nginx", nginx, true},
        {"no command", {}, Match::Name, false, "", {}, false},
    };
    for (const auto& test : cases) {
        SCOPED_TRACE(test.what);
        Settings settings;
        settings.command = test.wanted;
        settings.match = test.match;
        settings.full_command = test.full;
        EXPECT_EQ(matches(settings, test.name, test.line), test.matched);
        if (test.matched && (test.full || test.match != Match::Name)) {
            EXPECT_TRUE(needs_command_line(settings, test.name));
        }
    }
    Settings by_name;
    by_name.command = {"nginx"};
    EXPECT_FALSE(needs_command_line(by_name, "nginx"));
    by_name.match = Match::Exact;
    EXPECT_FALSE(needs_command_line(by_name, "sh"));
}

std::string text(const std::optional<vrrp::TrackStatus>& status) {
    if (!status) {
        return "-";
    }
    return status->up.value() ? "up" + status->detail : "down: " + status->detail;
}

TEST(ProcessQuorum, TheFirstNumberCountsAtOnce) {
    Settings settings;
    settings.fork_delay = 5s;
    settings.terminate_delay = 5s;
    EXPECT_EQ(text(ProcessQuorum(settings).on_count(1, kStart)), "up");
    EXPECT_EQ(text(ProcessQuorum(settings).on_count(0, kStart)), "down: 0 processes, 1 needed");
}

TEST(ProcessQuorum, HasAMinimumAndAMaximum) {
    Settings settings;
    settings.quorum = 2;
    settings.quorum_max = 3;
    ProcessQuorum quorum(settings);
    EXPECT_EQ(text(quorum.on_count(1, kStart)), "down: 1 process, 2 needed");
    EXPECT_EQ(text(quorum.on_count(1, kStart)), "-");
    EXPECT_EQ(text(quorum.on_count(0, kStart)), "down: 0 processes, 2 needed");
    EXPECT_EQ(text(quorum.on_count(2, kStart)), "up");
    EXPECT_EQ(text(quorum.on_count(3, kStart)), "-");
    EXPECT_EQ(text(quorum.on_count(4, kStart)), "down: 4 processes, at most 3 allowed");
}

TEST(ProcessQuorum, ZeroNeededMayMeanNoneAllowed) {
    Settings settings;
    settings.quorum = 0;
    settings.quorum_max = 0;
    ProcessQuorum quorum(settings);
    EXPECT_EQ(text(quorum.on_count(0, kStart)), "up");
    EXPECT_EQ(text(quorum.on_count(1, kStart)), "down: 1 process, at most 0 allowed");
}

TEST(ProcessQuorum, AChangeMustHoldForItsDelay) {
    Settings settings;
    settings.fork_delay = 1s;
    settings.terminate_delay = 3s;
    ProcessQuorum quorum(settings);
    quorum.on_count(1, kStart);
    EXPECT_FALSE(quorum.next_deadline());

    EXPECT_EQ(text(quorum.on_count(0, kStart)), "-");
    EXPECT_EQ(quorum.next_deadline(), kStart + 3s);
    EXPECT_EQ(text(quorum.on_deadline(kStart + 2999ms)), "-");
    // Back in time: as if nothing had been.
    EXPECT_EQ(text(quorum.on_count(1, kStart + 2999ms)), "-");
    EXPECT_FALSE(quorum.next_deadline());
    EXPECT_EQ(text(quorum.on_deadline(kStart + 10s)), "-");

    quorum.on_count(0, kStart + 20s);
    // The same number again does not begin the delay anew.
    quorum.on_count(0, kStart + 22s);
    EXPECT_EQ(text(quorum.on_deadline(kStart + 23s)), "down: 0 processes, 1 needed");
    EXPECT_EQ(text(quorum.on_count(1, kStart + 30s)), "-");
    EXPECT_EQ(quorum.next_deadline(), kStart + 31s);
    EXPECT_EQ(text(quorum.on_deadline(kStart + 31s)), "up");
}

TEST(ProcessQuorum, TooManyIsAMatterOfForkDelay) {
    Settings settings;
    settings.quorum_max = 1;
    settings.fork_delay = 1s;
    settings.terminate_delay = 3s;
    ProcessQuorum quorum(settings);
    quorum.on_count(1, kStart);
    quorum.on_count(2, kStart);
    EXPECT_EQ(quorum.next_deadline(), kStart + 1s);
    quorum.on_deadline(kStart + 1s);
    quorum.on_count(1, kStart + 5s);
    EXPECT_EQ(quorum.next_deadline(), kStart + 8s);
}

}  // namespace
}  // namespace tandem::daemon
