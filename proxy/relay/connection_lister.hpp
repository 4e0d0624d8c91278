// Walks through the connections of one worker, a few in every turn.
#pragma once

#include "proxy/relay/connection_info.hpp"
#include "proxy/relay/reactor.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace tandem::relay {

/// On the worker's thread: construct, start(). Connections that begin or end meanwhile may be in
/// the list or not; none is in it twice.
class ConnectionLister final : public Task {
  public:
    /// Numbers of services; nullopt: all.
    using Filter = std::optional<std::vector<std::uint16_t>>;
    using Done = std::function<void(ConnectionLister&, ConnectionList)>;

    /// @param most connections in the list; the others are only counted.
    /// @param done called once, at the end of a turn's piece of work; may give it to
    /// Reactor::dispose().
    ConnectionLister(Reactor& reactor, Filter filter, std::size_t most, Done done)
        : reactor_(reactor), filter_(std::move(filter)), most_(most), done_(std::move(done)) {}

    void start() { reactor_.requeue(*this); }

  private:
    void run() override;

    Reactor& reactor_;
    const Filter filter_;
    const std::size_t most_;
    const Done done_;
    std::size_t next_slot_ = 0;
    ConnectionList list_;
};

}  // namespace tandem::relay
