#include "proxy/daemon/handover.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

class HandoverTest : public ::testing::Test {
  protected:
    void push_number(std::size_t number) {
        handover_.push([this, number] { received_.push_back(number); });
    }

    boost::asio::io_context context_{1};
    std::vector<std::size_t> received_;
    std::vector<std::uint64_t> lost_;
    Handover handover_{context_, [this](std::uint64_t count) { lost_.push_back(count); }};
};

TEST_F(HandoverTest, WakesTheReceiverKeepsTheOrderAndCountsEveryLoss) {
    constexpr std::size_t kReports = 200'000;
    std::atomic<bool> stopped = false;
    std::thread receiver{[this, &stopped] {
        while (!stopped) {
            context_.run_one();
        }
    }};
    for (std::size_t number = 0; number < kReports; ++number) {
        push_number(number);
    }
    // Pushed until one finds room in the ring.
    while (!stopped) {
        handover_.push([&stopped] { stopped = true; });
        std::this_thread::yield();
    }
    receiver.join();
    EXPECT_TRUE(std::is_sorted(received_.begin(), received_.end()));
    const auto lost = std::accumulate(lost_.begin(), lost_.end(), std::uint64_t{0});
    EXPECT_LE(received_.size(), kReports);
    EXPECT_GE(received_.size() + lost, kReports) << "a report was neither run nor counted";
}

TEST_F(HandoverTest, FullRingDropsTheNewestAndCountsThem) {
    for (std::size_t number = 0; number < Handover::kCapacity + 7; ++number) {
        push_number(number);
    }
    context_.poll();
    EXPECT_EQ(received_.size(), Handover::kCapacity);
    EXPECT_EQ(received_.back(), Handover::kCapacity - 1);
    EXPECT_EQ(lost_, std::vector<std::uint64_t>{7});

    push_number(1);
    context_.poll();
    EXPECT_EQ(received_.size(), Handover::kCapacity + 1) << "it recovered";
    EXPECT_EQ(lost_.size(), 1U) << "told once";
}

TEST_F(HandoverTest, DrainRunsWhatWaitsAtOnce) {
    push_number(1);
    handover_.drain();
    EXPECT_EQ(received_, std::vector<std::size_t>{1});
    context_.poll();
    EXPECT_EQ(received_.size(), 1U);
}

// The receiver must not free what the sender allocated.
TEST_F(HandoverTest, ReportsAreDestroyedByTheSender) {
    auto held = std::make_shared<int>(0);
    handover_.push([held] { ++*held; });
    handover_.drain();
    EXPECT_EQ(*held, 1);
    EXPECT_EQ(held.use_count(), 2);
    for (std::size_t number = 0; number < Handover::kCapacity; ++number) {
        push_number(number);
        handover_.drain();
    }
    EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace tandem::daemon
