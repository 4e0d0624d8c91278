// Buffers of one worker: nobody holds one while idle, so a few serve many flows.
#pragma once

#include "proxy/relay/half.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tandem::relay {

struct Buffer {
    std::unique_ptr<std::byte[]> data;
    /// Zero: no buffer.
    std::size_t capacity = 0;
};

/// Hands out buffers of the three sizes 16, 64 and 256 KiB, the one used last first (it is still
/// in the cache). Keeps at most 4 MiB of each size for later. Not thread-safe.
///
/// Bounded: from half of the limit on everybody gets the smallest size, so that the other half
/// serves many; at the limit nobody gets one.
class BufferPool {
  public:
    static constexpr std::size_t kSmallest = Half::kSmallest;
    static constexpr std::size_t kLargest = Half::kLargest;

    /// More than what one connection can need to get on.
    static constexpr std::size_t kLeastLimit = std::size_t{256} * 1024;
    /// Bytes that may be handed out; less than kLeastLimit counts as that.
    void set_limit(std::size_t bytes) { limit_ = bytes < kLeastLimit ? kLeastLimit : bytes; }

    /// @param capacity one of the three sizes; it may be less when memory is short.
    /// @return capacity zero: the limit is reached, or with has_room() the system has no memory.
    Buffer acquire(std::size_t capacity);
    void release(Buffer buffer);
    /// A buffer of the smallest size is to be had.
    [[nodiscard]] bool has_room() const { return in_use_ + kSmallest <= limit_; }
    /// What somebody keeps elsewhere and counts here: was, and is now.
    void count(std::size_t was, std::size_t is) { in_use_ += is - was; }
    /// Bytes handed out or counted now.
    [[nodiscard]] std::size_t in_use() const { return in_use_; }

  private:
    std::array<std::vector<Buffer>, 3> free_;
    std::size_t limit_ = SIZE_MAX;
    std::size_t in_use_ = 0;
};

/// The limit for all workers when none is configured: a quarter of the machine's memory.
std::size_t default_buffer_memory();

}  // namespace tandem::relay
