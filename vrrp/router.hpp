// Shell of one virtual router: sockets and timers around the Elector. Runs on the election thread.
#pragma once

#include "vrrp/elector.hpp"
#include "vrrp/router_counters.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

namespace tandem::vrrp {

/// What a router needs from the rest of the node. Implemented by proxy/daemon. All calls come from
/// the election thread and must not block for longer than a netlink request.
class RouterEnvironment {
  public:
    virtual ~RouterEnvironment() = default;
    /// Put the instance's addresses on and announce them. True: they are there.
    virtual bool acquire_addresses(const std::string& instance) = 0;
    /// Reset the instance's connections, take its addresses off, then call `done` on the election
    /// thread, exactly once, also on failure.
    virtual void release_addresses(const std::string& instance, std::function<void()> done) = 0;
    virtual void announce_addresses(const std::string& instance) = 0;
    virtual void on_transition(const std::string& instance, const StateChanged& change) = 0;
    /// A packet was dropped. `reason` is a stable name of RFC 8347 (checksum-error, ip-ttl-error…);
    /// called for each packet, the callee limits its log rate.
    virtual void on_discard(const std::string& instance, std::string_view reason,
                            const IpAddress& source) = 0;
    /// An advertisement of another node was accepted (after the elector saw it).
    virtual void on_peer_advertisement(const std::string& instance,
                                       const ReceivedAdvertisement& advert) = 0;
    /// Sending failed, or the socket could not be opened (retried every second); `text` is for the
    /// log. Called when the error changes, not for each packet.
    virtual void on_send_error(const std::string& instance, const std::string& text) = 0;
};

/// One virtual router. Create on the election thread's io_context; every call on that thread.
/// The environment may call back into the router from any of its functions: such events wait until
/// the actions of the current one are executed. Destroying the router is legal at any time, also
/// inside a callback; nothing is sent and nothing is released then.
/// interface_usable() decides between Fault and taking part; a router is born with an unusable
/// interface, so call it before or after start(), in any order.
class Router {
  public:
    Router(boost::asio::io_context& context, InstanceConfig config, RouterEnvironment& environment);
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    void start();
    /// Graceful stop; `done` runs when the elector reached Initialize (priority 0 was sent) and
    /// every release of addresses is complete. At once when the router was not started.
    void shutdown(std::function<void()> done);
    /// Link up and a source address known: sockets are (re)opened for this interface index.
    /// @param index kernel interface index; @param source own address for advertisements.
    void interface_usable(unsigned index, const IpAddress& source);
    /// Link down, interface gone, or no source address: Fault.
    void interface_unusable();

    void failover(std::optional<TimePoint> hold_until);
    void resume();
    void take_back();

    [[nodiscard]] const InstanceConfig& config() const;
    [[nodiscard]] const Elector& elector() const;
    [[nodiscard]] const RouterCounters& counters() const;

  private:
    // Shared with handlers in flight, which do nothing when the router is gone.
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tandem::vrrp
