// Answers the control protocol from the node's parts. On the control thread.
#pragma once

#include "proxy/control/backend.hpp"
#include "proxy/control/event_log.hpp"
#include "proxy/daemon/election.hpp"
#include "proxy/daemon/log_line.hpp"
#include "proxy/relay/engine.hpp"
#include "proxy/relay/health_checker.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace tandem::daemon {

class ControlBackend : public control::Backend {
  public:
    struct Identity {
        std::string config_path;
        std::string node_name;
        std::string config_id;
        unsigned restarts = 0;
    };
    using Write = std::function<void(const Message&, Fields)>;
    /// @param who for the log.
    using Reload = std::function<void(const Fields& who, const control::ReplyHandler& handler)>;

    /// Everything referenced must outlive the backend.
    ControlBackend(boost::asio::io_context& context, Identity identity, relay::Engine& engine,
                   Election& election, const relay::HealthChecker& checks,
                   const control::EventLog& events, Write write, Reload reload);

    /// So many records more are missing in an access log.
    void access_records_lost(std::uint64_t count) { access_records_lost_ += count; }

    void status(control::ReplyHandler handler) override;
    void failover(const control::FailoverRequest& request, control::ReplyHandler handler) override;
    void resume(const std::vector<std::string>& instances, const control::Caller& caller,
                control::ReplyHandler handler) override;
    void upstream(const control::UpstreamRequest& request, control::ReplyHandler handler) override;
    void connections(const control::ConnectionsRequest& request,
                     control::ReplyHandler handler) override;
    void disconnect(const control::DisconnectRequest& request,
                    control::ReplyHandler handler) override;
    void check(const std::string& path, control::ReplyHandler handler) override;
    void reload(const control::Caller& caller, control::ReplyHandler handler) override;
    void version(control::ReplyHandler handler) override;
    void events(const control::EventQuery& query, control::ReplyHandler handler) override;

  private:
    /// Runs `finish(result)` back on the control thread.
    template <typename Finish>
    auto on_control_thread(Finish finish);

    boost::asio::io_context& context_;
    Identity identity_;
    relay::Engine& engine_;
    Election& election_;
    const relay::HealthChecker& checks_;
    const control::EventLog& events_;
    Write write_;
    Reload reload_;
    std::uint64_t access_records_lost_ = 0;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace tandem::daemon
