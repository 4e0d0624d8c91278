#include "proxy/daemon/notifier.hpp"

#include "tests/unit/daemon/program_fixture.hpp"

#include <csignal>
#include <filesystem>
#include <memory>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Event = NotifyEvent;
using Clock = std::chrono::steady_clock;

class NotifierTest : public ProgramTest {
  protected:
    NotifierTest() {
        model_.instances.resize(1);
        model_.instances[0].election.name = "VI_1";
        model_.groups.resize(1);
        model_.groups[0].name = "VG";
    }
    ~NotifierTest() override {
        notifier_.reset();
        EXPECT_FALSE(has_children());
    }

    config::NotifySettings& programs() { return model_.instances[0].notify; }
    void start() {
        notifier_ = std::make_unique<Notifier>(
            context_, model_, [this](const std::string& name, const std::string& text) {
                problems_.push_back(name + ": " + text);
            });
        notifier_->start();
    }
    /// @return how long it took.
    Clock::duration stop() {
        const auto begin = Clock::now();
        bool done = false;
        notifier_->stop([&done] { done = true; });
        EXPECT_TRUE(run_until([&done] { return done; }));
        EXPECT_FALSE(has_children());
        return Clock::now() - begin;
    }
    bool wait_for_lines(std::size_t count) {
        return run_until([this, count] { return read_lines("out").size() >= count; });
    }

