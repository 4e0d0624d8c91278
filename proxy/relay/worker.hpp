// One worker thread: a reactor and its shard of every service.
#pragma once

#include "proxy/relay/connection_lister.hpp"
#include "proxy/relay/reactor.hpp"
#include "proxy/relay/service_shard.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace tandem::relay {

/// add_service() for each service in order, then start(). After that every function is
/// thread-safe and works by message.
class Worker {
  public:
    /// Throws boost::system::system_error when the kernel gives no epoll set.
    /// @param buffer_memory bytes that its buffers may have together.
    Worker(std::size_t index, std::size_t buffer_memory) : index_(index) {
        reactor_.buffers().set_limit(buffer_memory);
    }
    ~Worker() { stop(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    error_code add_service(ServiceState& state, Admission& admission, EngineObserver& observer,
                           Descriptor socket);
    void start();
    /// Resets every flow and joins the thread: begin_stop() and join().
    void stop();
    /// Lets the thread end after the orders it has been given.
    void begin_stop();
    void join();

    // For every service of the instance, whose gate has been set.
    void activate(const std::string& instance);
    /// `done(flows_reset)` runs on the worker's thread.
    void deactivate(const std::string& instance, std::function<void(std::uint64_t)> done);
    void purge(const std::string& instance);
    void set_table(std::size_t service, std::shared_ptr<const MaglevTable> table);
    void retry_admission();
    /// `done(list)` runs on the worker's thread, some turns later; not when the worker ends first.
    void list_connections(ConnectionLister::Filter filter, std::size_t most,
                          std::function<void(ConnectionList)> done);
    /// `done(those that were there)` runs on the worker's thread. Those of other workers are not.
    void disconnect(std::vector<FlowId> ids, std::function<void(std::vector<FlowId>)> done);
    void serve_queue(std::size_t service);
    /// The upstream went down: ends its connections.
    void reset_upstream(std::size_t service, std::size_t upstream);
    /// Asks for a sign of life, unless the last question is open still.
    /// @return whether the last one was answered.
    bool ask();

    /// Counters may be read from any thread.
    [[nodiscard]] const ServiceShard& shard(std::size_t service) const { return *shards_[service]; }

  private:
    template <class Function>
    void for_instance(const std::string& instance, Function function);

    const std::size_t index_;
    Reactor reactor_;
    std::vector<std::unique_ptr<ServiceShard>> shards_;
    /// Those that are under way.
    std::vector<std::unique_ptr<ConnectionLister>> listers_;
    std::thread thread_;
    std::atomic<bool> question_open_{false};
    bool stopping_ = false;
};

}  // namespace tandem::relay
