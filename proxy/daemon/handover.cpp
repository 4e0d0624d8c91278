#include "proxy/daemon/handover.hpp"

#include <cerrno>
#include <utility>

#include <boost/system/system_error.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

int make_eventfd() {
    const int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (descriptor == -1) {
        throw boost::system::system_error{errno, boost::system::system_category(), "eventfd"};
    }
    return descriptor;
}

}  // namespace

Handover::Handover(boost::asio::io_context& context, std::function<void(std::uint64_t)> on_lost)
    : on_lost_(std::move(on_lost)), wakeup_(context, make_eventfd()), ring_(kCapacity) {
    wait();
}

void Handover::push(Report report) {
    const std::uint64_t number = pushed_.load(std::memory_order_relaxed);
    if (number - taken_.load(std::memory_order_acquire) == kCapacity) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    ring_[number % kCapacity] = std::move(report);
    pushed_.store(number + 1, std::memory_order_release);
    // Fails only when 2^64 - 1 wake-ups wait, and then the receiver is awake anyway.
    [[maybe_unused]] const int ignored = eventfd_write(wakeup_.native_handle(), 1);
}

void Handover::wait() {
    wakeup_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this](boost::system::error_code error) {
                           if (error) {
                               return;
                           }
                           // Before the ring is read: a message pushed after that wakes again.
                           eventfd_t ignored = 0;
                           eventfd_read(wakeup_.native_handle(), &ignored);
                           drain();
                           wait();
                       });
}

void Handover::drain() {
    const std::uint64_t end = pushed_.load(std::memory_order_acquire);
    for (std::uint64_t number = taken_.load(std::memory_order_relaxed); number != end; ++number) {
        ring_[number % kCapacity]();
        taken_.store(number + 1, std::memory_order_release);
    }
    if (const std::uint64_t lost = lost_.exchange(0, std::memory_order_relaxed); lost > 0) {
        on_lost_(lost);
    }
}

}  // namespace tandem::daemon
