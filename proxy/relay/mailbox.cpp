#include "proxy/relay/mailbox.hpp"

#include <cerrno>
#include <cstdint>

#include <boost/system/system_error.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

namespace tandem::relay {

Mailbox::Mailbox() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ == -1) {
        throw boost::system::system_error(errno, boost::system::system_category(), "eventfd");
    }
}

Mailbox::~Mailbox() {
    ::close(descriptor_);
}

void Mailbox::put(std::unique_ptr<Order> order) {
    bool first = false;
    {
        const std::lock_guard lock{mutex_};
        first = orders_.empty();
        orders_.push_back(std::move(order));
    }
    if (first) {
        // Cannot fail: the counter is read before it could be full.
        const std::uint64_t one = 1;
        static_cast<void>(::write(descriptor_, &one, sizeof one));
    }
}

void Mailbox::carry_out() {
    // Before the orders are fetched: one that is put in between rings again.
    std::uint64_t count = 0;
    static_cast<void>(::read(descriptor_, &count, sizeof count));
    std::vector<std::unique_ptr<Order>> orders;
    {
        const std::lock_guard lock{mutex_};
        orders.swap(orders_);
    }
    for (const auto& order : orders) {
        order->carry_out();
    }
}

}  // namespace tandem::relay
