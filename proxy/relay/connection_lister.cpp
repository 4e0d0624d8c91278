#include "proxy/relay/connection_lister.hpp"

#include "proxy/relay/flow.hpp"

#include <algorithm>

namespace tandem::relay {

namespace {
// In one turn. Describing a connection is three system calls, looking at a slot is nothing.
constexpr std::size_t kDescribed = 32;
constexpr std::size_t kSlots = 2048;
}  // namespace

void ConnectionLister::run() {
    std::size_t described = 0;
    for (std::size_t looked = 0; looked < kSlots && described < kDescribed; ++looked) {
        if (next_slot_ >= reactor_.slots()) {
            done_(*this, std::move(list_));
            return;
        }
        EventHandler* const handler = reactor_.handler_at(next_slot_++);
        Flow* const flow = handler == nullptr ? nullptr : handler->flow_of_client();
        if (flow == nullptr ||
            (filter_ && std::ranges::find(*filter_, flow->service_index()) == filter_->end())) {
            continue;
        }
        ++list_.total;
        if (list_.connections.size() < most_) {
            list_.connections.push_back(flow->describe());
            ++described;
        }
    }
    reactor_.requeue(*this);
}

}  // namespace tandem::relay
