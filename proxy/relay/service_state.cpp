#include "proxy/relay/service_state.hpp"

#include <algorithm>

namespace tandem::relay {

namespace {

std::optional<NameRouter> make_router(const std::vector<UpstreamConfig>& upstreams) {
    std::vector<RouteConfig> routes;
    bool chooses = false;
    for (const UpstreamConfig& upstream : upstreams) {
        routes.push_back(upstream.route);
        chooses = chooses || !upstream.route.empty();
    }
    return chooses ? std::optional<NameRouter>(std::in_place, std::move(routes)) : std::nullopt;
}

bool limits_clients_alike(const LimitsConfig& one, const LimitsConfig& other) {
    return one.max_connections_per_client == other.max_connections_per_client &&
           one.max_client_connection_rate == other.max_client_connection_rate &&
           one.client_prefix_v4 == other.client_prefix_v4 &&
           one.client_prefix_v6 == other.client_prefix_v6;
}

/// Where in `upstreams` each of `before` is; nothing: not there any more.
std::vector<std::optional<std::size_t>> positions_in(const std::vector<UpstreamConfig>& upstreams,
                                                     const std::vector<UpstreamConfig>& before) {
    std::vector<std::optional<std::size_t>> positions;
    for (const UpstreamConfig& upstream : before) {
        const auto same = std::ranges::find(upstreams, upstream.name, &UpstreamConfig::name);
        positions.push_back(same == upstreams.end()
                                ? std::nullopt
                                : std::optional(std::size_t(same - upstreams.begin())));
    }
    return positions;
}

}  // namespace

ServiceState::ServiceState(ServiceConfig service, SourcePoolFactory& pools, std::size_t workers)
    : configured(service),
      config(std::move(service)),
      limit(std::make_shared<ConnectionLimit>(config.max_connections)),
      access(config.limits.access),
      router(make_router(config.upstreams)),
      life(config.instance.empty() ? 1 : 0),
      upstreams(config),
      workers_left(workers),
      last_errors_(config.upstreams.size()) {
    for (const UpstreamConfig& upstream : config.upstreams) {
        sources.push_back(pools.make(config, upstream));
    }
    for (std::size_t worker = 0; worker < workers; ++worker) {
        counters.push_back(std::make_unique<WorkerCounters>(config.upstreams.size()));
    }
    if (config.balance.persistence_timeout.count() != 0) {
        persistence =
            std::make_shared<PersistenceTable>(config.balance.persistence_timeout, Clock::now());
    }
    if (ClientTable::limits_clients(config.limits)) {
        clients = std::make_shared<ClientTable>(config.limits);
    }
    if (config.limits.max_connection_rate != 0) {
        rate = std::make_shared<SharedRate>(config.limits.max_connection_rate);
    }
}

void ServiceState::inherit(const ServiceState& before) {
    // With port zero: what the kernel chose.
    config.listen = before.config.listen;
    upstreams.inherit(before.upstreams);
    limit = before.limit;
    limit->set_limit(config.max_connections);
    if (limits_clients_alike(config.limits, before.config.limits)) {
        clients = before.clients;
    }
    if (config.limits.max_connection_rate == before.config.limits.max_connection_rate) {
        rate = before.rate;
    }
    if (needs_queue() && before.queue) {
        queue = before.queue;
        queue->set_limit(config.balance.queue_limit);
    }
    const ServiceBalance& balance = config.balance;
    const ServiceBalance& balance_before = before.config.balance;
    if (before.persistence && balance.persistence_timeout.count() != 0 &&
        balance.client_bits_v4 == balance_before.client_bits_v4 &&
        balance.client_bits_v6 == balance_before.client_bits_v6) {
        persistence = std::make_shared<PersistenceTable>(
            balance.persistence_timeout, *before.persistence,
            positions_in(config.upstreams, before.config.upstreams));
    }
}

}  // namespace tandem::relay
