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

/// add_service() for each service, then start(). After that every function is thread-safe and works
/// by message.
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

    error_code add_service(std::shared_ptr<ServiceState> state, Admission& admission,
                           EngineObserver& observer, Descriptor socket);
    void start();
    /// While it runs: one service more, with a listening socket.
    void introduce_service(std::shared_ptr<ServiceState> state, Admission& admission,
                           EngineObserver& observer, Descriptor socket);
    /// Likewise: takes the place of another configuration and its listening socket; the connections
    /// of that one go on.
    void replace_service(std::shared_ptr<const ServiceState> before,
                         std::shared_ptr<ServiceState> state, Admission& admission,
                         EngineObserver& observer);
    /// Closes the listening socket; the connections go on.
    void remove_service(std::shared_ptr<const ServiceState> state);
    /// Resets every flow and joins the thread: begin_stop() and join().
    void stop();
    /// Lets the thread end after the orders it has been given.
    void begin_stop();
    void join();

    // For every service of the instance, whose gate has been set.
    void activate(const std::string& instance);
    /// `done(flows_reset)` runs on the worker's thread.
    void deactivate(const std::string& instance, std::function<void(std::uint64_t)> done);
    /// @param silence the order of silence that this carries out.
    void purge(const std::string& instance, std::uint64_t silence);
    void set_table(std::shared_ptr<const ServiceState> service,
                   std::shared_ptr<const MaglevTable> table);
    void retry_admission();
    /// `done(list)` runs on the worker's thread, some turns later; not when the worker ends first.
    void list_connections(ConnectionLister::Filter filter, std::size_t most,
                          std::function<void(ConnectionList)> done);
    /// `done(those that were there)` runs on the worker's thread. Those of other workers are not.
    void disconnect(std::vector<FlowId> ids, std::function<void(std::vector<FlowId>)> done);
    /// For all configurations of a service that share the queue.
    void serve_queue(const std::shared_ptr<UpstreamQueue>& queue);
    /// The upstream went down: ends its connections.
    void reset_upstream(std::shared_ptr<const ServiceState> service, std::size_t upstream);
    /// Asks for a sign of life, unless the last question is open still.
    /// @return whether the last one was answered.
    bool ask();

  private:
    template <class Function>
    void for_instance(const std::string& instance, Function function);
    /// On the worker's thread: there is nobody to tell of an error.
    void add_running_service(std::shared_ptr<ServiceState> state, Admission& admission,
                             EngineObserver& observer, Descriptor socket);
    /// Null: its part here is over.
    [[nodiscard]] ServiceShard* shard_of(const ServiceState& state) const;
    /// Its connections go on. @return its listening socket.
    Descriptor retire(ServiceShard& shard);

    const std::size_t index_;
    Reactor reactor_;
    /// Of every service, and of earlier configurations that have connections still.
    std::vector<std::unique_ptr<ServiceShard>> shards_;
    /// Those that are under way.
    std::vector<std::unique_ptr<ConnectionLister>> listers_;
    std::thread thread_;
    std::atomic<bool> question_open_{false};
    bool stopping_ = false;
};

}  // namespace tandem::relay
