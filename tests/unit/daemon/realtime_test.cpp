#include "proxy/daemon/realtime.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/resource.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;

/// In threads and processes of their own: priority and limits of the test stay as they are.
template <typename Function>
void in_thread(Function function) {
    std::thread{function}.join();
}

class RealtimeTest : public ::testing::Test {
  protected:
    void SetUp() override {
        in_thread([this] { refused_ = use_realtime_priority(0); });
        if (!refused_.empty()) {
            GTEST_SKIP() << refused_;
        }
    }
    std::string refused_;
};

TEST_F(RealtimeTest, LowestPriorityUnlessAnotherIsGiven) {
    for (const auto& [wanted, expected] : {std::pair{0U, 1}, std::pair{7U, 7}}) {
        in_thread([wanted = wanted, expected = expected] {
            EXPECT_EQ(use_realtime_priority(wanted), "");
            sched_param parameters{};
            EXPECT_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
            EXPECT_EQ(sched_getparam(0, &parameters), 0);
            EXPECT_EQ(parameters.sched_priority, expected);
        });
    }
}

TEST_F(RealtimeTest, WhatTheThreadStartsIsOrdinary) {
    in_thread([] {
        EXPECT_EQ(use_realtime_priority(0), "");
        in_thread([] { EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER); });
    });
}

[[noreturn]] void run_without_waiting() {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (use_realtime_priority(0, 20ms).empty()) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (std::chrono::steady_clock::now() < end) {
        }
    }
    std::exit(EXIT_SUCCESS);
}

TEST_F(RealtimeTest, AThreadThatNeverWaitsIsEnded) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_EXIT(run_without_waiting(), ::testing::KilledBySignal(SIGXCPU), "");
}

TEST(Realtime, RefusalSaysWhatTheThreadHasInstead) {
    // Priority 100 does not exist: refused whatever the privileges are.
    std::string text;
    in_thread([&text] { text = use_realtime_priority(100); });
    EXPECT_NE(text.find("nice"), std::string::npos) << text;
}

}  // namespace
}  // namespace tandem::daemon
