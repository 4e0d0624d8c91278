// One relayed connection: two sockets, two directions, one owner.
#pragma once

#include "proxy/relay/connection_info.hpp"
#include "proxy/relay/flow_limits.hpp"
#include "proxy/relay/flow_log.hpp"
#include "proxy/relay/half.hpp"
#include "proxy/relay/preread.hpp"
#include "proxy/relay/reactor.hpp"
#include "proxy/relay/sockets.hpp"
#include "proxy/relay/source_pool.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/intrusive/list.hpp>

namespace tandem::relay {

class ServiceShard;

/// Membership in the list of a service's flows.
struct FlowHookTag;
using FlowHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<FlowHookTag>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Membership in the queue of those that wait for a place at an upstream.
struct QueueHookTag;
using QueueHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<QueueHookTag>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// Created for an accepted client; reads what the choice needs (preread), picks an upstream,
/// connects (the next one if that fails), then relays until both directions have ended or one side
/// was reset. Ends itself: it tells its shard, which deletes it after the turn.
///
/// Policies:
/// - The client's bytes stay in the kernel until an upstream is connected.
/// - A reset of one side: what can still be read from it goes to the other side as far as that
///   takes it at once, then the other side is reset. Bytes that send() took and the network has
///   not delivered yet may be lost with it, as with any TCP reset.
/// - A flow that ended in order keeps its sockets until the kernel has delivered everything: as
///   orphans of the kernel they would go on sending from an address that is not ours any more (I3).
/// - A timeout resets both sides.
class Flow final : public Task, public Timer, public FlowHook, public QueueHook {
  public:
    /// @param client_hash hash_client(), where the choice of the upstream depends on it.
    Flow(ServiceShard& shard, Descriptor client, std::uint64_t client_hash);
    ~Flow() override;

    /// For services with limits of rate, age or clients; before start().
    /// @param client null: not counted, or not known before its PROXY header is read.
    void set_limits(ClientTable::Client* client);
    /// For services with an access log; before start().
    void set_log(const Endpoint& client);
    /// The client's place in the service's table; null: clients are not counted.
    [[nodiscard]] ClientTable::Client* client() const {
        return limits_ ? limits_->client : nullptr;
    }
    /// May end the flow at once.
    /// @param awaits_header its first bytes are a PROXY header.
    void start(bool awaits_header);
    /// @param silently without any packet: the address is gone.
    void end_by_demotion(bool silently);
    void end_by_operator();
    [[nodiscard]] ConnectionInfo describe() const;
    [[nodiscard]] std::uint16_t service_index() const;
    /// It has, or tries to get, a connection to this upstream.
    [[nodiscard]] bool belongs_to(std::size_t upstream) const {
        return has_place_ && upstream_ == upstream;
    }
    /// The one it belongs to. Ends the flow, or lets it try another.
    void upstream_went_down();
    /// For those in the queue. False: every upstream is full still.
    bool try_again();
    /// No upstream is excluded: it was not tried, and it is there for every name.
    [[nodiscard]] bool takes_any_upstream() const { return tried_.empty(); }

  private:
    enum class Phase : std::uint8_t { Prereading, Queued, Connecting, Relaying, Delivering, Ended };
    enum class End : std::uint8_t {
        Finished,
        ResetByClient,
        ResetByUpstream,
        Demoted,
        DemotedSilently,
        ByOperator,
        TimedOut,
        LifetimeOver,
        NoUpstream,
        NoRoute,
        BadProxyHeader,
        PrereadTimedOut,
        ClientRefused,
        QueueFull,
        QueueTimedOut,
        UpstreamDown,
        LocalError,
    };
    enum Side : std::size_t { kClient = 0, kUpstream = 1 };
    static constexpr Side other(Side side) { return side == kClient ? kUpstream : kClient; }

    struct Peer final : EventHandler {
        Peer(Flow& owner, Side which) : flow(owner), side(which) {}
        void on_events(std::uint32_t events) override { flow.on_events(side, events); }
        Flow* flow_of_client() override { return side == kClient ? &flow : nullptr; }
        Flow& flow;
        const Side side;
        Descriptor socket;
        std::uint64_t token = 0;
        /// From this side to the other.
        Half half;
        Buffer buffer;
        std::unique_ptr<Pipe> pipe;
        /// Bytes of this side that the other side's socket took.
        std::uint64_t passed_on = 0;
    };

    void run() override;
    void on_timeout() override;
    void on_events(Side side, std::uint32_t events);

    // In flow_preread.cpp: what comes before the choice of an upstream, and before its first byte.
    /// Goes on to connect at once when there is nothing to read.
    void start_preread(bool awaits_header);
    void preread();
    /// False: on with the next read.
    bool preread_result(Preread::Verdict verdict);
    void preread_complete();
    /// What it keeps counts as buffers.
    void count_preread();
    /// The client that the PROXY header names. False: it is refused, the flow has ended.
    bool admit_named_client();
    /// As the client sees them, by its PROXY header if there is one. Unset: it was reset.
    [[nodiscard]] std::optional<ConnectionAddresses> client_addresses() const;
    /// The upstream's PROXY header and the bytes of the preread go in front of all others.
    void put_first_bytes();
    void preload_client_bytes(std::span<const std::byte> header);
    /// How many of the bytes sent are the client's, and not of the PROXY header.
    std::size_t without_header(std::size_t sent);

