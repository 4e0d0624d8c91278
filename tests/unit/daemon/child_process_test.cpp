#include "proxy/daemon/child_process.hpp"

#include "tests/unit/daemon/program_fixture.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = ProgramEnd::Kind;

class ChildProcessTest : public ProgramTest {
  protected:
    /// Runs a program to its end.
    ProgramEnd run(const config::Command& program) {
        ChildProcess child(context_);
        std::optional<ProgramEnd> end;
        const auto not_started =
            child.start(program, [&end](const ProgramEnd& result) { end = result; });
        if (not_started) {
            EXPECT_FALSE(child.running());
            return *not_started;
        }
        EXPECT_TRUE(run_until([&end] { return end.has_value(); }));
        EXPECT_FALSE(child.running());
        return end.value_or(ProgramEnd{Kind::Unknown, -1});
    }
    std::unique_ptr<ChildProcess> left_alone_;

    /// One line of /proc/self/status of a program.
    std::string status_line(const std::string& field) {
        // Of the grep itself: a shell that waits for one blocks signals now and then.
        run(script("status", "exec grep '^" + field + ":' /proc/self/status > out"));
        const std::string line = read("out");
        return line.substr(0, line.find('\n'));
    }
};

TEST_F(ChildProcessTest, SaysHowTheProgramEnded) {
    EXPECT_EQ(run(script("good", "exit 0")), (ProgramEnd{Kind::Exited, 0}));
    EXPECT_EQ(run(script("bad", "exit 3")), (ProgramEnd{Kind::Exited, 3}));
    EXPECT_EQ(run(script("killed", "kill -9 $$")), (ProgramEnd{Kind::Signalled, SIGKILL}));
    EXPECT_FALSE(has_children());
}

TEST_F(ChildProcessTest, SaysWhyAProgramCannotBeStarted) {
    EXPECT_EQ(run(command({path("missing")})), (ProgramEnd{Kind::NotStarted, ENOENT}));
    EXPECT_EQ(run(command({})), (ProgramEnd{Kind::NotStarted, EINVAL}));
    EXPECT_EQ(run(command({path("")})), (ProgramEnd{Kind::NotStarted, EACCES}));

    const auto not_executable = script("not_executable", "exit 0");
    ASSERT_EQ(chmod(not_executable.arguments[0].c_str(), 0644), 0);
    EXPECT_EQ(run(not_executable), (ProgramEnd{Kind::NotStarted, EACCES}));

    const auto no_interpreter = script("no_interpreter", "exit 0");
    write("no_interpreter", "exit 0\n");
    EXPECT_EQ(run(no_interpreter), (ProgramEnd{Kind::NotStarted, ENOEXEC}));

    EXPECT_FALSE(has_children());
    // The next one is not affected.
    EXPECT_EQ(run(script("good", "exit 0")), (ProgramEnd{Kind::Exited, 0}));
}

TEST_F(ChildProcessTest, NoShellReadsTheArguments) {
    const std::vector<std::string> words{"a b", "$HOME", "; rm -rf /", "`id`", "*", "", "|", "'\""};
    run(script("arguments", "printf '<%s>\\n' \"$@\" > out", words));
    EXPECT_THAT(read_lines("out"), ElementsAre("<a b>", "<$HOME>", "<; rm -rf />", "<`id`>", "<*>",
                                               "<>", "<|>", "<'\">"));
}

TEST_F(ChildProcessTest, HasTheStandardDescriptorsOnly) {
    const int inherited = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
    const int high = fcntl(inherited, F_DUPFD, 500);
    // The shell opens the script itself above 2; a program that is not one shows the truth.
    run(script("descriptors", "exec /bin/ls -l /proc/self/fd > out"));
    const std::string out = read("out");
    for (const char* const expected : {" 0 -> /dev/null", " 2 -> /dev/null", " 1 -> "}) {
        EXPECT_THAT(out, HasSubstr(expected));
    }
    // ls has 3 for the folder that it lists.
    EXPECT_THAT(out, Not(HasSubstr(" " + std::to_string(inherited + 1) + " -> ")));
    EXPECT_THAT(out, Not(HasSubstr(" " + std::to_string(high) + " -> ")));
    EXPECT_THAT(out, Not(HasSubstr("socket:")));
    EXPECT_THAT(out, Not(HasSubstr("eventpoll")));
    EXPECT_EQ(read_lines("out").size(), 5U) << out;
    // And this process has kept its own.
    EXPECT_NE(fcntl(inherited, F_GETFD), -1);
    EXPECT_NE(fcntl(high, F_GETFD), -1);
    close(inherited);
    close(high);
}

