#include "proxy/daemon/file_watch.hpp"

#include "tests/unit/daemon/program_fixture.hpp"

#include <filesystem>
#include <memory>

#include <gmock/gmock.h>

#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FileWatchTest : public ProgramTest {
  protected:
    config::TrackedFileSettings& add(const std::string& name) {
        settings_.emplace_back();
        settings_.back().name = name;
        settings_.back().path = path(name);
        return settings_.back();
    }
    void start() {
        watch_ = std::make_unique<FileWatch>(
            context_, settings_,
            [this](const std::string& name, const vrrp::TrackStatus& status) {
                EXPECT_EQ(status.up, true);
                reports_.push_back(name + " " + std::to_string(status.value));
            },
            [this](const std::string& name, const std::string& text) {
                problems_.push_back(name + ": " + text);
            });
        watch_->start();
    }
    /// @return the first report that was not returned yet; waits for it.
    std::string next_report() {
        const std::size_t number = looked_at_++;
        return run_until([this, number] { return reports_.size() > number; }) ? reports_[number]
                                                                              : "nothing";
    }
    void replace(const std::string& name, const std::string& text) {
        write(name + ".new", text);
        std::filesystem::rename(path(name + ".new"), path(name));
    }

    std::vector<config::TrackedFileSettings> settings_;
    std::vector<std::string> reports_;
    std::vector<std::string> problems_;
    std::size_t looked_at_ = 0;
    std::unique_ptr<FileWatch> watch_;
};

TEST_F(FileWatchTest, FollowsTheFileThroughEveryWayToChangeIt) {
    add("file");
    start();
    // A file that does not exist is a value, not a problem.
    EXPECT_EQ(next_report(), "file 0");
    write("file", "5\n");
    EXPECT_EQ(next_report(), "file 5");
    write("file", "6\n");
    EXPECT_EQ(next_report(), "file 6");
    replace("file", "-7\n");
    EXPECT_EQ(next_report(), "file -7");
    std::filesystem::rename(path("file"), path("away"));
    EXPECT_EQ(next_report(), "file 0");
    std::filesystem::rename(path("away"), path("file"));
    EXPECT_EQ(next_report(), "file -7");
    std::filesystem::remove(path("file"));
    EXPECT_EQ(next_report(), "file 0");
    EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(FileWatchTest, InotifyTellsBeforeThePollWould) {
    add("file");
    start();
    EXPECT_EQ(next_report(), "file 0");
    const auto begin = std::chrono::steady_clock::now();
    for (int value = 1; value <= 20; ++value) {
        write("file", std::to_string(value));
        EXPECT_EQ(next_report(), "file " + std::to_string(value));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 10 * FileWatch::kPollInterval);
}

TEST_F(FileWatchTest, KnowsFilesOfOneFolderApart) {
    add("a");
    add("b");
    start();
    EXPECT_EQ(next_report(), "a 0");
    EXPECT_EQ(next_report(), "b 0");
    write("b", "1");
    EXPECT_EQ(next_report(), "b 1");
    write("a", "2");
    EXPECT_EQ(next_report(), "a 2");
}

TEST_F(FileWatchTest, SeesFoldersAndTargetsThatInotifyDoesNotWatch) {
    settings_.resize(2);
    settings_[0].name = "later";
    settings_[0].path = path("folder/file");
    settings_[1].name = "link";
    settings_[1].path = path("link");
    std::filesystem::create_directory(path("elsewhere"));
    std::filesystem::create_symlink(path("elsewhere/target"), path("link"));
    start();
    EXPECT_EQ(next_report(), "later 0");
    EXPECT_EQ(next_report(), "link 0");
    write("elsewhere/target", "4");
    EXPECT_EQ(next_report(), "link 4");
    std::filesystem::create_directory(path("folder"));
    write("folder/file", "3");
    EXPECT_EQ(next_report(), "later 3");
    // Another folder of the same name.
    std::filesystem::rename(path("folder"), path("old"));
    std::filesystem::create_directory(path("folder"));
    EXPECT_EQ(next_report(), "later 0");
    write("old/file", "9");
    write("folder/file", "8");
    EXPECT_EQ(next_report(), "later 8");
}

TEST_F(FileWatchTest, SaysWhatIsWrongOnceAndTakesZero) {
    add("file");
    write("file", "5");
    start();
    EXPECT_EQ(next_report(), "file 5");
    write("file", "five\n");
    EXPECT_EQ(next_report(), "file 0");
    write("file", "six\n");
    write("file", "");
    ASSERT_TRUE(run_until([this] { return problems_.size() == 2; }));
    std::filesystem::remove(path("file"));
    std::filesystem::create_directory(path("file"));
    ASSERT_TRUE(run_until([this] { return problems_.size() == 3; }));
    std::filesystem::remove(path("file"));
    ASSERT_EQ(mkfifo(path("file").c_str(), 0666), 0);
    write("other", "");
    std::filesystem::remove(path("file"));
    write("file", std::string(100'000, ' ') + "7");
    ASSERT_TRUE(run_until([this] { return problems_.size() == 4; }));
    write("file", "8");
    ASSERT_TRUE(run_until([this] { return reports_.back() == "file 8"; }));
    EXPECT_THAT(problems_, ElementsAre("file: " + path("file") + " holds no number: taken as 0",
                                       "file: " + path("file") + " is empty: taken as 0",
                                       "file: " + path("file") + " is not a regular file",
                                       "file: " + path("file") + " holds no number: taken as 0"));
}

TEST_F(FileWatchTest, AFifoDoesNotBlock) {
    add("file");
    ASSERT_EQ(mkfifo(path("file").c_str(), 0666), 0);
    settings_[0].initial_value = 1;
    settings_[0].overwrite = true;
    start();
    EXPECT_THAT(reports_, ElementsAre("file 0"));
    EXPECT_EQ(problems_.size(), 2U);
}

TEST_F(FileWatchTest, CreatesTheFileWithItsInitialValue) {
    struct Case {
        std::string before;
        bool overwrite;
        std::string after;
    };
    const Case cases[] = {{"", false, "12\n"},
                          {"", true, "12\n"},
                          {"345\n", false, "345\n"},
                          {"345\n", true, "12\n"}};
    for (const auto& test : cases) {
        std::filesystem::remove(path("file"));
        settings_.clear();
        add("file");
        settings_[0].initial_value = 12;
        settings_[0].overwrite = test.overwrite;
        if (!test.before.empty()) {
            write("file", test.before);
        }
        reports_.clear();
        start();
        EXPECT_EQ(read("file"), test.after);
        EXPECT_THAT(reports_, ElementsAre("file " + std::to_string(std::stoi(test.after))));
    }
    EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(FileWatchTest, DoesNotWriteThroughALink) {
    add("file");
    settings_[0].initial_value = 12;
    settings_[0].overwrite = true;
    write("precious", "data");
    std::filesystem::create_symlink(path("precious"), path("file"));
    start();
    EXPECT_EQ(read("precious"), "data");
    ASSERT_FALSE(problems_.empty());
    EXPECT_EQ(problems_[0],
              "file: cannot create " + path("file") + ": Too many levels of symbolic links");
}

TEST_F(FileWatchTest, StopEndsIt) {
    add("file");
    // The io_context keeps what it opened for the first watch.
    start();
    watch_->stop();
    const std::size_t before = open_descriptors();
    start();
    EXPECT_GT(open_descriptors(), before);
    watch_->stop();
    write("file", "5");
    context_.restart();
    context_.poll();
    EXPECT_THAT(reports_, ElementsAre("file 0", "file 0"));
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace tandem::daemon
