#include "proxy/relay/buffer_pool.hpp"

#include "proxy/relay/half.hpp"

#include <new>
#include <utility>

namespace tandem::relay {

namespace {
constexpr std::size_t kKeptPerSize = std::size_t{4} * 1024 * 1024;

std::size_t size_index(std::size_t capacity) {
    return capacity == Half::kSmallest ? 0U : capacity == Half::kLargest ? 2U : 1U;
}
}  // namespace

Buffer BufferPool::acquire(std::size_t capacity) {
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

}  // namespace tandem::relay
