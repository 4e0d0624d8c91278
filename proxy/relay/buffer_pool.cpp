#include "proxy/relay/buffer_pool.hpp"

#include <new>
#include <utility>

#include <unistd.h>

namespace tandem::relay {

namespace {
constexpr std::size_t kKeptPerSize = std::size_t{4} * 1024 * 1024;

std::size_t size_index(std::size_t capacity) {
    return capacity == BufferPool::kSmallest ? 0U : capacity == BufferPool::kLargest ? 2U : 1U;
}
}  // namespace

Buffer BufferPool::acquire(std::size_t capacity) {
    if (!has_room()) {
        return {};
    }
    if (in_use_ + capacity > limit_ / 2) {
        capacity = kSmallest;
    }
    auto& free = free_[size_index(capacity)];
    Buffer buffer;
    if (!free.empty()) {
        buffer = std::move(free.back());
        free.pop_back();
    } else {
        buffer.data.reset(new (std::nothrow) std::byte[capacity]);
        buffer.capacity = buffer.data ? capacity : 0;
    }
    in_use_ += buffer.capacity;
    return buffer;
}

void BufferPool::release(Buffer buffer) {
    in_use_ -= buffer.capacity;
    auto& free = free_[size_index(buffer.capacity)];
    if ((free.size() + 1) * buffer.capacity <= kKeptPerSize) {
        free.push_back(std::move(buffer));
    }
}

std::size_t default_buffer_memory() {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long size = ::sysconf(_SC_PAGESIZE);
    constexpr std::size_t kUnknown = std::size_t{256} * 1024 * 1024;
    return pages > 0 && size > 0
               ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(size) / 4
               : kUnknown;
}

}  // namespace tandem::relay
