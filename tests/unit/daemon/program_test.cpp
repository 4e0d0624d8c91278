#include "proxy/daemon/program.hpp"

#include <cerrno>
#include <csignal>

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using Kind = ProgramEnd::Kind;

TEST(ProgramEnd, SaysWhatHappened) {
    struct Case {
        ProgramEnd end;
        std::string text;
        bool success;
    };
    const Case cases[] = {
        {{Kind::Exited, 0}, "exit code 0", true},
        {{Kind::Exited, 1}, "exit code 1", false},
        {{Kind::Signalled, 9}, "killed by signal 9", false},
        {{Kind::Signalled, 0}, "killed by signal 0", false},
        {{Kind::NotStarted, ENOENT}, "cannot be started: No such file or directory", false},
        {{Kind::NotStarted, ENOEXEC},
         "cannot be started: Exec format error (a script needs a first line like #!/bin/sh)",
         false},
        {{Kind::Unknown, 0}, "ended, its result is not known", false},
    };
    for (const auto& test : cases) {
        EXPECT_EQ(to_string(test.end), test.text);
        EXPECT_EQ(test.end.succeeded(), test.success) << test.text;
    }
}

TEST(SecondsText, HasNoMoreDigitsThanItNeeds) {
    EXPECT_EQ(seconds_text(2s), "2 s");
    EXPECT_EQ(seconds_text(250ms), "0.25 s");
    EXPECT_EQ(seconds_text(1'000'001us), "1.000001 s");
    EXPECT_EQ(seconds_text(0s), "0 s");
    EXPECT_EQ(seconds_text(100s), "100 s");
}

TEST(RunLimit, TermsThenKillsAndThenHasNoMoreToDo) {
    constexpr RunLimit::TimePoint kStart{100s};
    RunLimit limit;
    EXPECT_FALSE(limit.next_deadline());
    EXPECT_FALSE(limit.on_deadline(kStart));

    limit.on_start(kStart, 3s);
    EXPECT_TRUE(limit.running());
    EXPECT_EQ(limit.next_deadline(), kStart + 3s);
    EXPECT_FALSE(limit.on_deadline(kStart + 2'999'999us));
    EXPECT_FALSE(limit.timed_out());
    EXPECT_EQ(limit.on_deadline(kStart + 3s), SIGTERM);
    EXPECT_TRUE(limit.timed_out());
    EXPECT_EQ(limit.next_deadline(), kStart + 5s);
    EXPECT_EQ(limit.on_deadline(kStart + 5s), SIGKILL);
    EXPECT_FALSE(limit.next_deadline());
    EXPECT_FALSE(limit.on_deadline(kStart + 50s));
    EXPECT_TRUE(limit.running());

    limit.on_end();
    EXPECT_FALSE(limit.running());
    limit.on_start(kStart + 60s, 3s);
    EXPECT_FALSE(limit.timed_out());
    limit.on_end();
    EXPECT_FALSE(limit.on_deadline(kStart + 100s));
}

}  // namespace
}  // namespace tandem::daemon
