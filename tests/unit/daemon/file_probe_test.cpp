#include "proxy/daemon/file_probe.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using Kind = relay::ProbeResult::Kind;

relay::ProbeResult of(const std::string& text, const relay::FileCheck& check) {
    return result_of({.text = text}, check);
}

TEST(FileProbe, WithoutAWeightAnyValueIsAFailure) {
    relay::FileCheck check{.weight = 0};
    EXPECT_EQ(of("0\n", check).kind, Kind::Passed);
    EXPECT_EQ(of("0\n", check).weight, std::nullopt);
    EXPECT_EQ(of("1", check).kind, Kind::Failed);
    EXPECT_EQ(of("-7", check).text, "value -7");
    check.reverse = true;
    EXPECT_EQ(of("0\n", check).kind, Kind::Failed);
    EXPECT_EQ(of("1", check).kind, Kind::Passed);
}

TEST(FileProbe, TheProductIsAddedToTheWeight) {
    relay::FileCheck check{.weight = -2, .base_weight = 10};
    EXPECT_EQ(of("0", check).weight, 10U);
    EXPECT_EQ(of("3", check).weight, 4U);
    EXPECT_EQ(of("3", check).text, "value 3: weight 4");
    EXPECT_EQ(of("6", check).weight, 0U) << "not below zero";
    EXPECT_EQ(of("6", check).kind, Kind::Passed);
    EXPECT_EQ(of("-2147483648", check).weight, 65535U) << "nor above all";
    check.reverse = true;
    EXPECT_EQ(of("3", check).weight, 16U);
}

TEST(FileProbe, AHugeNegativeProductIsAFailure) {
    const relay::FileCheck check{.weight = 2'147'483'647};
    EXPECT_EQ(of("-1", check).kind, Kind::Passed);
    EXPECT_EQ(of("-2", check).kind, Kind::Failed);
    EXPECT_EQ(of("-2147483648", check).kind, Kind::Failed);
    EXPECT_EQ(of("2147483647", check).weight, 65535U);
    EXPECT_EQ(of("-2147483648", {.weight = 1}).kind, Kind::Failed);
    EXPECT_EQ(of("-2147483647", {.weight = 1}).weight, 0U);
}

TEST(FileProbe, WithoutANumberTheValueIsZero) {
    const relay::FileCheck check{.weight = 0, .reverse = true};
    EXPECT_EQ(of("", check).text, "no number: value 0");
    EXPECT_EQ(of("99999999999", check).text, "no number: value 0");
    EXPECT_EQ(result_of({.error = ENOENT}, check).text, "no file: value 0");
    EXPECT_EQ(result_of({.error = EACCES}, check).text,
              "cannot be read (Permission denied): value 0");
    EXPECT_EQ(result_of({.regular = false}, check).text, "no number: value 0");
    EXPECT_EQ(result_of({.error = EMFILE}, check).kind, Kind::Skipped);
}

class FileProbeTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = "/tmp/tandem_file_probe_XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory_ = name;
        path_ = name + "/value";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    void write(const std::string& text) const { std::ofstream{path_} << text; }
    std::string run(relay::Probe& probe) {
        std::string text = "nothing";
        probe.start([&](const relay::ProbeResult& result) { text = result.text; });
        EXPECT_EQ(text, "nothing") << "from inside the call";
        context_.restart();
        context_.run();
        return text;
    }
    boost::asio::io_context context_;
    std::string directory_;
    std::string path_;
};

TEST_F(FileProbeTest, ReadsAgainAndBelievesInNothingWhenSeenTwice) {
    const auto probe = make_file_probe(context_, {.path = path_, .weight = 0});
    EXPECT_EQ(run(*probe), "no file: value 0");
    write("5\n");
    EXPECT_EQ(run(*probe), "value 5");
    write("");
    EXPECT_EQ(run(*probe), "value 5") << "somebody writes to it";
    EXPECT_EQ(run(*probe), "no number: value 0");
    write("0");
    EXPECT_EQ(run(*probe), "value 0");
}

TEST_F(FileProbeTest, APipeThatNobodyWritesToDoesNotBlock) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const auto probe = make_file_probe(context_, {.path = path_});
    EXPECT_EQ(run(*probe), "no number: value 0: weight 1");
}

TEST_F(FileProbeTest, CancelledOrGone) {
    bool called = false;
    auto probe = make_file_probe(context_, {.path = path_});
    probe->start([&](const relay::ProbeResult&) { called = true; });
    probe->cancel();
    context_.run();
    probe->start([&](const relay::ProbeResult&) { called = true; });
    probe.reset();
    context_.restart();
    context_.run();
    EXPECT_FALSE(called);
}

}  // namespace
}  // namespace tandem::daemon
