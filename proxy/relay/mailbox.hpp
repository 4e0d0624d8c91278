// Orders from other threads to the thread of an event loop.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tandem::relay {

/// put() from any thread; the loop watches descriptor() for input and then calls carry_out().
class Mailbox {
  public:
    /// Throws boost::system::system_error when the kernel gives no eventfd.
    Mailbox();
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    template <class Command>
    void put(Command command) {
        put(std::unique_ptr<Order>{std::make_unique<Envelope<Command>>(std::move(command))});
    }
    [[nodiscard]] int descriptor() const { return descriptor_; }
    /// What was put before the call, in order.
    void carry_out();

  private:
    struct Order {
        virtual ~Order() = default;
        virtual void carry_out() = 0;
    };
    template <class Command>
    struct Envelope final : Order {
        explicit Envelope(Command content) : command(std::move(content)) {}
        void carry_out() override { command(); }
        Command command;
    };
    void put(std::unique_ptr<Order> order);

    int descriptor_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Order>> orders_;
};

}  // namespace tandem::relay
