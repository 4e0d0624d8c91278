#include "proxy/relay/reactor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include <boost/system/system_error.hpp>

#include <sys/epoll.h>
#include <unistd.h>

namespace tandem::relay {

namespace {

/// Events fetched at once: large enough to amortise the call, small enough to stay fair.
constexpr std::size_t kEventBatch = 128;
/// The wheel may lag behind the clock for so long when none of its timers is due.
constexpr std::chrono::seconds kWheelLag{1};

}  // namespace

Reactor::Reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ == -1) {
        throw boost::system::system_error(errno, boost::system::system_category(), "epoll_create1");
    }
    std::uint64_t token = 0;
    if (const auto error = watch(mailbox_.descriptor(), EPOLLIN, *this, token)) {
        ::close(epoll_);
        throw boost::system::system_error(error, "epoll_ctl");
    }
}

Reactor::~Reactor() {
    ::close(epoll_);
}

void Reactor::run() {
    while (!stopped_) {
        turn();
    }
}

boost::system::error_code Reactor::watch(int descriptor, std::uint32_t events,
                                         EventHandler& handler, std::uint64_t& token) {
    token = handlers_.insert(handler);
    epoll_event event{};
    event.events = events | EPOLLET;
    event.data.u64 = token;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == -1) {
        handlers_.erase(token);
        return {errno, boost::system::system_category()};
    }
    return {};
}

void Reactor::unwatch(int descriptor, std::uint64_t token) {
    forget(token);
    // Fails for a descriptor that is not watched, and then there is nothing to do.
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
}

void Reactor::schedule(Timer& timer, Clock::duration delay) {
    wheel_.schedule(timer, now_, delay);
    // The exact deadline is up to the wheel; waking up for nothing once is cheaper than asking.
    const auto bounded = std::min<Clock::duration>(delay, std::chrono::hours{24});
    wheel_deadline_ = std::min(wheel_deadline_, now_ + bounded + TimerWheel::kTick);
}

void Reactor::requeue(Task& task) {
    if (!task.is_linked()) {
        tasks_.push_back(task);
    }
}

void Reactor::await_buffer(Task& task) {
    if (!task.is_linked()) {
        starved_.push_back(task);
    }
}

// One a turn, and a turn at once for the next: one that has ended meanwhile wakes nobody else.
void Reactor::feed_starved() {
    if (!starved_.empty() && buffers_.has_room()) {
        Task& task = starved_.front();
        task.unlink();
        tasks_.push_back(task);
    }
}

void Reactor::on_events(std::uint32_t /*events*/) {
    mailbox_.carry_out();
}

int Reactor::patience() const {
    if (!tasks_.empty()) {
        return 0;
    }
    if (wheel_deadline_ == TimePoint::max()) {
        return -1;
    }
    // Rounded up: else the last part of a millisecond is spent turning round.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(wheel_deadline_ - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

void Reactor::turn() {
    std::array<epoll_event, kEventBatch> events;
    // Fails with EINTR only, and then there is nothing.
    const int count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), patience());
    now_ = Clock::now();
    run_timers();
    for (int index = 0; index < count; ++index) {
        const epoll_event& event = events[static_cast<std::size_t>(index)];
        if (EventHandler* handler = handlers_.find(event.data.u64)) {
            handler->on_events(event.events);
        }
    }
    run_tasks();
    disposed_.clear();
    feed_starved();
}

void Reactor::run_timers() {
    if (now_ < wheel_deadline_ && now_ - wheel_time_ < kWheelLag) {
        return;
    }
    wheel_time_ = now_;
    wheel_.advance(now_);
    wheel_deadline_ = wheel_.next_deadline().value_or(TimePoint::max());
}

void Reactor::run_tasks() {
    // What is queued meanwhile is for the next turn.
    TaskList now;
    now.swap(tasks_);
    while (!now.empty()) {
        Task& task = now.front();
        task.unlink();
        task.run();
    }
}

}  // namespace tandem::relay
