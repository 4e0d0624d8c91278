#include "proxy/daemon/process_watch.hpp"

#include "proxy/daemon/child_process.hpp"
#include "tests/unit/daemon/program_fixture.hpp"

#include <csignal>
#include <filesystem>
#include <memory>

#include <gmock/gmock.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Match = config::TrackedProcessSettings::Match;

class ProcessWatchTest : public ProgramTest {
  protected:
    ProcessWatchTest() {
        // A name that no other process has.
        name_ = "tp" + std::to_string(getpid());
        std::filesystem::copy_file("/bin/sleep", path(name_));
        EXPECT_EQ(chmod(path(name_).c_str(), 0755), 0);
    }
    config::TrackedProcessSettings& add(const std::string& label) {
        settings_.emplace_back();
        settings_.back().name = label;
        settings_.back().command = {name_};
        return settings_.back();
    }
    void start() {
        watch_ = std::make_unique<ProcessWatch>(
            context_, settings_,
            [this](const std::string& name, const vrrp::TrackStatus& status) {
                reports_.push_back(name + (*status.up ? " up" : " down: " + status.detail));
            },
            [this](const std::string& name, const std::string& text) {
                problems_.push_back(name + ": " + text);
            });
        watch_->start();
    }
    std::unique_ptr<ChildProcess> sleeper(const std::string& duration = "1000") {
        auto child = std::make_unique<ChildProcess>(context_);
        EXPECT_FALSE(child->start(command({path(name_), duration}), [](const ProgramEnd&) {}));
        // start() returns when the kernel has taken the program, a moment before it has its name.
        const std::string line = "/proc/" + std::to_string(child->pid()) + "/cmdline";
        EXPECT_TRUE(run_until([this, &line] { return read_whole(line).starts_with(path(name_)); }));
        return child;
    }
    std::string next_report() {
        const std::size_t number = looked_at_++;
        return run_until([this, number] { return reports_.size() > number; }) ? reports_[number]
                                                                              : "nothing";
    }

    std::string name_;
    std::vector<config::TrackedProcessSettings> settings_;
    std::vector<std::string> reports_;
    std::vector<std::string> problems_;
    std::size_t looked_at_ = 0;
    std::unique_ptr<ProcessWatch> watch_;
};

TEST_F(ProcessWatchTest, SeesProcessesComeAndGo) {
    add("p");
    start();
    EXPECT_EQ(next_report(), "p down: 0 processes, 1 needed");
    auto child = sleeper();
    EXPECT_EQ(next_report(), "p up");
    const auto begin = std::chrono::steady_clock::now();
    child->send_signal(SIGKILL);
    EXPECT_EQ(next_report(), "p down: 0 processes, 1 needed");
    // By its descriptor, not by a scan.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 500ms);
    EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(ProcessWatchTest, CountsWhatRunsAlready) {
    add("two").quorum = 2;
    add("three").quorum = 3;
    add("one at most").quorum_max = 1;
    const auto first = sleeper();
    const auto second = sleeper();
    start();
    ASSERT_TRUE(run_until([this] { return reports_.size() == 3; }));
    EXPECT_THAT(reports_, ElementsAre("two up", "three down: 2 processes, 3 needed",
                                      "one at most down: 2 processes, at most 1 allowed"));
}

TEST_F(ProcessWatchTest, ComparesArguments) {
    auto& exact = add("exact");
    exact.command = {name_, "1000"};
    exact.match = Match::Exact;
    auto& partial = add("partial");
    partial.command = {name_, "10"};
    partial.match = Match::Partial;
    auto& initial = add("initial");
    initial.command = {name_, "10"};
    initial.match = Match::Initial;
    auto& full = add("full");
    full.command = {path(name_)};
    full.full_command = true;
    const auto child = sleeper();
    start();
    ASSERT_TRUE(run_until([this] { return reports_.size() == 4; }));
    EXPECT_THAT(reports_, ElementsAre("exact up", "partial up",
                                      "initial down: 0 processes, 1 needed", "full up"));
}

TEST_F(ProcessWatchTest, AZombieDoesNotRun) {
    add("p");
    const auto child = sleeper();
    kill(child->pid(), SIGKILL);
    // The kernel may take a moment; nobody reaps it before the io_context runs.
    siginfo_t info{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child->pid()), &info, WEXITED | WNOWAIT), 0);
    start();
    EXPECT_EQ(next_report(), "p down: 0 processes, 1 needed");
}

TEST_F(ProcessWatchTest, AShortAbsenceWithinTheDelayIsNotReported) {
    auto& settings = add("p");
    settings.terminate_delay = 3s;
    auto child = sleeper();
    start();
    EXPECT_EQ(next_report(), "p up");
    child.reset();
    const auto next = sleeper();
    // Two scans see the new one.
    const auto end = std::chrono::steady_clock::now() + 2 * ProcessWatch::kScanInterval + 200ms;
    ASSERT_TRUE(run_until([end] { return std::chrono::steady_clock::now() > end; }));
    EXPECT_THAT(reports_, ElementsAre("p up"));
}

TEST_F(ProcessWatchTest, StopEndsIt) {
    add("p");
    const auto child = sleeper();
    start();
    EXPECT_EQ(next_report(), "p up");
    watch_->stop();
    child->send_signal(SIGKILL);
    ASSERT_TRUE(run_until([&child] { return !child->running(); }));
    EXPECT_THAT(reports_, ElementsAre("p up"));
}

}  // namespace
}  // namespace tandem::daemon