    config::FifoSettings& add_fifo(const std::string& name) {
        config::FifoSettings fifo;
        fifo.path = path(name);
        fifo.uid = uid_;
        fifo.gid = gid_;
        model_.global.notify_fifos.push_back(fifo);
        return model_.global.notify_fifos.back();
    }
    std::string read_fifo(const std::string& name) {
        const int fifo = open(path(name).c_str(), O_RDONLY | O_NONBLOCK);
        std::string out(100'000, '\0');
        const ssize_t length = ::read(fifo, out.data(), out.size());
        close(fifo);
        out.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
        return out;
    }

    config::Model model_;
    std::vector<std::string> problems_;
    std::unique_ptr<Notifier> notifier_;
};

TEST_F(NotifierTest, RunsTheSpecificProgramBeforeTheGenericOne) {
    programs().master = script("master", "echo master \"$@\" >> out", {"own"});
    programs().backup = script("backup", "echo backup \"$@\" >> out");
    programs().generic = script("generic", "echo generic \"$@\" >> out");
    start();
    notifier_->instance_changed("VI_1", Event::Backup, 90);
    ASSERT_TRUE(wait_for_lines(2));
    notifier_->instance_changed("VI_1", Event::Master, 100);
    ASSERT_TRUE(wait_for_lines(4));
    EXPECT_LT(stop(), Notifier::kStopPatience);
    EXPECT_THAT(read_lines("out"), ElementsAre("backup", "generic INSTANCE VI_1 BACKUP 90",
                                               "master own", "generic INSTANCE VI_1 MASTER 100"));
    EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(NotifierTest, AGroupHasItsOwnPrograms) {
    model_.groups[0].notify.generic = script("generic", "echo \"$@\" >> out");
    start();
    notifier_->group_changed("VG", Event::Fault);
    notifier_->instance_changed("VI_1", Event::Fault, 1);
    notifier_->instance_changed("unknown", Event::Fault, 1);
    ASSERT_TRUE(wait_for_lines(1));
    stop();
    EXPECT_THAT(read_lines("out"), ElementsAre("GROUP VG FAULT 0"));
}

// After reports were lost.
TEST_F(NotifierTest, CurrentStatesAreToldWhenTheyDifferFromTheLastOneTold) {
    model_.instances.resize(3);
    model_.instances[1].election.name = "VI_2";
    model_.instances[2].election.name = "VI_3";
    add_fifo("states");
    start();
    notifier_->instance_changed("VI_1", Event::Backup, 100);
    notifier_->instance_changed("VI_2", Event::Master, 100);
    notifier_->instance_changed("VI_2", Event::MasterRxLowerPriority, 100);
    notifier_->group_changed("VG", Event::Backup);
    read_fifo("states");
    const std::vector<CurrentState> states{{NotifyKind::Instance, "VI_1", Event::Master, 90},
                                           {NotifyKind::Instance, "VI_2", Event::Master, 100},
                                           {NotifyKind::Instance, "VI_3", Event::Fault, 80},
                                           {NotifyKind::Instance, "unknown", Event::Fault, 80},
                                           {NotifyKind::Group, "VG", Event::Fault, 0}};
    notifier_->states_are(states);
    EXPECT_EQ(read_fifo("states"),
              "INSTANCE \"VI_1\" MASTER 90\nINSTANCE \"VI_3\" FAULT 80\nGROUP \"VG\" FAULT 0\n");
    notifier_->states_are(states);
    EXPECT_EQ(read_fifo("states"), "");
    stop();
}

TEST_F(NotifierTest, TheLatestStateWins) {
    programs().generic = script(
        "generic", "echo $3 >> out; while [ $3 = FAULT ] && [ ! -e go ]; do sleep 0.01; done");
    start();
    notifier_->instance_changed("VI_1", Event::Fault, 1);
    ASSERT_TRUE(wait_for_lines(1));
    for (int round = 0; round < 50; ++round) {
        notifier_->instance_changed("VI_1", Event::Backup, 1);
        notifier_->instance_changed("VI_1", Event::Master, 1);
    }
    write("go", "");
    ASSERT_TRUE(wait_for_lines(2));
    stop();
    EXPECT_THAT(read_lines("out"), ElementsAre("FAULT", "MASTER"));
}

TEST_F(NotifierTest, FailuresAreSaidAndTheNextProgramRuns) {
    programs().master = command({path("missing")});
    programs().generic = script("generic", "echo $3 >> out; exit 7");
    start();
    notifier_->instance_changed("VI_1", Event::Master, 1);
    ASSERT_TRUE(run_until([this] { return problems_.size() == 2; }));
    EXPECT_THAT(problems_,
                ElementsAre("VI_1: notify program " + path("missing") +
                                ": cannot be started: No such file or directory",
                            "VI_1: notify program " + path("generic") + ": exit code 7"));
    EXPECT_THAT(read_lines("out"), ElementsAre("MASTER"));
}

TEST_F(NotifierTest, StopWaitsForTheStopProgram) {
    programs().stop = script("stop", "sleep 0.2; echo stopped >> out");
    start();
    notifier_->instance_changed("VI_1", Event::Stop, 1);
    stop();
    EXPECT_THAT(read_lines("out"), ElementsAre("stopped"));
}

TEST_F(NotifierTest, AProgramThatHangsDoesNotKeepStopFromBeingTold) {
    programs().master = script("master", "trap '' TERM; echo $$ > pid; while :; do sleep 1; done");
    programs().stop = script("stop", "echo stopped >> out");
    start();
    notifier_->instance_changed("VI_1", Event::Master, 1);
    ASSERT_TRUE(run_until([this] { return !read("pid").empty(); }));
    notifier_->instance_changed("VI_1", Event::Stop, 1);
    EXPECT_LT(stop(), Notifier::kStopPatience + 500ms);
    EXPECT_THAT(read_lines("out"), ElementsAre("stopped"));
    EXPECT_FALSE(alive(std::stoi(read("pid"))));
}

TEST_F(NotifierTest, AStopProgramThatHangsIsKilledAfterThePatience) {
    programs().stop =
        script("stop", "trap '' TERM; sleep 1000 & echo $! > pid; while :; do sleep 1; done");
    start();
    notifier_->instance_changed("VI_1", Event::Stop, 1);
    ASSERT_TRUE(run_until([this] { return read("pid").ends_with('\n'); }));
    const auto took = stop();
    EXPECT_GE(took, Notifier::kStopPatience);
    EXPECT_LT(took, Notifier::kStopPatience + 2s);
    const pid_t background = std::stoi(read("pid"));
    EXPECT_TRUE(run_until([background] { return !alive(background); }));
}

TEST_F(NotifierTest, StopWithoutAnythingIsDoneAtOnce) {
    start();
    EXPECT_LT(stop(), 500ms);
    notifier_->instance_changed("VI_1", Event::Master, 1);
    EXPECT_FALSE(has_children());
}

TEST_F(NotifierTest, WritesToEveryFifo) {
    add_fifo("one");
    add_fifo("two");
    model_.instances[0].notify.priority_changes = false;
    const auto old_mask = umask(077);
    start();
    umask(old_mask);
    struct stat status {};
    ASSERT_EQ(lstat(path("one").c_str(), &status), 0);
    EXPECT_TRUE(S_ISFIFO(status.st_mode));
    EXPECT_EQ(status.st_mode & 07777U, 0644U);
    EXPECT_EQ(status.st_uid, uid_);
    EXPECT_EQ(status.st_gid, gid_);

    notifier_->instance_changed("VI_1", Event::Master, 100);
    notifier_->instance_changed("VI_1", Event::MasterPriority, 90);
    notifier_->instance_changed("VI_1", Event::MasterRxLowerPriority, 90);
    notifier_->group_changed("VG", Event::Master);
    const std::string expected =
        "INSTANCE \"VI_1\" MASTER 100\nINSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 90\n"
        "GROUP \"VG\" MASTER 0\n";
    EXPECT_EQ(read_fifo("one"), expected);
    EXPECT_EQ(read_fifo("two"), expected);
    stop();
    EXPECT_FALSE(std::filesystem::exists(path("one")));
    EXPECT_FALSE(std::filesystem::exists(path("two")));
    EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(NotifierTest, TellsPrioritiesToAFifoWhenAsked) {
    add_fifo("fifo");
    programs().priority_changes = true;
    start();
    notifier_->instance_changed("VI_1", Event::BackupPriority, 90);
    EXPECT_EQ(read_fifo("fifo"), "INSTANCE \"VI_1\" BACKUP_PRIORITY 90\n");
}

TEST_F(NotifierTest, AFullFifoIsSaidOnceAndLinesStayWhole) {
    add_fifo("fifo");
    start();
    for (int line = 0; line < 10'000; ++line) {
        notifier_->instance_changed("VI_1", Event::Master, 100);
    }
    EXPECT_THAT(problems_, ElementsAre(HasSubstr("lines are dropped")));
    const std::string all = read_fifo("fifo");
    EXPECT_TRUE(all.ends_with("INSTANCE \"VI_1\" MASTER 100\n"));
    notifier_->instance_changed("VI_1", Event::Backup, 1);
    EXPECT_EQ(read_fifo("fifo"), "INSTANCE \"VI_1\" BACKUP 1\n");
}

TEST_F(NotifierTest, SomethingElseAtThePathStays) {
    add_fifo("file");
    add_fifo("link");
    add_fifo("no/folder");
    write("file", "precious");
    std::filesystem::create_symlink("/dev/null", path("link"));
    start();
    notifier_->instance_changed("VI_1", Event::Master, 100);
    stop();
    EXPECT_EQ(read("file"), "precious");
    EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
    ASSERT_EQ(problems_.size(), 3U);
    EXPECT_THAT(problems_[0], HasSubstr("something that is not a FIFO"));
    EXPECT_THAT(problems_[2], HasSubstr("cannot create the FIFO: No such file"));
}

TEST_F(NotifierTest, AFifoThatWasThereIsUsedAndStays) {
    add_fifo("fifo");
    ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
    start();
    notifier_->instance_changed("VI_1", Event::Master, 100);
    EXPECT_EQ(read_fifo("fifo"), "INSTANCE \"VI_1\" MASTER 100\n");
    stop();
    EXPECT_TRUE(std::filesystem::exists(path("fifo")));
}

TEST_F(NotifierTest, TheFifoScriptReadsToTheLastLine) {
    add_fifo("fifo").script =
        script("reader", "while read line; do echo \"$line\" >> out; done < \"$2\"", {"first"});
    start();
    notifier_->instance_changed("VI_1", Event::Master, 100);
    ASSERT_TRUE(wait_for_lines(1));
    notifier_->instance_changed("VI_1", Event::Stop, 100);
    // The end of the file ends it: nobody has to kill it.
    EXPECT_LT(stop(), 500ms);
    EXPECT_THAT(read_lines("out"),
                ElementsAre("INSTANCE \"VI_1\" MASTER 100", "INSTANCE \"VI_1\" STOP 100"));
    EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(NotifierTest, AFifoScriptThatDiesIsStartedAgainLater) {
    add_fifo("fifo").script = script("reader", "echo x >> out; exit 1");
    start();
    ASSERT_TRUE(run_until([this] { return problems_.size() == 2; }));
    EXPECT_THAT(problems_[0], HasSubstr("exit code 1; next start in 1 s"));
    EXPECT_THAT(problems_[1], HasSubstr("exit code 1; next start in 2 s"));
    EXPECT_EQ(read_lines("out").size(), 2U);
    EXPECT_LT(stop(), 500ms);
}

TEST_F(NotifierTest, AFifoScriptThatDoesNotEndIsEnded) {
    add_fifo("fifo").script =
        script("reader", "trap '' TERM; echo $$ > pid; while :; do sleep 1; done");
    start();
    ASSERT_TRUE(run_until([this] { return !read("pid").empty(); }));
    EXPECT_GE(stop(), Notifier::kStopPatience);
    EXPECT_FALSE(alive(std::stoi(read("pid"))));
}

TEST_F(NotifierTest, DestructionLeavesNothing) {
    add_fifo("fifo").script = script("reader", "exec sleep 1000");
    programs().master = script("master", "exec sleep 1000");
    start();
    notifier_->instance_changed("VI_1", Event::Master, 1);
    notifier_.reset();
    EXPECT_FALSE(has_children());
    EXPECT_FALSE(std::filesystem::exists(path("fifo")));
    context_.restart();
    context_.poll();
}

}  // namespace
}  // namespace tandem::daemon
