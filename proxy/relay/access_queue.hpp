// From the workers to whoever writes the access log: bounded rings, one per worker.
#pragma once

#include "proxy/relay/access_record.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tandem::relay {

/// Each worker put()s into its own ring; one reader takes from all. A worker never waits: a record
/// that finds its ring full is lost and counted. It makes a system call only when the reader
/// sleeps, so a reader that looks again after a pause, instead of waiting at once, costs a busy
/// worker nothing.
class AccessQueue {
  public:
    /// 1.5 MB. At 50 000 connections per second a reader may be away for 160 ms.
    static constexpr std::size_t kRecordsPerWorker = 8192;

    /// Throws boost::system::system_error when the kernel gives no eventfd.
    /// @param records a power of two.
    explicit AccessQueue(std::size_t workers, std::size_t records = kRecordsPerWorker);
    ~AccessQueue();
    AccessQueue(const AccessQueue&) = delete;
    AccessQueue& operator=(const AccessQueue&) = delete;

    /// By the worker record.id.worker only.
    void put(const AccessRecord& record);

    /// By the reader. False: nothing is there.
    bool take(AccessRecord& record);
    /// By the reader: until there is something to take, or wake().
    void wait();
    /// By the reader: for the whole time, or until wake(). Workers do not end it.
    void pause(std::chrono::milliseconds time);
    /// Ends a wait() or pause(), or the next one. Any thread.
    void wake();

    /// Records lost since the start, any thread.
    [[nodiscard]] std::uint64_t lost() const;

  private:
    // Neighbours in memory belong to different threads.
    struct Ring {
        explicit Ring(std::size_t size) : records(size) {}
        alignas(64) std::atomic<std::uint64_t> written{0};
        std::atomic<std::uint64_t> lost{0};
        alignas(64) std::atomic<std::uint64_t> taken{0};
        std::vector<AccessRecord> records;
    };

    [[nodiscard]] bool empty() const;
    void await_bell(int milliseconds);

    std::vector<std::unique_ptr<Ring>> rings_;
    /// Where take() goes on: every worker has its turn.
    std::size_t next_ = 0;
    std::atomic<bool> sleeping_{false};
    int bell_;
};

}  // namespace tandem::relay
