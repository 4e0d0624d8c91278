// Inside of Router, shared by its two source files: router.cpp (events, actions, the public face)
// and router_packets.cpp (socket, what arrives on it). Everything here runs on the election thread.
#pragma once

#include "vrrp/advert_socket.hpp"
#include "vrrp/packet.hpp"
#include "vrrp/router.hpp"
#include "vrrp/router_event.hpp"

#include <chrono>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace tandem::vrrp {

/// Room for the events that the actions of one event can raise.
inline constexpr std::size_t kEventsReserved = 32;

struct Router::Impl : std::enable_shared_from_this<Router::Impl> {
    Impl(boost::asio::io_context& context, InstanceConfig instance, RouterEnvironment& node,
         const std::vector<ReplayMark>& marks)
        : config{std::move(instance)},
          destinations{vrrp::destinations(config)},
          environment{node},
          elector{config},
          socket{context},
          deadline_timer{context},
          reopen_timer{context} {
        events.reserve(kEventsReserved);
        use_authentication(marks);
    }

    // Events and actions.
    void raise(const Event& event);
    Actions decide(const Event& event, TimePoint now);
    Actions decide(const SendResult& result, TimePoint now);
    /// Only raise() calls this.
    void execute(const Action& action);
    void send(std::uint8_t priority);
    void tell_release_advertisements();
    [[nodiscard]] std::vector<ReleaseAdvertisement> release_advertisements() const;
    void release();
    void rearm();
    void finish_shutdown();

    // Timer and socket.
    void on_timer(boost::system::error_code error);
    void wait_for_packets();
    void receive_packets();
    void accept(const Datagram& datagram);
    void discard(Discard reason, const Datagram& datagram);
    void judge_peer(const DecodedAdvertisement& decoded);
    void raise_concern(Concern::Kind kind, const IpAddress& from, std::string detail);
    void count_drops();
    void keep_replay_marks();
    void reconfigure(InstanceConfig wanted);
    void use_authentication(const std::vector<ReplayMark>& marks);
    void open_socket();
    void close_socket();
    void reopen_later();
    void report(boost::system::error_code error, const std::string& what);

    InstanceConfig config;
    /// The multicast group, or the unicast peers.
    std::vector<IpAddress> destinations;
    RouterEnvironment& environment;
    Elector elector;
    std::optional<HmacSigner> signer;
    std::optional<HmacVerifier> verifier;
    AdvertSocket socket;
    /// Changes whenever the socket is opened or closed: a handler of an earlier one is late.
    unsigned generation = 0;
    boost::asio::steady_timer deadline_timer;
    boost::asio::steady_timer reopen_timer;
    RouterCounters counters;
    ConcernThrottle throttle;
    PacketBuffer packet_buffer{};

    /// Taken in order from `next_event`; emptied when all are done.
    std::vector<Event> events;
    std::size_t next_event = 0;
    bool executing = false;
    bool closed = false;
    std::vector<std::function<void()>> shutdown_handlers;

    // The elector's fault is the sum of these.
    bool interface_fault = true;
    bool socket_fault = false;
    bool outer_fault = false;
    /// 0: the interface is not usable.
    unsigned interface_index = 0;
    IpAddress source;
    boost::system::error_code last_error;
    /// Of the socket, as last asked.
    std::uint64_t drops_seen = 0;
    TimePoint marks_kept = TimePoint::min();
};

}  // namespace tandem::vrrp
