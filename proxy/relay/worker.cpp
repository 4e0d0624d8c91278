#include "proxy/relay/worker.hpp"

#include "proxy/relay/socket_limits.hpp"

#include <algorithm>
#include <csignal>
#include <memory>
#include <utility>

namespace tandem::relay {

error_code Worker::add_service(std::shared_ptr<ServiceState> state, Admission& admission,
                               EngineObserver& observer, Descriptor socket) {
    shards_.push_back(std::make_unique<ServiceShard>(reactor_, index_, std::move(state), admission,
                                                     observer, std::move(socket)));
    return shards_.back()->start();
}

void Worker::introduce_service(std::shared_ptr<ServiceState> state, Admission& admission,
                               EngineObserver& observer, Descriptor socket) {
    reactor_.post([this, state = std::move(state), &admission, &observer,
                   socket = std::move(socket)]() mutable {
        add_running_service(std::move(state), admission, observer, std::move(socket));
    });
}

void Worker::add_running_service(std::shared_ptr<ServiceState> state, Admission& admission,
                                 EngineObserver& observer, Descriptor socket) {
    ServiceState& service = *state;
    if (const error_code error =
            add_service(std::move(state), admission, observer, std::move(socket))) {
        // Seen by whoever asks whether the service is well.
        service.counters[index_]->accept_error.store(error.value());
    }
}

void Worker::replace_service(std::shared_ptr<const ServiceState> before,
                             std::shared_ptr<ServiceState> state, Admission& admission,
                             EngineObserver& observer) {
    reactor_.post([this, before = std::move(before), state = std::move(state), &admission,
                   &observer]() mutable {
        ServiceShard& old = *shard_of(*before);
        Descriptor socket = retire(old);
        const SocketLimits& limits = state->config.limits.sockets;
        if (limits != before->config.limits.sockets) {
            // Failure leaves new connections the limits of before.
            static_cast<void>(limit_client_side(socket, limits));
        }
        add_running_service(std::move(state), admission, observer, std::move(socket));
        shards_.back()->succeed(old);
    });
}

void Worker::remove_service(std::shared_ptr<const ServiceState> state) {
    reactor_.post([this, state = std::move(state)] {
        ServiceShard& shard = *shard_of(*state);
        shard.accept_queue();
        retire(shard).close();
    });
}

Descriptor Worker::retire(ServiceShard& shard) {
    return shard.retire([this, &shard] {
        const auto own = std::ranges::find(shards_, &shard, &std::unique_ptr<ServiceShard>::get);
        reactor_.dispose(std::move(*own));
        shards_.erase(own);
    });
}

ServiceShard* Worker::shard_of(const ServiceState& state) const {
    const auto found = std::ranges::find_if(
        shards_, [&state](const auto& shard) { return &shard->state() == &state; });
    return found == shards_.end() ? nullptr : found->get();
}

void Worker::start() {
    thread_ = std::thread([this] {
        // splice() to a socket that was reset raises it, and knows no MSG_NOSIGNAL.
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        reactor_.run();
    });
}

void Worker::stop() {
    begin_stop();
    join();
}

void Worker::begin_stop() {
    if (!thread_.joinable() || std::exchange(stopping_, true)) {
        return;
    }
    reactor_.post([this] {
        for (const auto& shard : shards_) {
            shard->stop();
        }
        reactor_.stop();
    });
}

void Worker::join() {
    if (thread_.joinable()) {
        thread_.join();
    }
}

template <class Function>
void Worker::for_instance(const std::string& instance, Function function) {
    for (const auto& shard : shards_) {
        if (shard->config().instance == instance) {
            function(*shard);
        }
    }
}

void Worker::activate(const std::string& instance) {
    reactor_.post([this, instance] {
        for_instance(instance, [](ServiceShard& shard) { shard.activate(); });
    });
}

void Worker::deactivate(const std::string& instance, std::function<void(std::uint64_t)> done) {
    /// Counts the shards that are not done yet.
    struct Progress {
        std::size_t left = 1;
        std::uint64_t flows_reset = 0;
        std::function<void(std::uint64_t)> done;
        void finish_one(std::uint64_t count) {
            flows_reset += count;
            if (--left == 0) {
                done(flows_reset);
            }
        }
    };
    reactor_.post([this, instance, done = std::move(done)]() mutable {
        const auto progress = std::make_shared<Progress>();
        progress->done = std::move(done);
        for_instance(instance, [&progress](ServiceShard& shard) {
            ++progress->left;
            shard.deactivate([progress](std::uint64_t count) { progress->finish_one(count); });
        });
        // Also when the instance has no service here.
        progress->finish_one(0);
    });
}

void Worker::purge(const std::string& instance, std::uint64_t silence) {
    reactor_.post([this, instance, silence] {
        for_instance(instance, [silence](ServiceShard& shard) { shard.purge(silence); });
    });
}

void Worker::set_table(std::shared_ptr<const ServiceState> service,
                       std::shared_ptr<const MaglevTable> table) {
    reactor_.post([this, service = std::move(service), table = std::move(table)]() mutable {
        if (ServiceShard* const shard = shard_of(*service)) {
            shard->set_table(std::move(table));
        }
    });
}

bool Worker::ask() {
    if (question_open_.exchange(true)) {
        return false;
    }
    reactor_.post([this] { question_open_.store(false); });
    return true;
}

void Worker::serve_queue(const std::shared_ptr<UpstreamQueue>& queue) {
    reactor_.post([this, queue] {
        queue->woken(index_);
        bool left_over = true;
        for (const auto& shard : shards_) {
            if (shard->state().queue == queue) {
                left_over = shard->serve_queue() && left_over;
            }
        }
        // The place that this worker was woken for may be left for another one.
        if (left_over) {
            queue->pass_on(index_);
        }
    });
}

void Worker::reset_upstream(std::shared_ptr<const ServiceState> service, std::size_t upstream) {
    reactor_.post([this, service = std::move(service), upstream] {
        if (ServiceShard* const shard = shard_of(*service)) {
            shard->reset_upstream(upstream);
        }
    });
}

void Worker::list_connections(ConnectionLister::Filter filter, std::size_t most,
                              std::function<void(ConnectionList)> done) {
    reactor_.post([this, filter, most, done = std::move(done)]() mutable {
        auto finish = [this, done = std::move(done)](ConnectionLister& lister,
                                                     ConnectionList list) {
            const auto own = std::find_if(listers_.begin(), listers_.end(),
                                          [&](const auto& each) { return each.get() == &lister; });
            reactor_.dispose(std::move(*own));
            listers_.erase(own);
            done(std::move(list));
        };
        listers_.push_back(
            std::make_unique<ConnectionLister>(reactor_, filter, most, std::move(finish)));
        listers_.back()->start();
    });
}

void Worker::disconnect(std::vector<FlowId> ids, std::function<void(std::vector<FlowId>)> done) {
    reactor_.post([this, ids = std::move(ids), done = std::move(done)] {
        std::vector<FlowId> ended;
        for (const FlowId& id : ids) {
            EventHandler* const handler =
                id.worker == index_ ? reactor_.handler(id.token) : nullptr;
            if (Flow* const flow = handler == nullptr ? nullptr : handler->flow_of_client()) {
                flow->end_by_operator();
                ended.push_back(id);
            }
        }
        done(std::move(ended));
    });
}

void Worker::retry_admission() {
    reactor_.post([this] {
        for (const auto& shard : shards_) {
            shard->retry_admission();
        }
    });
}

}  // namespace tandem::relay
