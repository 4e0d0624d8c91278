// Shell of one virtual router: sockets and timers around the Elector. Runs on the election thread.
#pragma once

#include "vrrp/auth_hmac.hpp"
#include "vrrp/concern.hpp"
#include "vrrp/elector.hpp"
#include "vrrp/release_advertisement.hpp"
#include "vrrp/router_counters.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
    /// Active, and a node with a worse claim advertised.
    virtual void on_lower_claim(const std::string& instance, const LowerClaimHeard& claim) = 0;
    /// Something that a person should look into; see Concern. Called when it begins and then at
    /// most once a second while it goes on.
    virtual void on_concern(const std::string& instance, const Concern& concern) = 0;
    /// After every event of the elector of a member of a sync group: the caller runs
    /// plan_sync_group().
    virtual void on_group_event(const std::string& instance) = 0;
    /// The replay marks changed; at most once a second, and when the router stops. To be kept for
    /// the next life.
    virtual void on_replay_marks(const std::string& instance,
                                 const std::vector<ReplayMark>& marks) = 0;
    /// Active, and release_advertisements() has changed: a signed one is good for as long as no
    /// later advertisement was sent; any depends on interface and source address.
    virtual void on_release_advertisements(const std::string& instance) = 0;
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
    /// @param marks replay marks of an earlier life; see RouterEnvironment::on_replay_marks.
    Router(boost::asio::io_context& context, InstanceConfig config, RouterEnvironment& environment,
           const std::vector<ReplayMark>& marks = {});
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

    /// A fault that is not the interface's: a tracked object, the sync group. The instance takes
    /// part when the interface is usable and this is false; false at first. The socket stays open.
    void set_fault(bool faulty);
    void set_priority(std::uint8_t priority);
    /// Another configuration of the same virtual router, see Elector::on_reconfigure(). Sockets are
    /// opened anew when destinations or the group to listen to are others. Not from within a
    /// callback.
    void reconfigure(InstanceConfig config);
    void group_claim();
    void group_release();
    void failover(std::optional<TimePoint> hold_until);
    void resume();
    void take_back();

    /// Priority 0 as it would be said now, one for each destination: for somebody who says it when
    /// this process cannot. Empty without a usable interface.
    [[nodiscard]] std::vector<ReleaseAdvertisement> release_advertisements() const;

    /// The interface or the socket keeps this instance from taking part.
    [[nodiscard]] bool transport_fault() const;
    [[nodiscard]] const InstanceConfig& config() const;
    [[nodiscard]] const Elector& elector() const;
    [[nodiscard]] const RouterCounters& counters() const;

  private:
    // Shared with handlers in flight, which do nothing when the router is gone.
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tandem::vrrp
