#include "proxy/relay/engine.hpp"

#include "proxy/relay/access_queue.hpp"
#include "proxy/relay/buffer_pool.hpp"
#include "proxy/relay/collector.hpp"
#include "proxy/relay/connection_limits.hpp"
#include "proxy/relay/service_state.hpp"
#include "proxy/relay/worker.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <thread>
#include <utility>

#include <boost/system/system_error.hpp>

namespace tandem::relay {

namespace {

/// Descriptors for the rest of the node: logs, netlink, VRRP, checks, the control socket. More than
/// what DescriptorReserve keeps free, so that the limit in connections is met first.
constexpr std::size_t kReservedDescriptors = 96;
/// Descriptors of a worker beside its listeners: epoll sets, timer, wake-up.
constexpr std::size_t kReservedPerWorker = 5;

std::string listen_error(const ServiceConfig& service, const error_code& error) {
    std::ostringstream text;
    text << service.name << ": cannot listen on " << service.listen << ": " << error.message();
    return text.str();
}

}  // namespace

struct Engine::Impl {
    Impl(EngineConfig configuration, EngineObserver& notices)
        : observer(notices),
          worker_count(configuration.workers != 0
                           ? configuration.workers
                           : std::max(1U, std::thread::hardware_concurrency())),
          buffer_memory(configuration.buffer_memory != 0 ? configuration.buffer_memory
                                                         : default_buffer_memory()),
          admission(
              connection_limit(configuration, worker_count), worker_count,
              [this](std::size_t worker) { workers[worker]->retry_admission(); },
              configuration.max_connections != 0 ? "configured"
                                                 : default_connection_limit_origin()) {
        SourcePoolFactory pools{std::random_device{}()};
        for (ServiceConfig& service : configuration.services) {
            services.push_back(std::make_unique<ServiceState>(std::move(service), pools));
            services.back()->position = static_cast<std::uint16_t>(services.size() - 1);
        }
    }

    static unsigned connection_limit(const EngineConfig& config, unsigned workers) {
        if (config.max_connections != 0) {
            return config.max_connections;
        }
        return default_connection_limit(kReservedDescriptors +
                                        workers * (kReservedPerWorker + config.services.size()));
    }

    template <class Function>
    void for_instance(const std::string& instance, Function function) const;
    /// Of one counter over the instance's services and all workers: no lock, no allocation.
    [[nodiscard]] std::uint64_t sum(const std::string& instance,
                                    Counter ShardCounters::*counter) const;
    /// Calls it with the indices of service and upstream. @return whether there is one.
    template <class Function>
    bool for_upstream(const std::string& service, const std::string& upstream, Function function);
    /// For the services that need one.
    void make_queues();
    /// After something has changed whether the upstream may get connections.
    void upstream_changed(std::size_t service, std::size_t upstream);
    void weight_changed(std::size_t service, std::size_t upstream);
    /// Every listener of one service, one per worker.
    error_code open(ServiceState& service);
    /// Before open().
    void create_access_queue();

