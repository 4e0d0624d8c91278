// The access log's outputs and its thread, with files, FIFOs and full disks.
#include "proxy/daemon/access_log.hpp"

#include "proxy/daemon/access_output.hpp"
#include "tests/support/child_process.hpp"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Kind = AccessLogReport::Kind;

constexpr auto kPatience = 10s;
/// Of output clocks: far from the epoch.
const auto kNow = std::chrono::steady_clock::now();

std::string content_of(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::string> lines_of(const fs::path& path) {
    std::vector<std::string> lines;
    std::istringstream text(content_of(path));
    for (std::string line; std::getline(text, line);) {
        lines.push_back(line);
    }
    return lines;
}

class AccessOutputTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "tandem-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory = pattern;
        file = directory / "access.log";
        // As the log's thread does.
        std::signal(SIGPIPE, SIG_IGN);
    }
    void TearDown() override {
        std::error_code ignored;
        fs::remove_all(directory, ignored);
    }
    fs::path directory;
    fs::path file;
};

TEST_F(AccessOutputTest, AppendsLines) {
    std::ofstream(file) << "before\n";
    AccessOutput output(file.string());
    output.add("one\n");
    output.add("two\n");
    output.flush(kNow);
    output.add("three\n");
    output.flush(kNow);
    EXPECT_EQ(content_of(file), "before\none\ntwo\nthree\n");
    EXPECT_EQ(output.written(), 3U);
    EXPECT_EQ(output.lost(), 0U);
    EXPECT_FALSE(output.has_pending());
}

TEST_F(AccessOutputTest, AFileThatWentAwayIsOpenedAnew) {
    AccessOutput output(file.string());
    output.add("one\n");
    output.flush(kNow);
    fs::rename(file, directory / "access.log.1");
    output.add("two\n");
    output.flush(kNow + AccessOutput::kInterval);
    EXPECT_EQ(content_of(directory / "access.log.1"), "one\n");
    EXPECT_EQ(content_of(file), "two\n");
    fs::remove(file);
    output.add("three\n");
    output.reopen();
    output.flush(kNow + AccessOutput::kInterval);
    EXPECT_EQ(content_of(file), "three\n");
}

TEST_F(AccessOutputTest, WithoutItsDirectoryLinesWaitAndThenComeInOrder) {
    const fs::path inside = directory / "later" / "access.log";
    AccessOutput output(inside.string());
    output.add("one\n");
    output.flush(kNow);
    EXPECT_EQ(output.trouble(), boost::system::errc::no_such_file_or_directory);
    fs::create_directory(inside.parent_path());
    output.add("two\n");
    output.flush(kNow);
    EXPECT_FALSE(fs::exists(inside)) << "tried again at once";
    output.flush(kNow + AccessOutput::kInterval);
    EXPECT_FALSE(output.trouble());
    EXPECT_EQ(content_of(inside), "one\ntwo\n");
}

TEST_F(AccessOutputTest, TheBufferIsBoundedAndWhatIsLostCounted) {
    AccessOutput output("/dev/full");
    const std::string line = std::string(1023, 'x') + "\n";
    const std::size_t most = AccessOutput::kBufferBytes / line.size();
    for (std::size_t count = 0; count < most + 10; ++count) {
        output.add(line);
    }
    output.flush(kNow);
    EXPECT_EQ(output.trouble(), boost::system::errc::no_space_on_device);
    EXPECT_EQ(output.lost(), 10U);
    EXPECT_EQ(output.waiting(), most);
    EXPECT_EQ(output.written(), 0U);
}

TEST_F(AccessOutputTest, AFifoThatNobodyReadsKeepsNobodyWaiting) {
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    AccessOutput output(file.string());
    output.add("one\n");
    output.flush(kNow);
    EXPECT_EQ(output.trouble(), boost::system::errc::no_such_device_or_address);
    const int reader = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_NE(reader, -1);
    const std::string line = std::string(999, 'x') + "\n";
    while (output.lost() == 0) {
        output.add(line);
        output.flush(kNow + AccessOutput::kInterval);
    }
    EXPECT_FALSE(output.trouble()) << output.trouble().message();
    EXPECT_TRUE(output.has_pending());
    // What it has taken and what waits are whole lines in their order.
    std::string seen;
    std::string part(65536, '\0');
    while (output.has_pending()) {
        const ssize_t count = ::read(reader, part.data(), part.size());
        ASSERT_GT(count, 0);
        seen.append(part, 0, static_cast<std::size_t>(count));
        output.flush(kNow + AccessOutput::kInterval);
    }
    for (ssize_t count = 0; (count = ::read(reader, part.data(), part.size())) > 0;) {
        seen.append(part, 0, static_cast<std::size_t>(count));
    }
    EXPECT_EQ(seen.find("one\n"), 0U);
    EXPECT_EQ((seen.size() - 4) % 1000, 0U);
    EXPECT_EQ(output.written(), 1 + (seen.size() - 4) / 1000);
    // The reader goes away.
    ::close(reader);
    output.add(line);
    output.flush(kNow + 2 * AccessOutput::kInterval);
    EXPECT_TRUE(output.trouble());
}

