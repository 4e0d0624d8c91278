#include "proxy/relay/source_pool.hpp"

#include <cerrno>

namespace tandem::relay {

namespace {

/// Ports that others hold are rare: a wrong guess about the range must not burn the processor.
constexpr int kMostTries = 10;

/// Another socket has the port or the whole connection; another port may do.
bool port_is_taken(const StartedConnect& attempt) {
    return attempt.error.value() == EADDRINUSE ||
           (attempt.error.value() == EADDRNOTAVAIL && attempt.bound);
}

}  // namespace

ConnectAttempt SourcePool::connect_from(std::uint16_t source, const Endpoint& target,
                                        PortShare share, TimePoint now, int bound) {
    const Source& from = sources_[source];
    ConnectAttempt attempt;
    for (int tries = 0; tries < kMostTries; ++tries) {
        const auto port = from.ports ? from.ports->take(share, now) : std::uint16_t{0};
        if (!port) {
            attempt.error = {EADDRNOTAVAIL, boost::system::system_category()};
            return attempt;
        }
        attempt.lease = {.port = *port, .source = source};
        StartedConnect started = start_connect_from(target, Endpoint{from.address, *port}, bound);
        attempt.error = started.error;
        if (!started.error) {
            attempt.socket = std::move(started.socket);
            return attempt;
        }
        const bool taken = port_is_taken(started);
        give_back(attempt.lease, taken ? PortState::Dirty : PortState::Clean, now);
        attempt.lease = {};
        if (!taken || *port == 0) {
            return attempt;
        }
    }
    return attempt;
}

ConnectAttempt SourcePool::connect(const Endpoint& target, PortShare share, TimePoint now,
                                   int bound) {
    ConnectAttempt attempt;
    if (sources_.empty()) {
        StartedConnect started = start_connect_from(target, std::nullopt, bound);
        attempt.socket = std::move(started.socket);
        attempt.error = started.error;
        return attempt;
    }
    const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t offset = 0; offset < sources_.size(); ++offset) {
        const std::size_t source = (first + offset) % sources_.size();
        attempt = connect_from(static_cast<std::uint16_t>(source), target, share, now, bound);
        // Another source does not help against any other trouble.
        if (attempt.error.value() != EADDRNOTAVAIL && attempt.error.value() != EADDRINUSE) {
            break;
        }
    }
    return attempt;
}

void SourcePool::give_back(SourceLease lease, PortState state, TimePoint now) {
    if (lease.port != 0) {
        sources_[lease.source].ports->give_back(lease.port, state, now);
    }
}

std::size_t SourcePool::ports_in_use() const {
    std::size_t sum = 0;
    for (const Source& source : sources_) {
        sum += source.ports ? source.ports->in_use() : 0;
    }
    return sum;
}

std::size_t SourcePool::ports(PortShare share) const {
    std::size_t sum = 0;
    for (const Source& source : sources_) {
        sum += source.ports ? source.ports->size(share) : 0;
    }
    return sum;
}

std::unique_ptr<SourcePool> SourcePoolFactory::make(const ServiceConfig& service,
                                                    const UpstreamConfig& upstream) {
    const auto& addresses =
        upstream.source_addresses.empty() ? service.source_addresses : upstream.source_addresses;
    std::vector<SourcePool::Source> sources;
    for (const IpAddress& address : addresses) {
        if (address.is_v4() != upstream.endpoint.address().is_v4()) {
            continue;
        }
        const PortRange range = service.source_ports;
        SourcePool::Source source{.address = address, .ports = nullptr};
        if (range.size() > 0) {
            auto& ports = ports_[{address, upstream.endpoint, range.first, range.last}];
            if (!ports) {
                ports = std::make_shared<SourcePorts>(range, start_);
            }
            source.ports = ports;
        }
        sources.push_back(std::move(source));
    }
    return std::make_unique<SourcePool>(std::move(sources));
}

}  // namespace tandem::relay