    // In flow_connect.cpp.
    void connect_next();
    [[nodiscard]] bool may_try_another() const;
    /// False: it came to nothing at once, on to the next.
    bool connect_to(std::size_t upstream);
    /// @param behind_others that come first.
    void wait_for_place(bool behind_others);
    void leave_queue();
    void give_back_place();
    /// False: the attempt could not even start, errors are counted.
    bool try_connect(std::size_t upstream);
    void connect_event(std::uint32_t events);
    void attempt_failed(const std::string& text);
    /// After its socket was closed.
    void give_back_port(PortState state);
    /// The running attempt came to nothing: on to the next upstream.
    void abandon_attempt(const std::string& text);
    void attempt_timed_out();
    void connected();

    /// How many bytes may be read from this side now. Zero: it pauses, and resumes by itself.
    std::size_t allowance(Side side);
    /// So many were read.
    void spend(Side side, std::size_t bytes);
    FlowLimits::Direction& direction_from(Side side) {
        return side == kClient ? limits_->upload : limits_->download;
    }
    void resume_upload();
    void resume_download();
    void lifetime_over();

    void relay();
    /// Moves bytes from `side` to the other until there is nothing to do or the turn is over.
    void transfer(Side side);
    void read_from(Side side);
    void write_from(Side side);
    void shut_down_sink_of(Side side);
    void side_was_reset(Side side);
    /// Both FINs were passed on. Ends the flow when both are acknowledged.
    void deliver();
    void end_delivered();
    [[nodiscard]] std::size_t undelivered() const;
    [[nodiscard]] std::size_t undelivered_by(Side side) const;
    /// The kernel has this long to deliver something.
    [[nodiscard]] Clock::duration delivery_limit() const;
    /// False: no memory.
    bool provide_carrier(Peer& peer);
    /// There is no buffer: run() will be called when there is, or the flow has ended.
    void wait_for_buffer();
    /// In the next turn.
    void requeue();
    void give_back_carrier(Peer& peer);
    /// The direction from this peer is over, what is pending is dropped.
    void abandon(Peer& peer);
    [[nodiscard]] Clock::duration quiet_limit() const;

    [[nodiscard]] FlowId id() const;
    /// Of the connection to the upstream; asks the kernel only when that chose the port.
    [[nodiscard]] Endpoint source_endpoint() const;
    // In flow_report.cpp. With log_ only, but for reached_phase().
    void log_connected();
    void log_fin_of(Side side);
    void log_end(End reason);
    [[nodiscard]] FlowPhase reached_phase() const;
    [[nodiscard]] EndCause cause_of(End reason) const;
    [[nodiscard]] EndCause timeout_cause() const;
    [[nodiscard]] EndedBy side_that_ended(End reason) const;

    error_code watch(Peer& peer);
    void end(End reason);
    enum class Closing : std::uint8_t { Orderly, Reset, Silent };
    void close_sockets(Closing how);
    void count_end(End reason);

    ServiceShard& shard_;
    std::array<Peer, 2> peers_;
    Phase phase_ = Phase::Connecting;
    /// A shortage of this node stood in the way of at least one upstream.
    bool local_error_ = false;
    /// The upstream has sent its first byte.
    bool answered_ = false;
    /// Null: the service limits neither rate nor age nor clients.
    std::unique_ptr<FlowLimits> limits_;
    /// Valid while connecting and relaying.
    std::uint16_t upstream_ = 0;
    SourceLease lease_;
    enum class Writes : std::uint8_t { None, One, Many };
    /// To the upstream.
    Writes writes_ = Writes::None;
    /// The upstream's part of the handshake was not acknowledged yet.
    bool acknowledgement_due_ = false;
    /// Something was not read for want of a buffer.
    bool waits_for_buffer_ = false;
    /// A place at upstream_ is taken.
    bool has_place_ = false;
    /// Upstreams tried.
    std::uint16_t attempts_ = 0;
    /// hash_client(), where the choice of the upstream depends on it.
    std::uint64_t client_hash_ = 0;
    /// Bytes of the PROXY header that the upstream has not got yet.
    std::uint8_t header_left_ = 0;
    /// Upstreams that it must not get: tried before, or not there for its name and protocols.
    std::vector<std::uint16_t> tried_;
    /// Only if something is read before the choice. Then until an upstream is connected, with a
    /// PROXY header to the end.
    std::unique_ptr<Preread> preread_;
    /// Null: the service has no access log.
    std::unique_ptr<FlowLog> log_;
    std::string last_error_;
    const TimePoint started_;
    TimePoint last_activity_;
    /// When it was looked at last. Valid while delivering.
    std::size_t undelivered_ = 0;
};

}  // namespace tandem::relay
