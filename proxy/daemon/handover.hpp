// Reports of one thread for another that may be slow: bounded, and the sender never waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace tandem::daemon {

/// A ring between one sender and one receiver, without a lock: a sender of real-time priority must
/// not wait for a mutex that an ordinary thread holds while it is preempted. For the same reason
/// what a report holds is freed by the thread that made it, at the next lap: malloc's locks are not
/// shared either. So a report should hold plain values, and copy what it passes on.
/// When the ring is full, because the receiver does not run, new reports are dropped and counted;
/// the receiver is told when it runs again.
class Handover {
  public:
    /// Called once, by the receiver.
    using Report = std::function<void()>;
    static constexpr std::size_t kCapacity = 1024;

    /// @param context runs the receiver; must run on one thread only.
    /// @param on_lost called by the receiver with the number of reports dropped since the last
    /// call.
    /// @throws boost::system::system_error when the process has no descriptor left.
    Handover(boost::asio::io_context& context, std::function<void(std::uint64_t)> on_lost);
    Handover(const Handover&) = delete;
    Handover& operator=(const Handover&) = delete;

    /// By the sender. Only one thread at a time.
    void push(Report report);

    /// By the receiver: runs what was pushed before, without waiting for the context's turn.
    void drain();

  private:
    void wait();

    std::function<void(std::uint64_t)> on_lost_;
    /// An eventfd.
    boost::asio::posix::stream_descriptor wakeup_;
    std::vector<Report> ring_;
    /// Reports pushed and taken since the start; the difference is what waits.
    std::atomic<std::uint64_t> pushed_{0};
    std::atomic<std::uint64_t> taken_{0};
    std::atomic<std::uint64_t> lost_{0};
};

}  // namespace tandem::daemon
