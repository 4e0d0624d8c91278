// The log against a pipe that nobody reads, a full disk, and one that works again.
#include "proxy/daemon/logging.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Message kLine{"TEST_LINE", Level::Info, "line {number}", "", false};
constexpr Message kDetail{"TEST_DETAIL", Level::Debug, "detail", "", false};

class LogTest : public ::testing::Test {
  protected:
    void SetUp() override { ASSERT_EQ(::pipe2(pipe_.data(), O_CLOEXEC), 0); }
    void TearDown() override {
        ::close(pipe_[0]);
        close_writer();
    }
    void close_writer() {
        if (pipe_[1] != -1) {
            ::close(std::exchange(pipe_[1], -1));
        }
    }
    std::unique_ptr<Log> make_log(bool json = false, bool detail = false) {
        return std::make_unique<Log>(LogOptions{json, true, detail, pipe_[1]});
    }
    static void write_number(Log& log, int number) {
        log.write(kLine, {{"number", std::to_string(number)}});
    }
    /// Reads until `text` was seen or nothing came for a long time.
    std::string read_until(const std::string& text) {
        std::string all;
        while (all.find(text) == std::string::npos) {
            pollfd readable{pipe_[0], POLLIN, 0};
            std::array<char, 65536> buffer{};
            const ssize_t size = ::poll(&readable, 1, 10'000) == 1
                                     ? ::read(pipe_[0], buffer.data(), buffer.size())
                                     : 0;
            if (size <= 0) {
                break;
            }
            all.append(buffer.data(), static_cast<std::size_t>(size));
        }
        return all;
    }
    std::string read_rest() {
        close_writer();
        return read_until("never found");
    }

    std::array<int, 2> pipe_{-1, -1};
};

TEST_F(LogTest, WritesWhatIsQueuedWhenItEnds) {
    auto log = make_log();
    for (int number = 0; number < 100; ++number) {
        write_number(*log, number);
    }
    log.reset();
    const std::string text = read_rest();
    EXPECT_THAT(text, AllOf(HasSubstr(" info TEST_LINE line 0\n"), HasSubstr("line 99\n")));
}

TEST_F(LogTest, DetailOnlyWhenAskedFor) {
    make_log()->write(kDetail, {});
    make_log(false, true)->write(kDetail, {});
    const std::string text = read_rest();
    EXPECT_EQ(text.find("TEST_DETAIL"), text.rfind("TEST_DETAIL"));
    EXPECT_THAT(text, HasSubstr("debug TEST_DETAIL"));
}

TEST_F(LogTest, JsonLineBeginsWithTheTime) {
    make_log(true)->write(kLine, {{"number", "1"}});
    EXPECT_THAT(read_rest(),
                AllOf(::testing::StartsWith(R"({"time":"2)"), HasSubstr(R"("id":"TEST_LINE")")));
}

TEST_F(LogTest, ACallerNeverWaitsForAPipeThatNobodyReads) {
    auto log = make_log();
    const std::string large(1000, 'x');
    // Far more than the pipe and the queue hold.
    for (std::size_t bytes = 0; bytes < 4 * Log::kQueueBytes; bytes += large.size()) {
        log->write(kLine, {{"number", large}});
    }
    write_number(*log, 4711);
    // Read again: the newest lines were kept, and it is told that some are missing.
    const std::string text = read_until("line 4711");
    EXPECT_THAT(text, AllOf(HasSubstr("LOG_LINES_LOST"), HasSubstr("line 4711")));
    EXPECT_LT(text.size(), Log::kQueueBytes + (1U << 17U)) << "queue and pipe";
}

TEST_F(LogTest, TheEndIsBoundedWhenNobodyReads) {
    auto log = make_log();
    const std::string large(1000, 'x');
    for (int line = 0; line < 1000; ++line) {
        log->write(kLine, {{"number", large}});
    }
    write_number(*log, 4711);
    const auto begin = Clock::now();
    log.reset();
    EXPECT_LT(Clock::now() - begin, Log::kStopPatience + 5s);
    // The thread that was left behind has nothing more to write when its descriptor is closed.
    EXPECT_THAT(read_until("line 4711"), HasSubstr("line 4711"));
}

// /dev/full is a disk without space.
TEST_F(LogTest, LinesThatADiskDidNotTakeAreTold) {
    const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    const int pipe = ::dup(pipe_[1]);
    ASSERT_NE(::dup3(full, pipe_[1], O_CLOEXEC), -1);
    auto log = make_log();
    for (int number = 0; number < 10; ++number) {
        write_number(*log, number);
    }
    const auto limit = Clock::now() + 10s;
    while (log->lines_lost() < 10 && Clock::now() < limit) {
        std::this_thread::yield();
    }
    ASSERT_EQ(log->lines_lost(), 10U);
    ASSERT_NE(::dup3(pipe, pipe_[1], O_CLOEXEC), -1);
    write_number(*log, 10);
    write_number(*log, 11);
    log.reset();
    ::close(pipe);
    ::close(full);
    EXPECT_THAT(read_rest(), AllOf(HasSubstr("LOG_LINES_LOST 10 log lines"), HasSubstr("line 10\n"),
                                   HasSubstr("line 11\n"), Not(HasSubstr("line 9\n"))));
}

}  // namespace
}  // namespace tandem::daemon
