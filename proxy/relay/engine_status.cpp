// What an engine tells of itself.
#include "proxy/relay/engine_impl.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

namespace tandem::relay {

namespace {

/// Everything that is counted up, with the counter of a worker that it comes from.
struct Counted {
    std::uint64_t ServiceCounters::*sum;
    Counter ShardCounters::*part;
};
constexpr Counted kCounted[] = {
    {&ServiceCounters::accepted, &ShardCounters::accepted},
    {&ServiceCounters::finished, &ShardCounters::finished},
    {&ServiceCounters::reset_by_client, &ShardCounters::reset_by_client},
    {&ServiceCounters::reset_by_upstream, &ShardCounters::reset_by_upstream},
    {&ServiceCounters::reset_by_demotion, &ShardCounters::reset_by_demotion},
    {&ServiceCounters::ended_by_operator, &ShardCounters::ended_by_operator},
    {&ServiceCounters::timed_out, &ShardCounters::timed_out},
    {&ServiceCounters::no_upstream, &ShardCounters::no_upstream},
    {&ServiceCounters::no_route, &ShardCounters::no_route},
    {&ServiceCounters::bad_proxy_header, &ShardCounters::bad_proxy_header},
    {&ServiceCounters::preread_timed_out, &ShardCounters::preread_timed_out},
    {&ServiceCounters::queue_full, &ShardCounters::queue_full},
    {&ServiceCounters::queue_timed_out, &ShardCounters::queue_timed_out},
    {&ServiceCounters::reset_by_down, &ShardCounters::reset_by_down},
    {&ServiceCounters::refused_inactive, &ShardCounters::refused_inactive},
    {&ServiceCounters::denied, &ShardCounters::denied},
    {&ServiceCounters::refused_client_limit, &ShardCounters::refused_client_limit},
    {&ServiceCounters::refused_client_rate, &ShardCounters::refused_client_rate},
    {&ServiceCounters::lifetime_over, &ShardCounters::lifetime_over},
    {&ServiceCounters::local_errors, &ShardCounters::local_errors},
    {&ServiceCounters::ports_exhausted, &ShardCounters::ports_exhausted},
    {&ServiceCounters::buffer_waits, &ShardCounters::buffer_waits},
    {&ServiceCounters::bytes_to_upstream, &ShardCounters::bytes_to_upstream},
    {&ServiceCounters::bytes_to_client, &ShardCounters::bytes_to_client},
    {&ServiceCounters::bytes_spliced, &ShardCounters::bytes_spliced},
};

void add(ServiceCounters& sum, const ShardCounters& part) {
    sum.active += part.active.get();
    for (const Counted& counted : kCounted) {
        sum.*counted.sum += (part.*counted.part).get();
    }
}

/// What is counted up to now, without what is now.
void add_past(ServiceCounters& sum, const ServiceCounters& past) {
    for (const Counted& counted : kCounted) {
        sum.*counted.sum += past.*counted.sum;
    }
}

UpstreamStatus describe(const ServiceState& state, std::size_t position, TimePoint now) {
    UpstreamStatus upstream;
    upstream.name = state.config.upstreams[position].name;
    upstream.weight = state.config.upstreams[position].weight;
    upstream.role = state.config.upstreams[position].balance.role;
    upstream.reset_on_down = state.config.upstreams[position].balance.reset_on_down;
    upstream.up = state.upstreams.up(position);
    upstream.admin = state.upstreams.admin(position);
    upstream.avoided = state.upstreams.avoided(position, now);
    upstream.weight_override = state.upstreams.weight_override(position);
    upstream.checked_weight = state.upstreams.checked_weight(position);
    upstream.last_error = state.last_error(position);
    upstream.ports_in_use = state.sources[position]->ports_in_use();
    upstream.ports = state.sources[position]->ports(state.port_share.load());
    return upstream;
}

/// What one configuration has counted, for upstreams that the service has still.
void add_counters(ServiceStatus& status, const ServiceState& state) {
    for (const auto& part : state.counters) {
        add(status.counters, part->service);
        for (std::size_t position = 0; position < part->upstreams.size(); ++position) {
            const auto same = std::ranges::find(
                status.upstreams, state.config.upstreams[position].name, &UpstreamStatus::name);
            if (same != status.upstreams.end()) {
                const UpstreamCounters& counters = part->upstreams[position];
                same->active += counters.active.get();
                same->connected += counters.connected.get();
                same->connect_failures += counters.connect_failures.get();
            }
        }
    }
}

}  // namespace

InstanceHealth Engine::health(const std::string& instance) const {
    InstanceHealth health;
    std::size_t with_upstreams = 0;
    bool any_up = false;
    const std::lock_guard lock{impl_->mutex};
    for (const auto& state : impl_->services) {
        if (state->config.instance != instance || state->config.upstreams.empty()) {
            continue;
        }
        ++with_upstreams;
        any_up = any_up || state->upstreams.any_up();
        for (const auto& part : state->counters) {
            const int error = part->accept_error.load();
            if (error != 0 && health.accept_error == 0) {
                health.accept_error = error;
                health.failing_service = state->config.name;
            }
        }
    }
    health.no_upstream = with_upstreams > 0 && !any_up;
    return health;
}

Endpoint Engine::listen_endpoint(const std::string& service) const {
    for (const auto& state : impl_->current()) {
        if (state->config.name == service) {
            return state->config.listen;
        }
    }
    return {};
}

std::vector<ServiceStatus> Engine::status() const {
    const std::lock_guard one_at_a_time{impl_->orders};
    impl_->forget_ended();
    const TimePoint now = Clock::now();
    const Impl::Services everything = impl_->everything();
    std::vector<ServiceStatus> result;
    for (const auto& state : impl_->current()) {
        ServiceStatus status;
        status.name = state->config.name;
        status.instance = state->config.instance;
        status.accepting = !impl_->workers.empty() && state->is_open();
        status.quorum = state->upstreams.quorum();
        status.counters.queued = state->queue ? state->queue->size() : 0;
        status.panic = state->upstreams.panic();
        for (std::size_t position = 0; position < state->config.upstreams.size(); ++position) {
            status.upstreams.push_back(describe(*state, position, now));
        }
        for (const auto& each : everything) {
            if (each->config.name == status.name) {
                add_counters(status, *each);
            }
        }
        impl_->add_past(status);
        result.push_back(std::move(status));
    }
    return result;
}

void Engine::Impl::add_past(ServiceStatus& status) const {
    const std::lock_guard lock{mutex};
    const auto found = past.find(status.name);
    if (found == past.end()) {
        return;
    }
    relay::add_past(status.counters, found->second.service);
    for (UpstreamStatus& upstream : status.upstreams) {
        const auto before = found->second.upstreams.find(upstream.name);
        if (before != found->second.upstreams.end()) {
            upstream.connected += before->second.connected;
            upstream.connect_failures += before->second.connect_failures;
        }
    }
}

Engine::Impl::Services Engine::Impl::everything() const {
    const std::lock_guard lock{mutex};
    Services all = services;
    all.insert(all.end(), retired.begin(), retired.end());
    return all;
}

void Engine::Impl::forget_ended() {
    // What they hold is freed without the lock.
    Services ended;
    const std::lock_guard lock{mutex};
    // Looked at once: another may end meanwhile, and what it has counted must not be lost.
    const auto first_ended = std::ranges::stable_partition(retired, [](const auto& service) {
                                 return service->workers_left.load() != 0;
                             }).begin();
    std::ranges::move(first_ended, retired.end(), std::back_inserter(ended));
    retired.erase(first_ended, retired.end());
    for (const auto& service : ended) {
        const auto same_name = [&](const auto& each) {
            return each->config.name == service->config.name;
        };
        if (std::ranges::any_of(services, same_name)) {
            remember(*service);
        }
    }
}

void Engine::Impl::remember(const ServiceState& service) {
    Past& sums = past[service.config.name];
    for (const auto& part : service.counters) {
        add(sums.service, part->service);
        for (std::size_t index = 0; index < part->upstreams.size(); ++index) {
            Past::Upstream& upstream = sums.upstreams[service.config.upstreams[index].name];
            upstream.connected += part->upstreams[index].connected.get();
            upstream.connect_failures += part->upstreams[index].connect_failures.get();
        }
    }
}

}  // namespace tandem::relay
