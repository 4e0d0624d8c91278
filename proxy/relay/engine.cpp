#include "proxy/relay/engine.hpp"

#include "proxy/relay/buffer_pool.hpp"
#include "proxy/relay/collector.hpp"
#include "proxy/relay/engine_impl.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <limits>
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

}  // namespace

std::string Engine::Impl::listen_error(const ServiceConfig& service, const error_code& error) {
    std::ostringstream text;
    text << service.name << ": cannot listen on " << service.listen << ": " << error.message();
    return text.str();
}

Engine::Impl::Impl(EngineConfig configuration, EngineObserver& notices)
    : observer(notices),
      worker_count(configuration.workers != 0 ? configuration.workers
                                              : std::max(1U, std::thread::hardware_concurrency())),
      buffer_memory(configuration.buffer_memory != 0 ? configuration.buffer_memory
                                                     : default_buffer_memory()),
      pools(std::random_device{}()),
      admission(
          connection_limit(configuration, worker_count), worker_count,
          [this](std::size_t worker) { workers[worker]->retry_admission(); },
          configuration.max_connections != 0 ? "configured" : default_connection_limit_origin()) {
    for (ServiceConfig& service : configuration.services) {
        services.push_back(std::make_shared<ServiceState>(std::move(service), pools, worker_count));
        give_number(*services.back());
        make_queue(*services.back());
    }
}

unsigned Engine::Impl::connection_limit(const EngineConfig& config, unsigned workers) {
    if (config.max_connections != 0) {
        return config.max_connections;
    }
    return default_connection_limit(kReservedDescriptors +
                                    workers * (kReservedPerWorker + config.services.size()));
}

void Engine::Impl::make_queue(ServiceState& service) {
    if (!service.needs_queue() || service.queue) {
        return;
    }
    // The workers are to find those that wait in it, and it may be gone when they do.
    const auto self = std::make_shared<std::weak_ptr<UpstreamQueue>>();
    service.queue = std::make_shared<UpstreamQueue>(service.config.balance.queue_limit,
                                                    worker_count, [this, self](std::size_t worker) {
                                                        if (const auto queue = self->lock()) {
                                                            workers[worker]->serve_queue(queue);
                                                        }
                                                    });
    *self = service.queue;
}

void Engine::Impl::upstream_changed(const std::shared_ptr<ServiceState>& service,
                                    std::size_t upstream) {
    if (service->queue) {
        service->queue->upstreams_changed();
    }
    const bool down =
        !service->upstreams.up(upstream) || service->upstreams.admin(upstream) == AdminState::Down;
    if (down && service->config.upstreams[upstream].balance.reset_on_down) {
        for (const auto& worker : workers) {
            worker->reset_upstream(service, upstream);
        }
    }
}

void Engine::Impl::provide_access_queue(ServiceState& service) {
    if (service.config.access_log.enabled()) {
        if (!access_queue) {
            access_queue = std::make_shared<AccessQueue>(worker_count);
        }
        service.access_queue = access_queue.get();
    }
}

// With the lock on orders: the workers are to get the tables in the order of the orders.
void Engine::Impl::weight_changed(const std::shared_ptr<ServiceState>& service,
                                  std::size_t upstream) {
    if (const auto table = Balancer::make_table(service->config, service->upstreams)) {
        for (const auto& worker : workers) {
            worker->set_table(service, table);
        }
    }
    upstream_changed(service, upstream);
}

