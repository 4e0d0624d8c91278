#include "proxy/relay/worker.hpp"

#include <algorithm>
#include <csignal>
#include <memory>
#include <utility>

namespace tandem::relay {

error_code Worker::add_service(ServiceState& state, Admission& admission, EngineObserver& observer,
                               Descriptor socket) {
    shards_.push_back(std::make_unique<ServiceShard>(reactor_, index_, state, admission, observer,
                                                     std::move(socket)));
    return shards_.back()->start();
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

void Worker::purge(const std::string& instance) {
    for_instance(instance, [this](ServiceShard& shard) {
        reactor_.post([&shard, silence = shard.silence_orders()] { shard.purge(silence); });
    });
}

void Worker::set_table(std::size_t service, std::shared_ptr<const MaglevTable> table) {
    reactor_.post([this, service, table = std::move(table)]() mutable {
        shards_[service]->set_table(std::move(table));
    });
}

bool Worker::ask() {
    if (question_open_.exchange(true)) {
        return false;
    }
    reactor_.post([this] { question_open_.store(false); });
    return true;
}

void Worker::serve_queue(std::size_t service) {
    reactor_.post([this, service] { shards_[service]->serve_queue(); });
}

void Worker::reset_upstream(std::size_t service, std::size_t upstream) {
    reactor_.post([this, service, upstream] { shards_[service]->reset_upstream(upstream); });
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
