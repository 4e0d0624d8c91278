#include "proxy/relay/reactor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include <boost/system/system_error.hpp>

#include <sys/epoll.h>

namespace tandem::relay {

namespace {

/// Events fetched at once: large enough to amortise the call, small enough to stay fair.
constexpr std::size_t kEventBatch = 128;

int create_epoll() {
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor == -1) {
        throw boost::system::system_error(errno, boost::system::system_category(), "epoll_create1");
    }
    return descriptor;
}

}  // namespace

Reactor::Reactor()
    : work_(context_.get_executor()), epoll_(context_, create_epoll()), timer_(context_) {}

Reactor::~Reactor() = default;

void Reactor::run() {
    post([] {});
    context_.run();
}

boost::system::error_code Reactor::watch(int descriptor, std::uint32_t events,
                                         EventHandler& handler, std::uint64_t& token) {
    token = handlers_.insert(handler);
    epoll_event event{};
    event.events = events | EPOLLET;
    event.data.u64 = token;
    if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == -1) {
        handlers_.erase(token);
        return {errno, boost::system::system_category()};
    }
    return {};
}

void Reactor::schedule(Timer& timer, Clock::duration delay) {
    wheel_.schedule(timer, now_, delay);
    // The exact deadline is up to the wheel; waking up for nothing once is cheaper than asking.
    const auto bounded = std::min<Clock::duration>(delay, std::chrono::hours{24});
    arm_timer(now_ + bounded + TimerWheel::kTick);
}

void Reactor::requeue(Task& task) {
    if (!task.is_linked()) {
        tasks_.push_back(task);
    }
}

void Reactor::begin_work() {
    const TimePoint now = Clock::now();
    now_ = now;
    wheel_.advance(now);
}

void Reactor::end_work() {
    disposed_.clear();
    if (!tasks_.empty() || more_events_) {
        if (!turn_posted_) {
            turn_posted_ = true;
            boost::asio::post(context_, [this] {
                turn_posted_ = false;
                turn();
            });
        }
    } else if (!waiting_) {
        waiting_ = true;
        epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& error) {
                              waiting_ = false;
                              if (!error) {
                                  turn();
                              }
                          });
    }
}

void Reactor::turn() {
    begin_work();
    dispatch_events();
    run_tasks();
    end_work();
}

void Reactor::dispatch_events() {
    std::array<epoll_event, kEventBatch> events;
    const int count =
        ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    // A full batch means that there may be more. EINTR cannot happen without a timeout.
    more_events_ = count == static_cast<int>(events.size());
    for (int index = 0; index < count; ++index) {
        const epoll_event& event = events[static_cast<std::size_t>(index)];
        if (EventHandler* handler = handlers_.find(event.data.u64)) {
            handler->on_events(event.events);
        }
    }
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

void Reactor::arm_timer(TimePoint deadline) {
    if (deadline >= armed_) {
        return;
    }
    armed_ = deadline;
    timer_.expires_at(deadline);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) {
            return;
        }
        armed_ = TimePoint::max();
        begin_work();
        if (const auto next = wheel_.next_deadline()) {
            arm_timer(*next);
        }
        end_work();
    });
}

}  // namespace tandem::relay
