#include "proxy/relay/connection_limits.hpp"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using Entry = Admission::Entry;

TEST(ConnectionLimit, ZeroIsNoLimit) {
    ConnectionLimit limit{0};
    for (int count = 0; count < 1000; ++count) {
        ASSERT_TRUE(limit.enter());
    }
    EXPECT_EQ(limit.used(), 1000U);
}

TEST(Admission, BothLimitsHoldAndAFailedEntryTakesNothing) {
    Admission admission{3, 1, [](std::size_t) {}};
    ConnectionLimit small{1};
    ConnectionLimit large{0};
    EXPECT_EQ(admission.enter(small), Entry::Granted);
    EXPECT_EQ(admission.enter(small), Entry::ServiceFull);
    EXPECT_EQ(admission.enter(large), Entry::Granted);
    EXPECT_EQ(admission.enter(large), Entry::Granted);
    EXPECT_EQ(admission.enter(large), Entry::ProcessFull) << "the process is full";
    admission.leave(small);
    EXPECT_EQ(admission.enter(large), Entry::Granted);
    EXPECT_EQ(small.used(), 0U);
}

TEST(Admission, LeavingWakesEveryWaitingWorkerOnce) {
    std::vector<std::size_t> woken;
    Admission admission{1, 3, [&woken](std::size_t worker) { woken.push_back(worker); }};
    ConnectionLimit service{0};
    ASSERT_EQ(admission.enter(service), Entry::Granted);
    admission.wait(2);
    admission.wait(0);
    admission.wait(2);
    admission.leave(service);
    EXPECT_EQ(woken, (std::vector<std::size_t>{0, 2}));
    ASSERT_EQ(admission.enter(service), Entry::Granted);
    admission.leave(service);
    EXPECT_EQ(woken.size(), 2U);
}

TEST(Admission, AFailedTryWakesNobody) {
    std::vector<std::size_t> woken;
    Admission admission{2, 2, [&woken](std::size_t worker) { woken.push_back(worker); }};
    ConnectionLimit small{1};
    ConnectionLimit large{0};
    ASSERT_EQ(admission.enter(small), Entry::Granted);
    admission.wait(0);
    admission.wait(1);
    EXPECT_EQ(admission.enter(small), Entry::ServiceFull);
    ASSERT_EQ(admission.enter(large), Entry::Granted);
    EXPECT_EQ(admission.enter(large), Entry::ProcessFull);
    EXPECT_TRUE(woken.empty());
}

// The promise of wait(): with a second try after it no wake-up is lost.
TEST(Admission, T30_NoLostWakeups) {
    constexpr std::size_t kThreads = 4;
    std::array<std::atomic<bool>, kThreads> woken{};
    Admission admission{1, kThreads, [&woken](std::size_t worker) {
                            woken[worker] = true;
                            woken[worker].notify_one();
                        }};
    ConnectionLimit service{0};
    std::atomic<int> inside{0};
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < kThreads; ++worker) {
        threads.emplace_back([&, worker] {
            for (int round = 0; round < 5000; ++round) {
                while (admission.enter(service) != Entry::Granted) {
                    woken[worker] = false;
                    admission.wait(worker);
                    if (admission.enter(service) == Entry::Granted) {
                        break;
                    }
                    woken[worker].wait(false);
                }
                ASSERT_EQ(++inside, 1);
                --inside;
                admission.leave(service);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(service.used(), 0U);
}

}  // namespace
}  // namespace tandem::relay
