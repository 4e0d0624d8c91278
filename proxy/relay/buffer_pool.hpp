// Buffers of one worker: nobody holds one while idle, so a few serve many flows.
#pragma once

#include <array>
#include <cstddef>
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
class BufferPool {
  public:
    /// @param capacity one of the three sizes. @return capacity zero: out of memory.
    Buffer acquire(std::size_t capacity);
    void release(Buffer buffer);
    /// Bytes handed out now.
    [[nodiscard]] std::size_t in_use() const { return in_use_; }

  private:
    std::array<std::vector<Buffer>, 3> free_;
    std::size_t in_use_ = 0;
};

}  // namespace tandem::relay
