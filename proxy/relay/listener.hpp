// One listening socket of one worker: accepts in batches, pauses instead of spinning.
#pragma once

#include "proxy/relay/reactor.hpp"
#include "proxy/relay/sockets.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::relay {

/// What a listener asks of its owner.
class ListenerOwner {
  public:
    /// True: one more connection may be accepted; accepted() or not_accepted() follows. False: the
    /// owner calls Listener::resume() when it is worth asking again.
    virtual bool admit() = 0;
    /// For people: why admit() said no.
    [[nodiscard]] virtual std::string limit_reached() const = 0;
    virtual void not_accepted() = 0;
    /// @param client where it comes from, if the listener was told to ask.
    virtual void accepted(Descriptor socket, const Endpoint& client) = 0;
    virtual void on_paused(std::string_view reason) = 0;
    virtual void on_resumed() = 0;
    /// accept() fails with this errno and is tried again; zero: it works again, or failed for a
    /// shortage and is not tried because of a limit.
    virtual void on_accept_failing(int error) = 0;

  protected:
    ~ListenerOwner() = default;
};

class Listener final : public EventHandler, public Task, public Timer {
  public:
    /// @param ask_client the owner needs to know where connections come from.
    Listener(Reactor& reactor, Descriptor socket, ListenerOwner& owner, bool ask_client = false)
        : reactor_(reactor),
          socket_(std::move(socket)),
          owner_(owner),
          client_(ask_client ? &client_endpoint_ : nullptr) {}
    ~Listener() override;

    /// Before the reactor runs.
    error_code start();
    /// Accepts nothing until thaw(); what arrives stays in the kernel's queue.
    void freeze();
    void thaw();
    /// Ends a pause.
    void resume();
    /// Gives the socket away: nothing is accepted here any more.
    Descriptor release();
    /// After admit() said no: asks again when that time is over.
    void resume_after(Clock::duration delay) { reactor_.schedule(*this, delay); }
    /// Hands one connection of the kernel's queue to the owner without asking admit(), also while
    /// frozen, and from the reserve of descriptors: it is not kept. False: the queue is empty.
    bool accept_next();

  private:
    void on_events(std::uint32_t events) override;
    void run() override;
    void on_timeout() override;
    /// Within the bound that leaves the rest of the process its descriptors.
    boost::system::result<Descriptor> accept_bounded();
    /// One connection. False: stop for now.
    bool accept_one();
    bool accept_failed(const error_code& error);
    void tell_failing(int error);
    void announce_pause(std::string_view reason);
    void announce_resume();

    Reactor& reactor_;
    Descriptor socket_;
    ListenerOwner& owner_;
    Endpoint client_endpoint_;
    /// Null: nobody asks.
    Endpoint* const client_;
    std::uint64_t token_ = 0;
    /// The kernel's queue may hold connections (remembered: an edge is told once).
    bool ready_ = false;
    bool frozen_ = false;
    bool paused_ = false;
    /// The pause was announced and its end was not.
    bool announced_ = false;
    TimePoint last_announcement_{};
    /// The number of the last connection's descriptor.
    int last_descriptor_ = 0;
    /// As last told to the owner.
    int failing_ = 0;
};

}  // namespace tandem::relay
