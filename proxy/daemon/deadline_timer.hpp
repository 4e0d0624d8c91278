// Runs a pure machine's next_deadline() on an Asio timer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace tandem::daemon {

/// Calls its handler at a deadline that may be moved at any time. A call may be early when the
/// deadline was moved at the last moment: the machines ignore that. No call after destruction.
class DeadlineTimer {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    DeadlineTimer(boost::asio::io_context& context, std::function<void(TimePoint now)> handler)
        : timer_(context), handler_(std::move(handler)) {}

    /// nullopt: no call until it is set again.
    void set(std::optional<TimePoint> deadline) {
        if (!deadline) {
            timer_.cancel();
            return;
        }
        timer_.expires_at(*deadline);
        timer_.async_wait([this, alive = std::weak_ptr<char>(alive_)](auto error) {
            // A wait that was done before the cancellation arrives without an error.
            if (!error && !alive.expired()) {
                handler_(std::chrono::steady_clock::now());
            }
        });
    }

  private:
    boost::asio::steady_timer timer_;
    std::function<void(TimePoint now)> handler_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace tandem::daemon