/// In a mount namespace of its own.
void on_a_full_disk(const std::string& directory) {
    ASSERT_NE(::unshare(CLONE_NEWNS), -1);
    ASSERT_NE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), -1);
    ASSERT_NE(::mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=64k"), -1);
    const fs::path filler = fs::path(directory) / "filler";
    const fs::path file = fs::path(directory) / "access.log";
    std::ofstream(filler) << std::string(40'000, 'f');
    AccessOutput output(file.string());
    std::size_t added = 0;
    for (auto now = kNow; !output.trouble() && added < 5000; now += 1ms) {
        output.add("{\"number\":" + std::to_string(added++) + ",\"text\":\"" +
                   std::string(60, 'x') + "\"}\n");
        output.flush(now);
    }
    EXPECT_EQ(output.trouble(), boost::system::errc::no_space_on_device);
    EXPECT_NE(content_of(file).back(), '\n') << "the disk took whole lines: nothing to test";
    for (std::size_t count = 0; count < 100; ++count) {
        output.add("{\"number\":" + std::to_string(added++) + "}\n");
    }
    output.flush(kNow + 1h);
    EXPECT_TRUE(output.trouble());
    fs::remove(filler);
    output.flush(kNow + 2h);
    EXPECT_FALSE(output.trouble() || output.has_pending());
    EXPECT_EQ(output.lost(), 0U);
    EXPECT_EQ(output.written(), added);
    const auto lines = lines_of(file);
    ASSERT_EQ(lines.size(), added);
    for (std::size_t number = 0; number < lines.size(); ++number) {
        boost::system::error_code error;
        const auto json = boost::json::parse(lines[number], error);
        ASSERT_FALSE(error) << lines[number];
        ASSERT_EQ(json.at("number").to_number<std::size_t>(), number);
    }
}

TEST_F(AccessOutputTest, AFullDiskKeepsLinesWholeAndLosesNoneWhenThereIsSpaceAgain) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs the right to mount";
    }
    test::in_child([&] { on_a_full_disk(directory.string()); });
}

