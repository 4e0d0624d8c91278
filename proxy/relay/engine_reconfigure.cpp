// How an engine goes from one configuration to another while everything runs.
#include "proxy/relay/engine_impl.hpp"

#include <algorithm>
#include <utility>

namespace tandem::relay {

void Engine::Impl::give_number(ServiceState& service) {
    const auto taken = [this](std::uint16_t number) {
        const auto has = [number](const auto& each) { return each->position == number; };
        return std::ranges::any_of(services, has) || std::ranges::any_of(retired, has);
    };
    // In turn: a number means nothing else until the last report of it was read.
    while (taken(next_number)) {
        ++next_number;
    }
    service.position = next_number++;
}

void Engine::Impl::apply_orders(ServiceState& service) const {
    const std::string& instance = service.config.instance;
    const auto found = ordered.find(instance);
    if (found == ordered.end()) {
        return;
    }
    if (found->second.open) {
        service.open_gate();
    }
    service.silence_orders = found->second.silence;
    service.port_share = found->second.port_share;
}

Engine::Impl::Transition Engine::Impl::prepare(const Services& before,
                                               std::vector<ServiceConfig> wanted) {
    const auto name_of = [](const auto& service) -> const std::string& {
        return service->config.name;
    };
    Transition transition;
    for (ServiceConfig& config : wanted) {
        const auto same = std::ranges::find(before, config.name, name_of);
        if (same != before.end() && (*same)->configured == config) {
            transition.after.push_back(*same);
            continue;
        }
        Change change{
            .before = same == before.end() ? nullptr : *same,
            .after = std::make_shared<ServiceState>(std::move(config), pools, worker_count),
            .sockets = {}};
        provide_access_queue(*change.after);
        if (!change.before) {
            if (const error_code error = open(*change.after, change.sockets)) {
                transition.errors.push_back(listen_error(change.after->config, error));
            }
        }
        transition.after.push_back(change.after);
        transition.changes.push_back(std::move(change));
    }
    for (const auto& service : before) {
        if (std::ranges::find(transition.after, name_of(service), name_of) ==
            transition.after.end()) {
            transition.changes.push_back({.before = service, .after = nullptr, .sockets = {}});
        }
    }
    return transition;
}

void Engine::Impl::carry_out(Change& change) {
    for (std::size_t index = 0; index < workers.size(); ++index) {
        Worker& worker = *workers[index];
        if (!change.after) {
            worker.remove_service(change.before);
        } else if (change.before) {
            worker.replace_service(change.before, change.after, admission, observer);
        } else {
            worker.introduce_service(change.after, admission, observer,
                                     std::move(change.sockets[index]));
        }
    }
}

std::vector<std::string> Engine::reconfigure(std::vector<ServiceConfig> services,
                                             const std::function<void()>& announce) {
    const std::lock_guard one_at_a_time{impl_->orders};
    impl_->forget_ended();
    const Impl::Services before = impl_->current();
    Impl::Transition transition = impl_->prepare(before, std::move(services));
    if (!transition.errors.empty()) {
        return transition.errors;
    }
    for (const Impl::Change& change : transition.changes) {
        // Not before nothing can fail any more: limits that both share change with it.
        if (change.before && change.after) {
            change.after->inherit(*change.before);
        }
        if (change.after) {
            impl_->make_queue(*change.after);
        }
    }
    impl_->exchange(std::move(transition.after), before);
    if (announce) {
        announce();
    }
    for (Impl::Change& change : transition.changes) {
        impl_->carry_out(change);
    }
    // A limit may have been raised.
    impl_->admission.wake_waiting();
    impl_->pools.forget_unused();
    return {};
}

void Engine::Impl::exchange(Services after, const Services& before) {
    const std::lock_guard lock{mutex};
    for (const auto& service : before) {
        if (std::ranges::find(after, service) == after.end()) {
            retired.push_back(service);
        }
    }
    for (const auto& service : after) {
        if (std::ranges::find(before, service) == before.end()) {
            give_number(*service);
            apply_orders(*service);
        }
    }
    services = std::move(after);
    // Of services that are no more.
    std::erase_if(past, [this](const auto& each) {
        return std::ranges::none_of(
            services, [&](const auto& service) { return service->config.name == each.first; });
    });
}

std::map<std::uint16_t, ServiceConfig> Engine::numbered_services() const {
    std::map<std::uint16_t, ServiceConfig> result;
    for (const auto& service : impl_->everything()) {
        result.emplace(service->position, service->config);
    }
    return result;
}

}  // namespace tandem::relay
