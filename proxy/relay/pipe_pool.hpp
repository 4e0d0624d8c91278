// Pipes of one worker, through which the kernel moves pages from one socket to another.
#pragma once

#include "proxy/relay/sockets.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace tandem::relay {

struct Pipe {
    Descriptor output;
    Descriptor input;
    /// Bytes, and buffers, each of which holds one piece of one segment.
    std::size_t capacity = 0;
    std::size_t slots = 0;
};

/// Hands out pipes of 1 MiB (fewer bytes when the kernel grants no more: fs.pipe-user-pages-soft),
/// the one used last first. At most kMost are in use and kKept kept for later. Not thread-safe.
class PipePool {
  public:
    static constexpr std::size_t kSize = std::size_t{1024} * 1024;
    static constexpr std::size_t kMost = 256;
    static constexpr std::size_t kKept = 64;

    /// @param bound see start_connect(): descriptors are left to connections.
    /// @return null: none is to be had; go on without.
    std::unique_ptr<Pipe> acquire(int bound);
    /// @pre it is empty: what is in it would reach somebody else. Destroy it instead, and call
    /// lost().
    void release(std::unique_ptr<Pipe> pipe);
    void lost() { --in_use_; }
    [[nodiscard]] std::size_t in_use() const { return in_use_; }

  private:
    std::vector<std::unique_ptr<Pipe>> free_;
    std::size_t in_use_ = 0;
};

}  // namespace tandem::relay