TEST_F(ChildProcessTest, TheEnvironmentIsOursWithoutWhatChangesPrograms) {
    setenv("TANDEM_TEST", "kept", 1);
    setenv("IFS", "x", 1);
    setenv("LD_LIBRARY_PATH", "/nowhere", 1);
    run(script("environment", "/usr/bin/env > out; cat /proc/$$/environ | tr '\\0' '\\n' >> out"));
    unsetenv("TANDEM_TEST");
    unsetenv("IFS");
    unsetenv("LD_LIBRARY_PATH");
    const std::string out = "\n" + read("out");
    EXPECT_THAT(out, HasSubstr("\nTANDEM_TEST=kept\n"));
    EXPECT_THAT(out, Not(HasSubstr("\nIFS=")));
    EXPECT_THAT(out, Not(HasSubstr("\nLD_")));
}

TEST_F(ChildProcessTest, RunsAsTheUserAndNothingElse) {
    const auto number = [](auto id) { return std::to_string(id); };
    const auto four = [&number](auto id) {
        return "\t" + number(id) + "\t" + number(id) + "\t" + number(id) + "\t" + number(id);
    };
    if (geteuid() == 0) {
        const gid_t group = 4;
        ASSERT_EQ(setgroups(1, &group), 0);
    }
    EXPECT_EQ(status_line("Uid"), "Uid:" + four(uid_));
    EXPECT_EQ(status_line("Gid"), "Gid:" + four(gid_));
    if (geteuid() == 0) {
        EXPECT_THAT(status_line("Groups"), Not(HasSubstr("4")));
        ASSERT_EQ(setgroups(0, nullptr), 0);
        EXPECT_EQ(status_line("CapEff"), "CapEff:\t0000000000000000");
    }
    EXPECT_EQ(status_line("CapAmb"), "CapAmb:\t0000000000000000");
}

TEST_F(ChildProcessTest, TheNodeStaysDumpable) {
    ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
    run(script("good", "exit 0"));
    EXPECT_EQ(prctl(PR_GET_DUMPABLE), 1);
    ASSERT_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
    run(script("good", "exit 0"));
    EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
    prctl(PR_SET_DUMPABLE, 1);
}

TEST_F(ChildProcessTest, SignalsAreAsInAFreshLogin) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
    const auto hangup_before = std::signal(SIGHUP, [](int) {});
    const std::string blocked = status_line("SigBlk");
    const std::string ignored = status_line("SigIgn");
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, &before, &now);
    std::signal(SIGPIPE, pipe_before);
    std::signal(SIGHUP, hangup_before);
    EXPECT_EQ(blocked, "SigBlk:\t0000000000000000");
    EXPECT_EQ(ignored, "SigIgn:\t0000000000000000");
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1) << "the caller's own mask stays";
}

TEST_F(ChildProcessTest, ASlotForConnectionsIsNotInherited) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    run(script("limit", "ulimit -n > out"));
    EXPECT_LE(std::stoul(read("out")), 1024U);
    rlimit after{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_EQ(before.rlim_cur, after.rlim_cur);
}

TEST_F(ChildProcessTest, IsItsOwnProcessGroup) {
    run(script("group", "echo $$ > out; cut -d' ' -f5 /proc/$$/stat >> out"));
    const auto lines = read_lines("out");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0], lines[1]);
}

TEST_F(ChildProcessTest, ASignalReachesWhatTheProgramStarted) {
    ChildProcess child(context_);
    std::optional<ProgramEnd> end;
    const auto program = script("family", "sleep 1000 & echo $! > child; sleep 1000");
    ASSERT_FALSE(child.start(program, [&end](const ProgramEnd& result) { end = result; }));
    ASSERT_TRUE(run_until([this] { return read("child").ends_with('\n'); }));
    const pid_t grandchild = std::stoi(read("child"));
    EXPECT_TRUE(alive(grandchild));
    child.send_signal(SIGTERM);
    ASSERT_TRUE(run_until([&end] { return end.has_value(); }));
    EXPECT_EQ(*end, (ProgramEnd{Kind::Signalled, SIGTERM}));
    EXPECT_TRUE(run_until([grandchild] { return !alive(grandchild); }));
}

TEST_F(ChildProcessTest, WhatIgnoresTheSignalIsKilledWithTheProgram) {
    ChildProcess child(context_);
    std::optional<ProgramEnd> end;
    const auto program =
        script("family", "(trap '' TERM; echo x > ready; exec sleep 1000) & echo $! > child; wait");
    ASSERT_FALSE(child.start(program, [&end](const ProgramEnd& result) { end = result; }));
    ASSERT_TRUE(run_until([this] { return !read("ready").empty() && !read("child").empty(); }));
    const pid_t grandchild = std::stoi(read("child"));
    child.send_signal(SIGTERM);
    ASSERT_TRUE(run_until([&end] { return end.has_value(); }));
    EXPECT_TRUE(run_until([grandchild] { return !alive(grandchild); }));
}