    EngineObserver& observer;
    std::mutex orders;
    const unsigned worker_count;
    const std::size_t buffer_memory;
    std::vector<std::unique_ptr<ServiceState>> services;
    Admission admission;
    /// Before the workers: they put into it to their end.
    std::shared_ptr<AccessQueue> access_queue;
    std::vector<std::unique_ptr<Worker>> workers;
};

void Engine::Impl::make_queues() {
    for (std::size_t index = 0; index < services.size(); ++index) {
        ServiceState& service = *services[index];
        if (service.needs_queue()) {
            service.queue = std::make_unique<UpstreamQueue>(
                service.config.balance.queue_limit, workers.size(),
                [this, index](std::size_t worker) { workers[worker]->serve_queue(index); });
        }
    }
}

void Engine::Impl::upstream_changed(std::size_t service, std::size_t upstream) {
    ServiceState& state = *services[service];
    if (state.queue) {
        state.queue->upstreams_changed();
    }
    const bool down =
        !state.upstreams.up(upstream) || state.upstreams.admin(upstream) == AdminState::Down;
    if (down && state.config.upstreams[upstream].balance.reset_on_down) {
        for (const auto& worker : workers) {
            worker->reset_upstream(service, upstream);
        }
    }
}

void Engine::Impl::create_access_queue() {
    for (const auto& service : services) {
        if (service->config.access_log.enabled()) {
            if (!access_queue) {
                access_queue = std::make_shared<AccessQueue>(worker_count);
            }
            service->access_queue = access_queue.get();
        }
    }
}

// With the lock on orders: the workers are to get the tables in the order of the orders.
void Engine::Impl::weight_changed(std::size_t service, std::size_t upstream) {
    const ServiceState& state = *services[service];
    if (const auto table = Balancer::make_table(state.config, state.upstreams)) {
        for (const auto& worker : workers) {
            worker->set_table(service, table);
        }
    }
    upstream_changed(service, upstream);
}

error_code Engine::Impl::open(ServiceState& service) {
    if (const error_code error = check_not_listening(service.config.listen)) {
        return error;
    }
    for (const auto& worker : workers) {
        auto socket = open_listener(service.config.listen, service.config.limits.sockets);
        if (!socket.has_value()) {
            return socket.error();
        }
        if (service.config.listen.port() == 0) {
            // The other workers have to share the port that this one got.
            const auto endpoint = local_endpoint(*socket);
            if (!endpoint.has_value()) {
                return endpoint.error();
            }
            service.config.listen = *endpoint;
        }
        if (const error_code error =
                worker->add_service(service, admission, observer, std::move(*socket))) {
            return error;
        }
    }
    return {};
}

Engine::Engine(EngineConfig config, EngineObserver& observer)
    : impl_(std::make_unique<Impl>(std::move(config), observer)) {}

Engine::~Engine() {
    stop();
}

void Engine::stop() {
    for (const auto& worker : impl_->workers) {
        worker->begin_stop();
    }
    for (const auto& worker : impl_->workers) {
        worker->join();
    }
}

std::vector<std::string> Engine::start() {
    std::vector<std::string> errors;
    try {
        for (std::size_t index = 0; index < impl_->worker_count; ++index) {
            impl_->workers.push_back(
                std::make_unique<Worker>(index, impl_->buffer_memory / impl_->worker_count));
        }
        impl_->create_access_queue();
    } catch (const boost::system::system_error& error) {
        errors.push_back(std::string{"cannot create a relay worker: "} + error.what());
    }
    impl_->make_queues();
    for (const auto& service : impl_->services) {
        if (const error_code error = impl_->open(*service)) {
            errors.push_back(listen_error(service->config, error));
        }
    }
    if (!errors.empty()) {
        impl_->workers.clear();
        return errors;
    }
    for (const auto& worker : impl_->workers) {
        worker->start();
    }
    return errors;
}

template <class Function>
void Engine::Impl::for_instance(const std::string& instance, Function function) const {
    for (const auto& service : services) {
        if (service->config.instance == instance) {
            function(*service);
        }
    }
}

void Engine::activate(const std::string& instance) {
    impl_->for_instance(instance, [](ServiceState& service) { service.open_gate(); });
    for (const auto& worker : impl_->workers) {
        worker->activate(instance);
    }
}

void Engine::deactivate(const std::string& instance, std::function<void(std::uint64_t)> done) {
    impl_->for_instance(instance, [](ServiceState& service) { service.close_gate(); });
    struct Progress {
        std::atomic<std::size_t> left;
        std::atomic<std::uint64_t> flows_reset;
        std::function<void(std::uint64_t)> done;
    };
    const auto progress = std::make_shared<Progress>();
    progress->left = impl_->workers.size();
    progress->done = std::move(done);
    for (const auto& worker : impl_->workers) {
        worker->deactivate(instance, [progress](std::uint64_t count) {
            progress->flows_reset += count;
            if (--progress->left == 0) {
                progress->done(progress->flows_reset);
            }
        });
    }
}

void Engine::silence(const std::string& instance) {
    impl_->for_instance(instance, [](ServiceState& service) {
        if (!service.is_open()) {
            ++service.silence_orders;
        }
    });
}

std::uint64_t Engine::Impl::sum(const std::string& instance,
                                Counter ShardCounters::*counter) const {
    std::uint64_t result = 0;
    for (std::size_t index = 0; index < services.size(); ++index) {
        if (services[index]->config.instance != instance) {
            continue;
        }
        for (const auto& worker : workers) {
            result += (std::as_const(*worker).shard(index).counters().*counter).get();
        }
    }
    return result;
}

std::uint64_t Engine::connections_reset(const std::string& instance) const {
    return impl_->sum(instance, &ShardCounters::reset_by_demotion);
}

std::uint64_t Engine::active_connections(const std::string& instance) const {
    return impl_->sum(instance, &ShardCounters::active);
}

void Engine::purge(const std::string& instance) {
    silence(instance);
    for (const auto& worker : impl_->workers) {
        worker->purge(instance);
    }
}

template <class Function>
bool Engine::Impl::for_upstream(const std::string& service, const std::string& upstream,
                                Function function) {
    bool found = false;
    for (std::size_t index = 0; index < services.size(); ++index) {
        const ServiceConfig& config = services[index]->config;
        for (std::size_t position = 0; position < config.upstreams.size(); ++position) {
            if (config.name == service && config.upstreams[position].name == upstream) {
                function(index, position);
                found = true;
            }
        }
    }
    return found;
}

void Engine::set_upstream_up(const std::string& service, const std::string& upstream, bool up) {
    impl_->for_upstream(service, upstream, [this, up](std::size_t index, std::size_t position) {
        const std::lock_guard lock{impl_->orders};
        impl_->services[index]->upstreams.set_up(position, up, Clock::now());
        impl_->upstream_changed(index, position);
    });
}

bool Engine::set_upstream_admin(const std::string& service, const std::string& upstream,
                                AdminState state) {
    return impl_->for_upstream(service, upstream,
                               [this, state](std::size_t index, std::size_t position) {
                                   const std::lock_guard lock{impl_->orders};
                                   impl_->services[index]->upstreams.set_admin(position, state);
                                   impl_->upstream_changed(index, position);
                               });
}

bool Engine::set_upstream_weight(const std::string& service, const std::string& upstream,
                                 std::optional<unsigned> weight) {
    return impl_->for_upstream(service, upstream,
                               [this, weight](std::size_t index, std::size_t position) {
                                   const std::lock_guard lock{impl_->orders};
                                   impl_->services[index]->upstreams.set_weight(position, weight);
                                   impl_->weight_changed(index, position);
                               });
}

void Engine::set_checked_weight(const std::string& service, const std::string& upstream,
                                unsigned weight) {
    impl_->for_upstream(service, upstream, [this, weight](std::size_t index, std::size_t position) {
        const std::lock_guard lock{impl_->orders};
        UpstreamGroup& upstreams = impl_->services[index]->upstreams;
        if (upstreams.checked_weight(position) != weight) {
            upstreams.set_checked_weight(position, weight);
            impl_->weight_changed(index, position);
        }
    });
}

void Engine::set_port_share(const std::string& instance, PortShare share) {
    impl_->for_instance(instance, [share](ServiceState& service) { service.port_share = share; });
}

bool Engine::list_connections(const std::string& service, std::size_t most,
                              const std::function<void(ConnectionList)>& done) {
    ConnectionLister::Filter filter;
    if (!service.empty()) {
        const auto named = [&](const auto& state) { return state->config.name == service; };
        const auto found = std::ranges::find_if(impl_->services, named);
        if (found == impl_->services.end()) {
            return false;
        }
        filter = (*found)->position;
    }
    const auto add = [](ConnectionList& sum, ConnectionList part) {
        sum.total += part.total;
        std::ranges::move(part.connections, std::back_inserter(sum.connections));
    };
    const auto finish = [most, done](ConnectionList list) {
        std::ranges::sort(list.connections, std::greater{}, &ConnectionInfo::age);
        list.connections.resize(std::min(list.connections.size(), most));
        done(std::move(list));
    };
    const auto parts = make_collector<ConnectionList>(impl_->workers.size(), add, finish);
    for (const auto& worker : impl_->workers) {
        worker->list_connections(filter, most,
                                 [parts](ConnectionList part) { parts->add(std::move(part)); });
    }
    return true;
}

void Engine::disconnect(const std::vector<FlowId>& ids,
                        const std::function<void(std::vector<FlowId>)>& done) {
    using Ids = std::vector<FlowId>;
    const auto add = [](Ids& sum, const Ids& part) {
        sum.insert(sum.end(), part.begin(), part.end());
    };
    const auto parts = make_collector<Ids>(impl_->workers.size(), add, done);
    for (const auto& worker : impl_->workers) {
        worker->disconnect(ids, [parts](Ids part) { parts->add(std::move(part)); });
    }
}

std::shared_ptr<AccessQueue> Engine::access_queue() const {
    return impl_->access_queue;
}

bool Engine::ask_workers() {
    bool answered = true;
    for (const auto& worker : impl_->workers) {
        answered = worker->ask() && answered;
    }
    return answered;
}

InstanceHealth Engine::health(const std::string& instance) const {
    InstanceHealth health;
    std::size_t services = 0;
    bool any_up = false;
    for (std::size_t index = 0; index < impl_->services.size(); ++index) {
        const ServiceState& state = *impl_->services[index];
        if (state.config.instance != instance || state.config.upstreams.empty()) {
            continue;
        }
        ++services;
        any_up = any_up || state.upstreams.any_up();
        for (const auto& worker : impl_->workers) {
            const int error = std::as_const(*worker).shard(index).accept_error();
            if (error != 0 && health.accept_error == 0) {
                health.accept_error = error;
                health.failing_service = state.config.name;
            }
        }
    }
    health.no_upstream = services > 0 && !any_up;
    return health;
}

Endpoint Engine::listen_endpoint(const std::string& service) const {
    for (const auto& state : impl_->services) {
        if (state->config.name == service) {
            return state->config.listen;
        }
    }
    return {};
}

namespace {

void add(ServiceCounters& sum, const ShardCounters& part) {
    sum.accepted += part.accepted.get();
    sum.active += part.active.get();
    sum.finished += part.finished.get();
    sum.reset_by_client += part.reset_by_client.get();
    sum.reset_by_upstream += part.reset_by_upstream.get();
    sum.reset_by_demotion += part.reset_by_demotion.get();
    sum.ended_by_operator += part.ended_by_operator.get();
    sum.timed_out += part.timed_out.get();
    sum.no_upstream += part.no_upstream.get();
    sum.no_route += part.no_route.get();
    sum.bad_proxy_header += part.bad_proxy_header.get();
    sum.preread_timed_out += part.preread_timed_out.get();
    sum.queue_full += part.queue_full.get();
    sum.queue_timed_out += part.queue_timed_out.get();
    sum.reset_by_down += part.reset_by_down.get();
    sum.refused_inactive += part.refused_inactive.get();
    sum.denied += part.denied.get();
    sum.refused_client_limit += part.refused_client_limit.get();
    sum.refused_client_rate += part.refused_client_rate.get();
    sum.lifetime_over += part.lifetime_over.get();
    sum.local_errors += part.local_errors.get();
    sum.ports_exhausted += part.ports_exhausted.get();
    sum.buffer_waits += part.buffer_waits.get();
    sum.bytes_to_upstream += part.bytes_to_upstream.get();
    sum.bytes_to_client += part.bytes_to_client.get();
    sum.bytes_spliced += part.bytes_spliced.get();
}

}  // namespace

std::vector<ServiceStatus> Engine::status() const {
    const TimePoint now = Clock::now();
    std::vector<ServiceStatus> result;
    for (std::size_t index = 0; index < impl_->services.size(); ++index) {
        const ServiceState& state = *impl_->services[index];
        ServiceStatus status;
        status.name = state.config.name;
        status.instance = state.config.instance;
        status.accepting = !impl_->workers.empty() && state.is_open();
        status.quorum = state.upstreams.quorum();
        status.counters.queued = state.queue ? state.queue->size() : 0;
        status.panic = state.upstreams.panic();
        for (std::size_t position = 0; position < state.config.upstreams.size(); ++position) {
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
            status.upstreams.push_back(std::move(upstream));
        }
        for (const auto& worker : impl_->workers) {
            const ServiceShard& shard = worker->shard(index);
            add(status.counters, shard.counters());
            for (std::size_t position = 0; position < status.upstreams.size(); ++position) {
                const UpstreamCounters& counters = shard.upstream_counters(position);
                status.upstreams[position].active += counters.active.get();
                status.upstreams[position].connected += counters.connected.get();
                status.upstreams[position].connect_failures += counters.connect_failures.get();
            }
        }
        result.push_back(std::move(status));
    }
    return result;
}

}  // namespace tandem::relay
