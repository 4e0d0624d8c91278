#include "proxy/relay/pipe_pool.hpp"

#include <array>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace tandem::relay {

namespace {

std::unique_ptr<Pipe> open_pipe(int bound) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == -1) {
        return nullptr;
    }
    auto pipe = std::make_unique<Pipe>();
    pipe->output = Descriptor{ends[0]};
    pipe->input = Descriptor{ends[1]};
    if (ends[0] >= bound || ends[1] >= bound) {
        return nullptr;
    }
    // May be refused; what the pipe has counts.
    static_cast<void>(::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(PipePool::kSize)));
    const int size = ::fcntl(ends[1], F_GETPIPE_SZ);
    const long page = ::sysconf(_SC_PAGESIZE);
    // Two slots, the least that the kernel gives, move less at a time than a buffer does.
    if (size < 16 * page) {
        return nullptr;
    }
    pipe->capacity = static_cast<std::size_t>(size);
    pipe->slots = static_cast<std::size_t>(size / page);
    return pipe;
}

}  // namespace

std::unique_ptr<Pipe> PipePool::acquire(int bound) {
    std::unique_ptr<Pipe> pipe;
    if (!free_.empty()) {
        pipe = std::move(free_.back());
        free_.pop_back();
    } else if (in_use_ < kMost) {
        pipe = open_pipe(bound);
    }
    in_use_ += pipe ? 1U : 0U;
    return pipe;
}

void PipePool::release(std::unique_ptr<Pipe> pipe) {
    --in_use_;
    if (free_.size() < kKept) {
        free_.push_back(std::move(pipe));
    }
}

}  // namespace tandem::relay
