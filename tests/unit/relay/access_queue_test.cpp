#include "proxy/relay/access_queue.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

AccessRecord record_of(std::uint32_t worker, std::uint64_t number) {
    AccessRecord record;
    record.id.worker = worker;
    record.bytes_to_client = number;
    return record;
}

TEST(AccessQueue, RecordsOfAWorkerComeInOrder) {
    AccessQueue queue{2, 4};
    AccessRecord record;
    EXPECT_FALSE(queue.take(record));
    for (std::uint64_t number = 0; number < 10; ++number) {
        queue.put(record_of(1, number));
        ASSERT_TRUE(queue.take(record));
        EXPECT_EQ(record.id.worker, 1U);
        EXPECT_EQ(record.bytes_to_client, number);
    }
    EXPECT_FALSE(queue.take(record));
}

TEST(AccessQueue, AFullRingLosesTheNewestAndCounts) {
    AccessQueue queue{2, 4};
    for (std::uint64_t number = 0; number < 7; ++number) {
        queue.put(record_of(0, number));
    }
    queue.put(record_of(1, 100));
    EXPECT_EQ(queue.lost(), 3U);
    std::vector<std::uint64_t> seen;
    for (AccessRecord record; queue.take(record);) {
        seen.push_back(record.bytes_to_client);
    }
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 100, 1, 2, 3}));
    queue.put(record_of(0, 8));
    EXPECT_EQ(queue.lost(), 3U);
    AccessRecord record;
    EXPECT_TRUE(queue.take(record));
}

TEST(AccessQueue, NothingIsLostSilentlyBetweenThreads) {
    constexpr std::uint64_t kRecords = 20'000;
    AccessQueue queue{2, 64};
    std::atomic<bool> done{false};
    std::uint64_t seen = 0;
    std::thread reader([&] {
        std::uint64_t last[2] = {0, 0};
        const auto take_all = [&] {
            for (AccessRecord record; queue.take(record); ++seen) {
                EXPECT_GT(record.bytes_to_client, last[record.id.worker]);
                last[record.id.worker] = record.bytes_to_client;
            }
        };
        while (!done.load()) {
            queue.wait();
            take_all();
        }
        take_all();
    });
    std::vector<std::thread> workers;
    for (std::uint32_t worker = 0; worker < 2; ++worker) {
        workers.emplace_back([&queue, worker] {
            for (std::uint64_t number = 1; number <= kRecords; ++number) {
                queue.put(record_of(worker, number));
            }
        });
    }
    for (std::thread& worker : workers) {
        worker.join();
    }
    done.store(true);
    queue.wake();
    reader.join();
    EXPECT_EQ(seen + queue.lost(), 2 * kRecords);
    EXPECT_GT(seen, 0U);
}

TEST(AccessQueue, ASleepingReaderIsWoken) {
    AccessQueue queue{1, 4};
    std::thread reader([&] {
        AccessRecord record;
        while (!queue.take(record)) {
            queue.wait();
        }
    });
    queue.put(record_of(0, 1));
    reader.join();
    queue.wake();
    queue.wait();  // a wake() that came before counts
}

}  // namespace
}  // namespace tandem::relay
