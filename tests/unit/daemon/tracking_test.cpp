#include "proxy/daemon/tracking.hpp"

#include "tests/unit/daemon/program_fixture.hpp"

#include <csignal>
#include <memory>

#include <gmock/gmock.h>

#include <unistd.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using vrrp::TrackKind;

class TrackingTest : public ProgramTest {
  protected:
    void start() {
        tracking_ = std::make_unique<Tracking>(
            context_, model_,
            [this](TrackKind kind, const std::string& name, const vrrp::TrackStatus& status) {
                reports_.push_back(std::to_string(static_cast<int>(kind)) + " " + name + " " +
                                   (*status.up ? "up" : "down") + " " +
                                   std::to_string(status.value) + " " + status.detail);
            },
            [this](TrackKind, const std::string& name, const std::string& text) {
                problems_.push_back(name + ": " + text);
            });
        tracking_->start();
    }
    void add_script(const std::string& name, const config::Command& command,
                    std::chrono::microseconds interval = 20ms,
                    std::chrono::microseconds timeout = 5s) {
        config::ScriptSettings settings;
        settings.name = name;
        settings.command = command;
        settings.interval = interval;
        settings.timeout = timeout;
        model_.scripts.push_back(settings);
    }

    config::Model model_;
    std::vector<std::string> reports_;
    std::vector<std::string> problems_;
    std::unique_ptr<Tracking> tracking_;
};

TEST_F(TrackingTest, FollowsAScript) {
    add_script("check", script("check", "test -e good"));
    start();
    EXPECT_TRUE(reports_.empty());
    ASSERT_TRUE(run_until([this] { return reports_.size() == 1; }));
    write("good", "");
    ASSERT_TRUE(run_until([this] { return reports_.size() == 2; }));
    ASSERT_EQ(unlink(path("good").c_str()), 0);
    ASSERT_TRUE(run_until([this] { return reports_.size() == 3; }));
    tracking_->stop();
    EXPECT_THAT(reports_, ElementsAre("1 check down 0 exit code 1", "1 check up 0 ",
                                      "1 check down 0 exit code 1"));
    EXPECT_TRUE(problems_.empty());
    EXPECT_FALSE(has_children());
}

TEST_F(TrackingTest, ReportsEveryKind) {
    add_script("script", script("check", "exit 0"), 10s);
    write("file", "7\n");
    model_.files.resize(1);
    model_.files[0].name = "file";
    model_.files[0].path = path("file");
    model_.processes.resize(1);
    model_.processes[0].name = "process";
    model_.processes[0].command = {"no_such_name"};
    start();
    ASSERT_TRUE(run_until([this] { return reports_.size() == 3; }));
    EXPECT_THAT(reports_, Contains("1 script up 0 "));
    EXPECT_THAT(reports_, Contains("2 file up 7 "));
    EXPECT_THAT(reports_, Contains("3 process down 0 0 processes, 1 needed"));
}

TEST_F(TrackingTest, AMissingScriptIsDown) {
    add_script("check", command({path("missing")}));
    start();
    EXPECT_THAT(reports_,
                ElementsAre("1 check down 0 cannot be started: No such file or directory"));
    // The next runs say nothing new, and the script may come later.
    script("missing", "exit 0");
    ASSERT_TRUE(run_until([this] { return reports_.size() == 2; }));
    EXPECT_EQ(reports_[1], "1 check up 0 ");
    EXPECT_THAT(problems_, ElementsAre("check: cannot be started: No such file or directory"));
}

TEST_F(TrackingTest, AScriptThatHangsTimesOutAndIsEnded) {
    add_script("check", script("hangs", "echo $$ >> pids; exec sleep 1000"), 10s, 100ms);
    start();
    ASSERT_TRUE(run_until([this] { return !reports_.empty(); }));
    EXPECT_THAT(reports_, ElementsAre("1 check down 0 timed out after 0.1 s"));
    EXPECT_THAT(problems_, ElementsAre("check: timed out after 0.1 s"));
    const auto pids = read_lines("pids");
    ASSERT_EQ(pids.size(), 1U);
    EXPECT_TRUE(run_until([&pids] { return !alive(std::stoi(pids[0])); }));
}

TEST_F(TrackingTest, AScriptThatIgnoresSigtermIsKilledTwoSecondsLater) {
    add_script("check", script("deaf", "trap '' TERM; echo $$ > pid; while :; do sleep 1; done"),
               60s, 200ms);
    const auto begin = std::chrono::steady_clock::now();
    start();
    ASSERT_TRUE(run_until([this] { return !reports_.empty() && !read("pid").empty(); }));
    const pid_t pid = std::stoi(read("pid"));
    EXPECT_TRUE(alive(pid));
    EXPECT_TRUE(run_until([pid] { return !alive(pid); }));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 2200ms);
}

TEST_F(TrackingTest, StopLeavesNoProcess) {
    for (int each = 0; each < 5; ++each) {
        const std::string name = "s" + std::to_string(each);
        add_script(name,
                   script(name, "trap '' TERM; sleep 1000 & echo $$ $! > " + name +
                                    ".pid; while :; do sleep 1; done"),
                   10s, 10s);
    }
    start();
    ASSERT_TRUE(run_until([this] {
        bool all = true;
        for (int each = 0; each < 5; ++each) {
            all = all && read("s" + std::to_string(each) + ".pid").ends_with('\n');
        }
        return all;
    }));
    tracking_->stop();
    EXPECT_FALSE(has_children());
    for (int each = 0; each < 5; ++each) {
        const std::string pids = read("s" + std::to_string(each) + ".pid");
        const pid_t background = std::stoi(pids.substr(pids.find(' ')));
        EXPECT_TRUE(run_until([background] { return !alive(background); }));
    }
    tracking_.reset();
    context_.restart();
    context_.poll();
    EXPECT_TRUE(reports_.empty());
}

TEST_F(TrackingTest, NothingToTrackIsFine) {
    start();
    context_.poll();
    tracking_->stop();
    tracking_->stop();
    EXPECT_TRUE(reports_.empty());
    EXPECT_TRUE(problems_.empty());
}

}  // namespace
}  // namespace tandem::daemon
