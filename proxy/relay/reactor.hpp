// Event loop of one worker: an edge-triggered epoll set, a timer wheel, a mailbox for orders of
// other threads, and a queue of work that was put off to give others their turn.
//
// Not an Asio context on purpose: one epoll_wait() a turn is all it costs. Waiting for this epoll
// set through Asio's costs three system calls more each time.
#pragma once

#include "proxy/relay/buffer_pool.hpp"
#include "proxy/relay/descriptor_reserve.hpp"
#include "proxy/relay/mailbox.hpp"
#include "proxy/relay/pipe_pool.hpp"
#include "proxy/relay/slot_table.hpp"
#include "proxy/relay/timer_wheel.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <boost/system/error_code.hpp>

namespace tandem::relay {

class Flow;

/// Receives the events of one descriptor (EPOLLIN…).
class EventHandler {
  public:
    virtual void on_events(std::uint32_t events) = 0;
    /// The flow whose client's descriptor this is; null for all others.
    virtual Flow* flow_of_client() { return nullptr; }

  protected:
    ~EventHandler() = default;
};

/// Something that can have work left over for a later turn.
class Task
    : public boost::intrusive::list_base_hook<
          boost::intrusive::tag<Task>, boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    Task() = default;
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    virtual ~Task() = default;
    /// One bounded piece of work; requeue() again for the next.
    virtual void run() = 0;
};

/// Everything but run(), stop() and post() belongs to the thread inside run(), or to the thread
/// that prepares before it.
class Reactor final : private EventHandler {
  public:
    /// Throws boost::system::system_error when the kernel gives no epoll set.
    Reactor();
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    /// Until stop(). Orders posted before it are carried out by then.
    void run();
    /// Thread-safe.
    void stop() {
        post([this] { stopped_ = true; });
    }
    /// Runs `command` on the reactor's thread, in the order of the calls. Thread-safe.
    template <class Command>
    void post(Command command) {
        mailbox_.put(std::move(command));
    }

    /// Reports every edge of the descriptor from now on. `token` names the registration.
    boost::system::error_code watch(int descriptor, std::uint32_t events, EventHandler& handler,
                                    std::uint64_t& token);
    /// Call before closing the descriptor: no event reaches the handler after this.
    void forget(std::uint64_t token) { handlers_.erase(token); }
    /// For a descriptor that stays open, and may be watched again.
    void unwatch(int descriptor, std::uint64_t token);

    /// Null: the registration is over.
    [[nodiscard]] EventHandler* handler(std::uint64_t token) const { return handlers_.find(token); }
    // For walking through all registrations.
    [[nodiscard]] std::size_t slots() const { return handlers_.slots(); }
    [[nodiscard]] EventHandler* handler_at(std::size_t slot) const { return handlers_.at(slot); }

    void schedule(Timer& timer, Clock::duration delay);
    /// Runs the task in the next turn, behind the others. Does nothing when it is queued already.
    void requeue(Task& task);
    /// Runs the task in a later turn in which buffers are to be had, or when it is requeued.
    /// Nothing to do for one that is queued already: it will find out itself.
    void await_buffer(Task& task);
    /// Deletes it when the turn is over: its functions may still be running.
    void dispose(std::unique_ptr<Task> task) { disposed_.push_back(std::move(task)); }

    /// Time of this turn.
    [[nodiscard]] TimePoint now() const { return now_; }
    /// Descriptors of new connections are to be numbered below these (see DescriptorReserve).
    [[nodiscard]] int accept_bound() { return descriptors_.accept_bound(now_); }
    [[nodiscard]] int connect_bound() { return descriptors_.connect_bound(now_); }
    BufferPool& buffers() { return buffers_; }
    PipePool& pipes() { return pipes_; }

  private:
    using TaskList = boost::intrusive::list<Task, boost::intrusive::base_hook<Task>,
                                            boost::intrusive::constant_time_size<false>>;
    /// The mailbox has something.
    void on_events(std::uint32_t events) override;
    void turn();
    /// Milliseconds for epoll_wait(); -1: until something happens.
    [[nodiscard]] int patience() const;
    void run_timers();
    void run_tasks();
    void feed_starved();

    TimePoint now_ = Clock::now();
    BufferPool buffers_;
    PipePool pipes_;
    DescriptorReserve descriptors_;
    SlotTable<EventHandler> handlers_;
    TimerWheel wheel_{now_};
    /// When the wheel was told the time.
    TimePoint wheel_time_ = now_;
    /// When the wheel has something to do at the earliest; max: never.
    TimePoint wheel_deadline_ = TimePoint::max();
    TaskList tasks_;
    /// They wait for a buffer.
    TaskList starved_;
    std::vector<std::unique_ptr<Task>> disposed_;
    Mailbox mailbox_;
    int epoll_ = -1;
    bool stopped_ = false;
};

}  // namespace tandem::relay