TEST_F(AccessOutputTest, AHalfLineDoesNotGoIntoTheNextFile) {
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    const int reader = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_NE(reader, -1);
    AccessOutput output(file.string());
    output.add(std::string(100'000, 'x') + "\n");  // more than a pipe takes
    output.add("two\n");
    output.flush(kNow);
    ASSERT_TRUE(output.has_pending());
    fs::remove(file);
    output.reopen();
    output.flush(kNow);
    EXPECT_EQ(content_of(file), "two\n");
    EXPECT_EQ(output.lost(), 1U);
    ::close(reader);
}

/// The thread with one service that logs to `file`.
class AccessLogTest : public AccessOutputTest {
  protected:
    void start(const std::string& path, std::size_t records = 64) {
        relay::ServiceConfig silent;
        silent.name = "silent";
        relay::ServiceConfig service;
        service.name = "service";
        service.access_log = {relay::AccessLogConfig::Target::File, path,
                              relay::AccessLogConfig::Format::Json};
        queue = std::make_shared<relay::AccessQueue>(1, records);
        log = std::make_unique<AccessLog>(AccessLog::Services{{0, silent}, {1, service}}, queue,
                                          [this](const AccessLogReport& report) {
                                              const std::lock_guard lock{mutex};
                                              reports.push_back(report);
                                              changed.notify_all();
                                          });
    }
    void put(std::uint64_t number) const {
        relay::AccessRecord record;
        record.service = 1;
        record.bytes_to_client = number;
        record.started = std::chrono::steady_clock::now();
        record.ended = record.started;
        queue->put(record);
    }
    bool wait_for(Kind kind) {
        std::unique_lock lock{mutex};
        return changed.wait_for(lock, kPatience, [&] {
            return std::ranges::any_of(reports, [kind](const auto& r) { return r.kind == kind; });
        });
    }
    bool wait_for_lines(std::size_t count) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (lines_of(file).size() < count) {
            if (std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::vector<AccessLogReport> reports;
    std::shared_ptr<relay::AccessQueue> queue;
    std::unique_ptr<AccessLog> log;
};

TEST_F(AccessLogTest, WritesWhatItGetsAndTheRestAtTheEnd) {
    start(file.string());
    put(1);
    ASSERT_TRUE(wait_for_lines(1));
    for (std::uint64_t number = 2; number <= 40; ++number) {
        put(number);
    }
    EXPECT_EQ(log->stop(), 0U);
    const auto lines = lines_of(file);
    ASSERT_EQ(lines.size(), 40U);
    for (std::uint64_t number = 1; number <= 40; ++number) {
        const auto json = boost::json::parse(lines[number - 1]);
        EXPECT_EQ(json.at("bytes_to_client").to_number<std::uint64_t>(), number);
        EXPECT_EQ(json.at("service"), "service");
    }
    EXPECT_TRUE(reports.empty());
}

TEST_F(AccessLogTest, WritesRecordsOfServicesThatAreNewOrGone) {
    start(file.string());
    relay::ServiceConfig other;
    other.name = "other";
    other.access_log = {relay::AccessLogConfig::Target::File, file.string(),
                        relay::AccessLogConfig::Format::Json};
    put(1);
    log->reconfigure({{7, other}}, queue);
    put(2);
    relay::AccessRecord record;
    record.service = 7;
    queue->put(record);
    EXPECT_EQ(log->stop(), 0U);
    std::vector<std::string> names;
    for (const auto& line : lines_of(file)) {
        names.emplace_back(boost::json::parse(line).at("service").as_string());
    }
    EXPECT_EQ(names, (std::vector<std::string>{"service", "service", "other"}));
}

TEST_F(AccessLogTest, TheFirstServiceWithALogMayComeLater) {
    relay::ServiceConfig silent;
    log = std::make_unique<AccessLog>(AccessLog::Services{{0, silent}}, nullptr,
                                      [](const AccessLogReport&) {});
    relay::ServiceConfig service;
    service.name = "service";
    service.access_log = {relay::AccessLogConfig::Target::File, file.string(),
                          relay::AccessLogConfig::Format::Json};
    queue = std::make_shared<relay::AccessQueue>(1, 16);
    log->reconfigure({{0, silent}, {1, service}}, queue);
    put(1);
    EXPECT_TRUE(wait_for_lines(1));
}

TEST_F(AccessLogTest, AFullRingIsReportedOnce) {
    start(file.string(), 4);
    const auto lost_now = [&] { return queue->lost(); };
    for (std::uint64_t number = 0; number < 100'000 && lost_now() < 100; ++number) {
        put(number);
    }
    ASSERT_GE(lost_now(), 100U);
    ASSERT_TRUE(wait_for(Kind::Lost));
    const std::uint64_t unreported = log->stop();
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(reports[0].target, "the queue");
    EXPECT_EQ(reports[0].lost + unreported, lost_now());
}

TEST_F(AccessLogTest, TroubleIsSaidOnceAndItsEndToo) {
    const fs::path inside = directory / "later" / "access.log";
    start(inside.string());
    put(1);
    ASSERT_TRUE(wait_for(Kind::Failed));
    put(2);
    fs::create_directory(inside.parent_path());
    log->reopen();
    ASSERT_TRUE(wait_for(Kind::Recovered));
    EXPECT_EQ(log->stop(), 0U);
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_EQ(reports[0].target, inside.string());
    EXPECT_EQ(reports[0].error, "No such file or directory");
    EXPECT_EQ(lines_of(inside).size(), 2U);
}

TEST_F(AccessLogTest, WhatCannotBeWrittenAtTheEndIsCounted) {
    start("/dev/full");
    for (std::uint64_t number = 0; number < 7; ++number) {
        put(number);
    }
    ASSERT_TRUE(wait_for(Kind::Failed));
    EXPECT_EQ(log->stop(), 7U);
}

TEST_F(AccessLogTest, ReopenFollowsARotation) {
    start(file.string());
    put(1);
    ASSERT_TRUE(wait_for_lines(1));
    fs::rename(file, directory / "access.log.1");
    log->reopen();
    put(2);
    ASSERT_TRUE(wait_for_lines(1));
    EXPECT_EQ(lines_of(directory / "access.log.1").size(), 1U);
}

TEST_F(AccessLogTest, WithoutALogNothingHappens) {
    AccessLog none({}, nullptr, [](const AccessLogReport&) { FAIL(); });
    none.reopen();
    EXPECT_EQ(none.stop(), 0U);
}

}  // namespace
}  // namespace tandem::daemon