TEST_F(ChildProcessTest, AServiceThatAProgramStartedOutlivesIt) {
    run(script("starter", "sleep 1000 & echo $! > child"));
    const pid_t service = std::stoi(read("child"));
    EXPECT_TRUE(alive(service));
    kill(service, SIGKILL);
}

TEST_F(ChildProcessTest, DestructionKillsWhatIgnoresSigterm) {
    pid_t pid = 0;
    {
        ChildProcess child(context_);
        const auto program = script("deaf", "trap '' TERM; echo x > ready; sleep 1000");
        ASSERT_FALSE(child.start(program, [](const ProgramEnd&) { FAIL(); }));
        pid = child.pid();
        ASSERT_TRUE(run_until([this] { return !read("ready").empty(); }));
    }
    EXPECT_FALSE(alive(pid));
    EXPECT_FALSE(has_children());
    context_.restart();
    context_.poll();
}

TEST_F(ChildProcessTest, EndAllWaitsForTheGentleOnes) {
    ChildProcess gentle(context_);
    ChildProcess deaf(context_);
    ChildProcess idle(context_);
    const auto never = [](const ProgramEnd&) { FAIL(); };
    ASSERT_FALSE(gentle.start(
        script("gentle", "trap 'echo bye > out; exit 0' TERM; echo x > ready; while :; do :; done"),
        never));
    ASSERT_FALSE(deaf.start(script("deaf", "trap '' TERM; echo x > ready2; sleep 1000"), never));
    ASSERT_TRUE(run_until([this] { return !read("ready").empty() && !read("ready2").empty(); }));
    const std::vector<ChildProcess*> all{&gentle, &deaf, &idle};
    ChildProcess::end_all(all, 2s);
    EXPECT_EQ(read("out"), "bye\n");
    EXPECT_FALSE(has_children());
    context_.restart();
    context_.poll();
}

TEST_F(ChildProcessTest, DiesWithTheThreadThatStartedIt) {
    std::thread starter([this] {
        // Nobody ends it, as when the node is killed.
        left_alone_ = std::make_unique<ChildProcess>(context_);
        const auto program = script("orphan", "echo x > ready; exec sleep 1000");
        EXPECT_FALSE(left_alone_->start(program, [](const ProgramEnd&) {}));
        while (read("ready").empty()) {
            std::this_thread::yield();
        }
    });
    starter.join();
    EXPECT_TRUE(run_until([this] { return !left_alone_->running(); }));
}

TEST_F(ChildProcessTest, TheNextOneMayBeStartedFromTheHandler) {
    ChildProcess child(context_);
    int runs = 0;
    const auto program = script("good", "exit 0");
    std::function<void(const ProgramEnd&)> again = [&](const ProgramEnd& end) {
        EXPECT_TRUE(end.succeeded());
        if (++runs < 5) {
            EXPECT_FALSE(child.start(program, again));
        }
    };
    ASSERT_FALSE(child.start(program, again));
    EXPECT_TRUE(run_until([&runs] { return runs == 5; }));
}

TEST_F(ChildProcessTest, TwoHundredProgramsLeaveNothingBehind) {
    const auto program = script("good", "exit 0");
    run(program);
    const std::size_t before = open_descriptors();
    constexpr int kAtOnce = 10;
    for (int round = 0; round < 20; ++round) {
        std::vector<std::unique_ptr<ChildProcess>> children;
        int ended = 0;
        for (int each = 0; each < kAtOnce; ++each) {
            children.push_back(std::make_unique<ChildProcess>(context_));
            ASSERT_FALSE(children.back()->start(program, [&ended](const ProgramEnd& end) {
                EXPECT_TRUE(end.succeeded());
                ++ended;
            }));
        }
        ASSERT_TRUE(run_until([&ended] { return ended == kAtOnce; }));
    }
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_FALSE(has_children());
}

TEST_F(ChildProcessTest, AnIgnoredSigchldDoesNotLoseResults) {
    const auto before = std::signal(SIGCHLD, SIG_IGN);
    EXPECT_EQ(run(script("bad", "exit 3")), (ProgramEnd{Kind::Exited, 3}));
    std::signal(SIGCHLD, before);
}

}  // namespace
}  // namespace tandem::daemon
