// Active health checks of every upstream, from the node's own address. Shell over the health FSM.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/probe.hpp"
#include "proxy/relay/status.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace tandem::relay {

struct HealthChange {
    std::string service;
    std::string upstream;
    bool up = false;
    /// For people: "connection refused", "HTTP_GET: /: status 503".
    std::string reason;
};

/// An upstream could not be checked for a reason of this node.
struct HealthSkipped {
    std::string service;
    std::string upstream;
    /// For people: "no own address", "Network is unreachable".
    std::string reason;
};

/// A check of an upstream sets its weight (MISC_CHECK with misc_dynamic, FILE_CHECK).
struct HealthWeight {
    std::string service;
    std::string upstream;
    unsigned weight = 0;
};

struct HealthHandlers {
    std::function<void(const HealthChange&)> on_change;
    std::function<void(const HealthSkipped&)> on_skipped;
    std::function<void(const HealthWeight&)> on_weight;
};

/// Runs on the control thread's io_context; every call and callback on that thread.
/// `virtual_addresses` are never used as the source of a check (invariant I3): when the kernel
/// would choose one of them, the check binds to the interface's other address or is skipped with
/// reason "no own address".
///
/// An upstream is up when all of its checks say so, and changes are told of the upstream as a
/// whole.
///
/// Trouble of this node that shows before any packet could leave (no route, link down, no port, no
/// descriptor, no process for a program) says nothing about the upstream (I6): its state stays, the
/// check is tried again within a second, and `on_skipped` is told once until a check was possible
/// again.
class HealthChecker {
  public:
    HealthChecker(boost::asio::io_context& context, const std::vector<ServiceConfig>& services,
                  std::vector<IpAddress> virtual_addresses, HealthHandlers handlers,
                  LocalProbes local = {});
    ~HealthChecker();
    HealthChecker(const HealthChecker&) = delete;
    HealthChecker& operator=(const HealthChecker&) = delete;
    void start();
    void stop();
    /// Goes on with these services and addresses instead, while it runs. A check that is as it was
    /// goes on with its state; one that is new or another starts with what was known of its
    /// upstream. When that leaves an upstream in another state, `on_change` is told before this
    /// returns.
    void reconfigure(const std::vector<ServiceConfig>& services,
                     std::vector<IpAddress> virtual_addresses);
    [[nodiscard]] std::vector<CheckStatus> status() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tandem::relay
