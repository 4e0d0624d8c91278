#include "proxy/daemon/replay_store.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace tandem::daemon {
namespace {

ReplayMarks sample() {
    return {{"VI_1",
             {{boost::asio::ip::make_address("198.51.100.11"), 0x6800000080000000U},
              {boost::asio::ip::make_address("fe80::12"), ~std::uint64_t{0}}}},
            {"VI_2", {}}};
}

class ReplayStore : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "tandem-replay-XXXXXX");
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        path_ = name + "/marks.json";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    void write(const std::string& text) const { std::ofstream(path_) << text; }

    std::string directory_;
    std::string path_;
};

TEST_F(ReplayStore, MarksComeBackAsTheyWere) {
    ASSERT_FALSE(save_replay_marks(path_, sample()));
    ReplayMarks expected = sample();
    expected.erase("VI_2");  // nothing to remember of it
    EXPECT_EQ(load_replay_marks(path_), expected);
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ReplayStore, ASecondSaveReplacesTheFirst) {
    ASSERT_FALSE(save_replay_marks(path_, sample()));
    ASSERT_FALSE(save_replay_marks(path_, {}));
    EXPECT_TRUE(load_replay_marks(path_).empty());
}

TEST_F(ReplayStore, NoFileMeansNoMarks) {
    EXPECT_TRUE(load_replay_marks(path_).empty());
}

TEST_F(ReplayStore, ADirectoryThatIsGoneIsAnError) {
    EXPECT_TRUE(save_replay_marks(directory_ + "/none/marks.json", sample()));
}

TEST_F(ReplayStore, DamagedFilesCostMarksOnly) {
    const char* const damaged[] = {
        "",
        "{",
        "[]",
        "null",
        R"({"VI_1": 7})",
        R"({"VI_1": [7, null, {}, {"sender": 1, "sequence": 2}]})",
        R"({"VI_1": [{"sender": "not an address", "sequence": 2}]})",
        R"({"VI_1": [{"sender": "198.51.100.11", "sequence": -2}]})",
        R"({"VI_1": [{"sender": "198.51.100.11", "sequence": 1.5}]})",
        R"({"VI_1": [{"sender": "198.51.100.11"}]})",
    };
    for (const char* text : damaged) {
        write(text);
        EXPECT_TRUE(load_replay_marks(path_).empty()) << text;
    }
    write(R"({"VI_1": [{"sender": "nonsense", "sequence": 2},)"
          R"( {"sender": "198.51.100.11", "sequence": 2}]})");
    EXPECT_EQ(load_replay_marks(path_).at("VI_1").size(), 1U);
}

TEST_F(ReplayStore, AFileThatIsTooLongIsNotReadToItsEnd) {
    write(std::string(4 * kMaxReplayFile, ' ') + to_text(sample()));
    EXPECT_TRUE(load_replay_marks(path_).empty());
}

}  // namespace
}  // namespace tandem::daemon
