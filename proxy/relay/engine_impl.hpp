// The parts of an engine.
#pragma once

#include "proxy/relay/access_queue.hpp"
#include "proxy/relay/connection_limits.hpp"
#include "proxy/relay/engine.hpp"
#include "proxy/relay/priority_mutex.hpp"
#include "proxy/relay/service_state.hpp"
#include "proxy/relay/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tandem::relay {

struct Engine::Impl {
    using Services = std::vector<std::shared_ptr<ServiceState>>;
    /// What was ordered for an instance, for services that come later.
    struct Orders {
        bool open = false;
        std::uint64_t silence = 0;
        PortShare port_share = PortShare::Whole;
    };
    /// What earlier configurations of a service have counted.
    struct Past {
        ServiceCounters service;
        struct Upstream {
            std::uint64_t connected = 0;
            std::uint64_t connect_failures = 0;
        };
        std::map<std::string, Upstream> upstreams;
    };

    Impl(EngineConfig configuration, EngineObserver& notices);

    static unsigned connection_limit(const EngineConfig& config, unsigned workers);
    /// What becomes of one service. Without `before` it is new, without `after` it is no more.
    struct Change {
        std::shared_ptr<ServiceState> before;
        std::shared_ptr<ServiceState> after;
        /// For a new one, by worker.
        std::vector<Descriptor> sockets;
    };
    /// The way from one list of services to another. While `errors` are not empty it is none.
    struct Transition {
        Services after;
        std::vector<Change> changes;
        std::vector<std::string> errors;
    };
    /// Opens what is new; nothing that runs is touched.
    Transition prepare(const Services& before, std::vector<ServiceConfig> wanted);
    /// Tells the workers.
    void carry_out(Change& change);
    static std::string listen_error(const ServiceConfig& service, const error_code& error);
    /// The services from now on, instead of those of before.
    void exchange(Services after, const Services& before);
    /// With the lock.
    void give_number(ServiceState& service);
    /// With the lock: the gate as it was ordered.
    void apply_orders(ServiceState& service) const;
    /// With the lock: calls it for every service of the instance, earlier configurations too.
    template <class Function>
    void for_instance(const std::string& instance, Function function) const {
        for (const Services* list : {&services, &retired}) {
            for (const auto& service : *list) {
                if (service->config.instance == instance) {
                    function(*service);
                }
            }
        }
    }
    /// Of one counter over the instance's services and all workers: no allocation.
    [[nodiscard]] std::uint64_t sum(const std::string& instance, Counter ShardCounters::*counter,
                                    std::uint64_t ServiceCounters::*past) const;
    /// Calls it with every configuration that has the upstream, and its index. With the lock on
    /// orders. @return whether there is one.
    template <class Function>
    bool for_upstream(const std::string& service, const std::string& upstream, Function function);
    void make_queue(ServiceState& service);
    /// After something has changed whether the upstream may get connections.
    void upstream_changed(const std::shared_ptr<ServiceState>& service, std::size_t upstream);
    void weight_changed(const std::shared_ptr<ServiceState>& service, std::size_t upstream);
    /// A listening socket for each worker.
    error_code open(ServiceState& service, std::vector<Descriptor>& sockets) const;
    /// Before open(), where the service wants one.
    void provide_access_queue(ServiceState& service);
    /// With the lock on orders: forgets earlier configurations whose last connection has ended;
    /// what they counted stays.
    void forget_ended();
    void remember(const ServiceState& service);
    void add_past(ServiceStatus& status) const;
    /// @return the number of the order in force.
    std::uint64_t order_silence(const std::string& instance);
    [[nodiscard]] Services current() const {
        const std::lock_guard lock{mutex};
        return services;
    }
    [[nodiscard]] Services everything() const;

    EngineObserver& observer;
    /// Held while an order of a check, of the operator or of a reload is carried out, so that the
    /// workers get them in one order. Never by the orders for an instance.
    mutable std::mutex orders;
    const unsigned worker_count;
    const std::size_t buffer_memory;
    SourcePoolFactory pools;

    /// Of the lists and of what was ordered; held for a few instructions only.
    mutable PriorityMutex mutex;
    Services services;
    /// Earlier configurations, and services that are no more, that may have connections still.
    Services retired;
    std::map<std::string, Orders> ordered;
    /// By service.
    std::map<std::string, Past> past;
    std::uint16_t next_number = 0;

    Admission admission;
    /// Before the workers: they put into it to their end.
    std::shared_ptr<AccessQueue> access_queue;
    std::vector<std::unique_ptr<Worker>> workers;
};

}  // namespace tandem::relay