error_code Engine::Impl::open(ServiceState& service, std::vector<Descriptor>& sockets) const {
    if (const error_code error = check_not_listening(service.config.listen)) {
        return error;
    }
    for (unsigned worker = 0; worker < worker_count; ++worker) {
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
        sockets.push_back(std::move(*socket));
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
        for (const auto& service : impl_->services) {
            impl_->provide_access_queue(*service);
        }
    } catch (const boost::system::system_error& error) {
        errors.push_back(std::string{"cannot create a relay worker: "} + error.what());
        impl_->workers.clear();
        return errors;
    }
    for (const auto& service : impl_->services) {
        std::vector<Descriptor> sockets;
        error_code error = impl_->open(*service, sockets);
        for (std::size_t worker = 0; !error && worker < sockets.size(); ++worker) {
            error = impl_->workers[worker]->add_service(service, impl_->admission, impl_->observer,
                                                        std::move(sockets[worker]));
        }
        if (error) {
            errors.push_back(Impl::listen_error(service->config, error));
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

void Engine::activate(const std::string& instance) {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->ordered[instance].open = true;
        impl_->for_instance(instance, [](ServiceState& service) { service.open_gate(); });
    }
    for (const auto& worker : impl_->workers) {
        worker->activate(instance);
    }
}

void Engine::deactivate(const std::string& instance, std::function<void(std::uint64_t)> done) {
    {
        const std::lock_guard lock{impl_->mutex};
        impl_->ordered[instance].open = false;
        impl_->for_instance(instance, [](ServiceState& service) { service.close_gate(); });
    }
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
    static_cast<void>(impl_->order_silence(instance));
}

std::uint64_t Engine::Impl::order_silence(const std::string& instance) {
    const std::lock_guard lock{mutex};
    Orders& now = ordered[instance];
    if (!now.open) {
        ++now.silence;
        for_instance(instance,
                     [&now](ServiceState& service) { service.silence_orders = now.silence; });
    }
    return now.silence;
}

std::uint64_t Engine::Impl::sum(const std::string& instance, Counter ShardCounters::*counter,
                                std::uint64_t ServiceCounters::*before) const {
    std::uint64_t result = 0;
    const std::lock_guard lock{mutex};
    for_instance(instance, [&](const ServiceState& service) {
        for (const auto& part : service.counters) {
            result += (part->service.*counter).get();
        }
    });
    for (const auto& service : services) {
        if (service->config.instance == instance) {
            const auto found = past.find(service->config.name);
            result += found == past.end() ? 0 : found->second.service.*before;
        }
    }
    return result;
}

std::uint64_t Engine::connections_reset(const std::string& instance) const {
    return impl_->sum(instance, &ShardCounters::reset_by_demotion,
                      &ServiceCounters::reset_by_demotion);
}

std::uint64_t Engine::active_connections(const std::string& instance) const {
    return impl_->sum(instance, &ShardCounters::active, &ServiceCounters::active);
}

void Engine::purge(const std::string& instance) {
    const std::uint64_t silence = impl_->order_silence(instance);
    for (const auto& worker : impl_->workers) {
        worker->purge(instance, silence);
    }
}

template <class Function>
bool Engine::Impl::for_upstream(const std::string& service, const std::string& upstream,
                                Function function) {
    const std::lock_guard lock{orders};
    bool found = false;
    for (const auto& state : everything()) {
        const auto& upstreams = state->config.upstreams;
        for (std::size_t position = 0; position < upstreams.size(); ++position) {
            if (state->config.name == service && upstreams[position].name == upstream) {
                function(state, position);
                found = true;
            }
        }
    }
    return found;
}

using ServicePointer = std::shared_ptr<ServiceState>;

void Engine::set_upstream_up(const std::string& service, const std::string& upstream, bool up) {
    impl_->for_upstream(service, upstream, [&](const ServicePointer& state, std::size_t position) {
        state->upstreams.set_up(position, up, Clock::now());
        impl_->upstream_changed(state, position);
    });
}

bool Engine::set_upstream_admin(const std::string& service, const std::string& upstream,
                                AdminState admin) {
    return impl_->for_upstream(service, upstream,
                               [&](const ServicePointer& state, std::size_t position) {
                                   state->upstreams.set_admin(position, admin);
                                   impl_->upstream_changed(state, position);
                               });
}

bool Engine::set_upstream_weight(const std::string& service, const std::string& upstream,
                                 std::optional<unsigned> weight) {
    return impl_->for_upstream(service, upstream,
                               [&](const ServicePointer& state, std::size_t position) {
                                   state->upstreams.set_weight(position, weight);
                                   impl_->weight_changed(state, position);
                               });
}

void Engine::set_checked_weight(const std::string& service, const std::string& upstream,
                                unsigned weight) {
    impl_->for_upstream(service, upstream, [&](const ServicePointer& state, std::size_t position) {
        if (state->upstreams.checked_weight(position) != weight) {
            state->upstreams.set_checked_weight(position, weight);
            impl_->weight_changed(state, position);
        }
    });
}

void Engine::set_port_share(const std::string& instance, PortShare share) {
    const std::lock_guard lock{impl_->mutex};
    impl_->ordered[instance].port_share = share;
    impl_->for_instance(instance, [share](ServiceState& service) { service.port_share = share; });
}

bool Engine::list_connections(const std::string& service, std::size_t most,
                              const std::function<void(ConnectionList)>& done) {
    ConnectionLister::Filter filter;
    if (!service.empty()) {
        filter.emplace();
        for (const auto& state : impl_->everything()) {
            if (state->config.name == service) {
                filter->push_back(state->position);
            }
        }
        if (filter->empty()) {
            return false;
        }
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

void Engine::disconnect_addresses(std::vector<IpAddress> addresses,
                                  const std::function<void(std::uint64_t)>& done) {
    const auto uses = [addresses = std::move(addresses)](const Endpoint& endpoint) {
        return std::ranges::find(addresses, endpoint.address()) != addresses.end();
    };
    list_connections({}, std::numeric_limits<std::size_t>::max(),
                     [this, uses, done](const ConnectionList& list) {
                         std::vector<FlowId> ids;
                         for (const ConnectionInfo& each : list.connections) {
                             if (uses(each.virtual_address) || uses(each.source)) {
                                 ids.push_back(each.id);
                             }
                         }
                         disconnect(
                             ids, [done](const std::vector<FlowId>& ended) { done(ended.size()); });
                     });
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

}  // namespace tandem::relay
