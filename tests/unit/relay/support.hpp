// Real sockets on loopback for the engine tests. Every wait has a bound; nothing sleeps to wait.
#pragma once

#include "proxy/relay/engine.hpp"
#include "proxy/relay/sockets.hpp"
#include "tests/support/child_process.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::relay::test {

/// Longer than anything takes that works, also under a sanitizer on a busy machine.
inline constexpr std::chrono::seconds kPatience{10};

Endpoint loopback(std::uint16_t port = 0, const char* address = "127.0.0.1");

/// Polls the condition; false: not true within `patience`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds patience = kPatience);

/// How a stream ended.
enum class Ending { None, Fin, Reset };

/// Blocking socket of a client or of an upstream.
class Stream {
  public:
    Stream() = default;
    explicit Stream(Descriptor socket);

    [[nodiscard]] int native() const { return socket_.get(); }
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }
    /// False: the other side is gone.
    bool send(std::string_view bytes);
    /// Exactly `count` bytes, or fewer when the stream ended or patience did.
    std::string receive(std::size_t count);
    /// Everything to the end; `ending` says how it ended.
    std::string receive_all();
    [[nodiscard]] Ending ending() const { return ending_; }
    void finish();
    void reset();
    void close() { socket_.close(); }
    [[nodiscard]] Endpoint local() const;
    [[nodiscard]] Endpoint remote() const;
    void set_buffers(int bytes);

  private:
    Descriptor socket_;
    Ending ending_ = Ending::None;
};

/// Not open when refused or out of patience.
Stream connect_to(const Endpoint& endpoint, const std::optional<IpAddress>& source = {});

class Upstream {
  public:
    explicit Upstream(const char* address = "127.0.0.1", int backlog = 128);
    [[nodiscard]] Endpoint endpoint() const { return endpoint_; }
    /// Not open when nobody came within patience.
    Stream accept(std::chrono::milliseconds patience = kPatience);
    /// From now on connections are refused.
    void close() { socket_.close(); }
    [[nodiscard]] int native() const { return socket_.get(); }

  private:
    Descriptor socket_;
    Endpoint endpoint_;
};

/// An endpoint at which connections are refused.
Endpoint refusing_endpoint();

/// An endpoint at which connections are never answered: the queue of a listener is full.
class Blackhole {
  public:
    Blackhole();
    [[nodiscard]] Endpoint endpoint() const { return upstream_.endpoint(); }

  private:
    Upstream upstream_{"127.0.0.1", 0};
    std::vector<Descriptor> fillers_;
};

class RecordingObserver final : public EngineObserver {
  public:
    void on_accept_paused(std::string_view service, std::string_view reason) override;
    void on_accept_resumed(std::string_view service) override;
    void on_no_upstream(std::string_view service, std::string_view last_error) override;
    void on_buffers_short(std::string_view service) override;
    std::vector<std::string> take();

  private:
    void add(std::string line);
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// An engine with one service "service" on 127.0.0.1 and what the test wants to be different.
class Relay {
  public:
    static ServiceConfig service_to(const std::vector<Endpoint>& upstreams);
    explicit Relay(ServiceConfig service, unsigned workers = 1, unsigned max_connections = 0,
                   std::size_t buffer_memory = 0);

    Engine& engine() { return engine_; }
    [[nodiscard]] Endpoint endpoint() const { return engine_.listen_endpoint("service"); }
    [[nodiscard]] ServiceStatus status() const { return engine_.status().at(0); }
    [[nodiscard]] ServiceCounters counters() const { return status().counters; }
    Stream connect(const std::optional<IpAddress>& source = {}) {
        return connect_to(endpoint(), source);
    }
    /// Waits for done. @return flows reset; nullopt: never done.
    std::optional<std::uint64_t> deactivate(const std::string& instance);
    std::vector<std::string> notices() { return observer_.take(); }

  private:
    RecordingObserver observer_;
    Engine engine_;
};

/// Holds a worker: connect to its endpoint, and the worker that accepts stays inside the observer
/// until release().
class BlockingObserver final : public EngineObserver {
  public:
    ~BlockingObserver() override { release(); }
    void on_accept_paused(std::string_view, std::string_view) override {}
    void on_accept_resumed(std::string_view) override {}
    void on_no_upstream(std::string_view service, std::string_view) override;
    void on_buffers_short(std::string_view) override {}
    /// False: no worker came in for this service within patience.
    bool wait_for(const std::string& service);
    /// Lets the worker go that is held for the service; empty: all, and holds none any more.
    void release(const std::string& service = {});

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> held_;
    std::vector<std::string> released_;
    bool open_ = false;
};

using tandem::test::in_child;
/// A command of the test's own, which must succeed.
void run(const std::string& command);

/// Gives this network namespace its loopback interface and an address there (with its length) that
/// can be bound at once: without duplicate address detection, which ends in a work queue.
void add_to_loopback(const std::string& address);

/// Packets of this network namespace, as seen by the driver.
class Capture {
  public:
    Capture();
    /// Outgoing packets whose source is `address`, since the last call.
    std::size_t sent_from(const IpAddress& address);

  private:
    Descriptor socket_;
};

/// Bytes that tell their position: any loss, repetition or exchange is seen.
std::string pattern(std::size_t size, std::uint64_t seed = 0);

}  // namespace tandem::relay::test
