#include "vrrp/router.hpp"

#include "vrrp/advert_socket.hpp"
#include "vrrp/explain.hpp"
#include "vrrp/packet.hpp"
#include "vrrp/router_event.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace tandem::vrrp {

namespace {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using WallClock = std::chrono::system_clock;

/// Packets taken from the socket before timers and other sockets of the thread get their turn.
constexpr int kMaxPacketsPerTurn = 256;
/// When the socket could not be opened, or sent nothing, although the interface is usable.
constexpr std::chrono::seconds kReopenInterval{1};
/// How often the replay marks are handed out to be kept.
constexpr std::chrono::seconds kMarksInterval{1};

template <typename... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

/// Room for the events that the actions of one event can raise.
constexpr std::size_t kEventsReserved = 32;

}  // namespace

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
        if (config.auth_hmac) {
            signer.emplace(*config.auth_hmac);
            const bool unicast = !config.unicast_peers.empty();
            verifier.emplace(*config.auth_hmac, unicast ? destinations : std::vector<IpAddress>{},
                             marks);
        }
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
    void on_timer(error_code error);
    void wait_for_packets();
    void receive_packets();
    void accept(const Datagram& datagram);
    void discard(Discard reason, const Datagram& datagram);
    void judge_peer(const DecodedAdvertisement& decoded);
    void raise_concern(Concern::Kind kind, const IpAddress& from, std::string detail);
    void count_drops();
    void keep_replay_marks();
    void open_socket();
    void close_socket();
    void reopen_later();
    void report(error_code error, const std::string& what);

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
    error_code last_error;
    /// Of the socket, as last asked.
    std::uint64_t drops_seen = 0;
    TimePoint marks_kept = TimePoint::min();
};

/// Hands one event to the elector and executes what it answers. Events raised meanwhile, by an
/// action's result or by the environment, are taken in order afterwards: actions of one event are
/// never interleaved with those of another.
void Router::Impl::raise(const Event& event) {
    events.push_back(event);
    if (executing) {
        return;
    }
    const auto self = shared_from_this();
    executing = true;
    while (next_event < events.size() && !closed) {
        const Event next = events[next_event++];
        for (const Action& action : decide(next, Clock::now())) {
            if (closed) {
                break;
            }
            execute(action);
        }
    }
    counters.answers_delayed = elector.answers_delayed();
    events.clear();
    next_event = 0;
    executing = false;
    if (!closed) {
        rearm();
        finish_shutdown();
    }
    if (!closed && config.in_sync_group) {
        environment.on_group_event(config.name);
    }
}

Actions Router::Impl::decide(const Event& event, TimePoint now) {
    return std::visit(
        Overloaded{
            [&](const Startup&) { return elector.on_startup(now); },
            [&](const Shutdown&) { return elector.on_shutdown(now); },
            [&](const Deadline&) { return elector.on_deadline(now); },
            [&](const Acquired& result) { return elector.on_addresses_acquired(result.ok, now); },
            [&](const Released&) { return elector.on_addresses_released(now); },
            [&](const SendResult& result) { return decide(result, now); },
            [&](const ReceivedAdvertisement& advert) {
                return elector.on_advertisement(advert, now);
            },
            [&](const FailoverOrder& order) { return elector.on_failover(order.hold_until, now); },
            [&](const Resume&) { return elector.on_resume(now); },
            [&](const TakeBack&) { return elector.on_take_back(now); },
            [&](const Fault&) {
                return elector.on_fault(interface_fault || socket_fault || outer_fault, now);
            },
            [&](const Priority& change) { return elector.on_priority(change.priority, now); },
            [&](const GroupClaim&) { return elector.on_group_claim(now); },
            [&](const GroupRelease&) { return elector.on_group_release(now); }},
        event);
}

/// When the elector gives up sending, a new socket a little later is another try.
Actions Router::Impl::decide(const SendResult& result, TimePoint now) {
    const State before = elector.state();
    Actions actions = elector.on_send_result(result.sent, now);
    if (before != State::Fault && elector.state() == State::Fault) {
        socket_fault = true;
        reopen_later();
    }
    return actions;
}

void Router::Impl::execute(const Action& action) {
    std::visit(Overloaded{[this](const SendAdvertisement& advert) { send(advert.priority); },
                          [this](const AcquireAddresses&) {
                              const bool ok = environment.acquire_addresses(config.name);
                              events.emplace_back(Acquired{ok});
                          },
                          [this](const ReleaseAddresses&) { release(); },
                          [this](const AnnounceAddresses&) {
                              environment.announce_addresses(config.name);
                          },
                          [this](const StateChanged& change) {
                              if (change.to == State::Active) {
                                  ++counters.became_active;
                              }
                              environment.on_transition(config.name, change);
                          },
                          [this](const LowerClaimHeard& claim) {
                              environment.on_lower_claim(config.name, claim);
                          },
                          [this](const IntervalDiffers& differs) {
                              raise_concern(Concern::Kind::Interval, elector.last_peer()->source,
                                            explain(differs, config.advertisement_interval));
                          }},
               action);
}

void Router::Impl::send(std::uint8_t priority) {
    if (!socket.is_open()) {
        ++counters.adverts_failed;
        events.emplace_back(SendResult{false});
        return;
    }
    bool sent = false;
    error_code failure;
    const std::span<std::uint8_t> packet = encode_into(
        packet_buffer, config, priority, source, signer ? &*signer : nullptr, WallClock::now());
    for (const IpAddress& destination : destinations) {
        set_checksum(packet, config, source, destination);
        const error_code error = socket.send(packet, destination);
        sent = sent || !error;
        failure = error ? error : failure;
    }
    if (sent) {
        ++counters.adverts_sent;
        counters.priority_zero_sent += priority == kReleasePriority ? 1 : 0;
    } else {
        ++counters.adverts_failed;
    }
    report(failure, "sending an advertisement");
    events.emplace_back(SendResult{sent});
    if (signer && priority != kReleasePriority) {
        tell_release_advertisements();
    }
}

void Router::Impl::tell_release_advertisements() {
    if (elector.state() == State::Active) {
        environment.on_release_advertisements(config.name);
    }
}

std::vector<ReleaseAdvertisement> Router::Impl::release_advertisements() const {
    if (!socket.is_open()) {
        return {};
    }
    return make_release_advertisements(config, source, interface_index, signer ? &*signer : nullptr,
                                       WallClock::now());
}

void Router::Impl::release() {
    environment.release_addresses(config.name, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self && !self->closed) {
            self->raise(Released{});
        }
    });
}

void Router::Impl::rearm() {
    const auto deadline = elector.next_deadline();
    if (!deadline) {
        deadline_timer.cancel();
        return;
    }
    deadline_timer.expires_at(*deadline);
    deadline_timer.async_wait([weak = weak_from_this()](error_code error) {
        if (const auto self = weak.lock()) {
            self->on_timer(error);
        }
    });
}

void Router::Impl::finish_shutdown() {
    // The elector reaches Initialize only when no release is in flight.
    if (shutdown_handlers.empty() || elector.state() != State::Initialize) {
        return;
    }
    if (verifier) {
        // What was heard since they were last kept would be accepted once more after a restart.
        environment.on_replay_marks(config.name, verifier->marks());
    }
    for (const auto& handler : std::exchange(shutdown_handlers, {})) {
        handler();
    }
}

void Router::Impl::on_timer(error_code error) {
    if (error || closed) {
        return;
    }
    const auto now = Clock::now();
    counters.lateness.add(std::chrono::duration_cast<Duration>(now - deadline_timer.expiry()), now);
    // After a stall the peer's advertisements have been waiting in the socket. They were first: the
    // elector must know them before it decides that the peer is silent.
    receive_packets();
    raise(Deadline{});
}

void Router::Impl::wait_for_packets() {
    socket.async_wait_readable([weak = weak_from_this(), waited = generation](error_code error) {
        const auto self = weak.lock();
        if (!self || self->generation != waited || error) {
            return;
        }
        self->receive_packets();
        if (self->generation == waited) {
            self->wait_for_packets();
        }
    });
}

void Router::Impl::receive_packets() {
    using Status = AdvertSocket::ReceiveStatus;
    for (int taken = 0; taken < kMaxPacketsPerTurn && !closed; ++taken) {
        const AdvertSocket::Received received = socket.receive();
        switch (received.status) {
            case Status::Packet:
                accept(received.datagram);
                break;
            case Status::Malformed:
                discard(Discard::PacketLength, received.datagram);
                break;
            case Status::WouldBlock:
                count_drops();
                return;
            case Status::Failed:
                report(received.error, "receiving advertisements");
                return;
        }
    }
    if (!closed) {
        count_drops();
    }
}

void Router::Impl::accept(const Datagram& datagram) {
    const DecodeResult result =
        decode(datagram, config, source, verifier ? &*verifier : nullptr, WallClock::now());
    if (const auto* reason = std::get_if<Discard>(&result)) {
        discard(*reason, datagram);
        return;
    }
    const auto& decoded = std::get<DecodedAdvertisement>(result);
    const ReceivedAdvertisement& advert = decoded.advertisement;
    judge_peer(decoded);
    keep_replay_marks();
    if (decoded.address_list_disjoint) {
        counters.discard(Discard::AddressList);
        return;
    }
    ++counters.adverts_received;
    counters.priority_zero_received += advert.priority == kReleasePriority ? 1 : 0;
    raise(advert);
    if (!closed) {
        environment.on_peer_advertisement(config.name, advert);
    }
}

void Router::Impl::discard(Discard reason, const Datagram& datagram) {
    // Neither is wrong: several virtual routers share a link, and networks loop packets back.
    if (reason == Discard::VirtualRouterId || reason == Discard::OwnPacket) {
        return;
    }
    counters.discard(reason);
    if (throttle.allow(Concern::Kind::Discarded, reason, Clock::now())) {
        environment.on_concern(config.name,
                               {Concern::Kind::Discarded, reason, without_zone(datagram.source),
                                explain(reason, datagram, config, WallClock::now())});
    }
}

/// What no check refuses and is still worth a word to the operator.
void Router::Impl::judge_peer(const DecodedAdvertisement& decoded) {
    using Kind = Concern::Kind;
    const ReceivedAdvertisement& advert = decoded.advertisement;
    if (!decoded.address_list_matches) {
        ++counters.address_list_mismatches;
        raise_concern(Kind::AddressList, advert.source,
                      decoded.address_list_disjoint
                          ? "none of its virtual addresses is ours: another cluster uses this "
                            "virtual router id; ignored"
                          : "its virtual addresses are not all ours");
    }
    if (decoded.address_list_disjoint) {
        return;  // what else differs decides nothing
    }
    const bool has_choice = config.version == Version::V3 && config.family == Family::Ipv4;
    if (has_choice && decoded.checksum_form != config.checksum_form) {
        ++counters.checksum_form_mismatches;
        raise_concern(Kind::ChecksumForm, advert.source,
                      "it sends the checksum in the other form and may not accept ours: set or "
                      "remove v3_checksum_as_v2");
    }
    if (advert.priority == kOwnerPriority && config.priority == kOwnerPriority) {
        raise_concern(Kind::DuplicateOwner, advert.source,
                      elector.priority() == kOwnerPriority
                          ? "priority 255 on two nodes: both claim to own the addresses"
                          : "priority 255 on two nodes: both claim to own the addresses; this node "
                            "gave in and says 254 until it is started again");
    } else if (advert.priority == elector.priority()) {
        raise_concern(Kind::EqualPriority, advert.source,
                      "both nodes have priority " + std::to_string(advert.priority) +
                          ": the higher address of the two decides");
    }
    const auto skew = verifier ? verifier->last_skew() : std::nullopt;
    if (skew && std::chrono::abs(*skew) * 2 > config.auth_hmac->time_window) {
        raise_concern(Kind::ClockSkew, advert.source,
                      "its clock differs from ours by " + std::to_string(skew->count()) +
                          " ms; beyond the time window its advertisements are refused");
    }
}

void Router::Impl::raise_concern(Concern::Kind kind, const IpAddress& from, std::string detail) {
    if (throttle.allow(kind, std::nullopt, Clock::now())) {
        environment.on_concern(config.name, {kind, std::nullopt, from, std::move(detail)});
    }
}

void Router::Impl::count_drops() {
    const std::uint64_t drops = socket.overflow_drops();
    if (drops > drops_seen) {
        counters.dropped += drops - drops_seen;
        drops_seen = drops;
        raise_concern(Concern::Kind::Dropped, {},
                      "more packets than this node can look at: a flood on protocol 112");
    }
}

void Router::Impl::keep_replay_marks() {
    const auto now = Clock::now();
    if (verifier && (marks_kept == TimePoint::min() || now - marks_kept >= kMarksInterval)) {
        marks_kept = now;
        environment.on_replay_marks(config.name, verifier->marks());
    }
}

void Router::Impl::open_socket() {
    const auto self = shared_from_this();
    close_socket();
    AdvertSocket::Options options;
    options.family = config.family;
    options.interface = config.interface;
    options.interface_index = interface_index;
    options.source = source;
    if (config.unicast_peers.empty()) {
        options.multicast_group = multicast_group(config);
    }
    options.unicast_ttl = config.unicast_ttl;
    options.virtual_router_id = config.virtual_router_id;
    const error_code error = socket.open(options);
    report(error, "opening the advertisement socket");
    socket_fault = static_cast<bool>(error);
    drops_seen = 0;
    if (error) {
        reopen_later();
    } else {
        wait_for_packets();
        tell_release_advertisements();
    }
    raise(Fault{});
}

void Router::Impl::close_socket() {
    ++generation;
    socket.close();
    reopen_timer.cancel();
}

/// Ends with the fault cleared, or with another try after that.
void Router::Impl::reopen_later() {
    close_socket();
    reopen_timer.expires_after(kReopenInterval);
    reopen_timer.async_wait([weak = weak_from_this()](error_code aborted) {
        const auto impl = weak.lock();
        if (impl && !aborted && impl->interface_index != 0 && !impl->socket.is_open()) {
            impl->open_socket();
        }
    });
}

/// Reports a new error once, until it changes or goes away.
void Router::Impl::report(error_code error, const std::string& what) {
    if (error && error != last_error) {
        environment.on_send_error(config.name,
                                  what + " on " + config.interface + ": " + error.message());
    }
    last_error = error;
}

Router::Router(boost::asio::io_context& context, InstanceConfig config,
               RouterEnvironment& environment, const std::vector<ReplayMark>& marks)
    : impl_{std::make_shared<Impl>(context, std::move(config), environment, marks)} {
    // The elector, not raise(): the environment does not know this router yet.
    impl_->elector.on_fault(true, Clock::now());
}

Router::~Router() {
    impl_->closed = true;
    impl_->close_socket();
    impl_->deadline_timer.cancel();
}

void Router::start() {
    impl_->raise(Startup{});
}

void Router::shutdown(std::function<void()> done) {
    impl_->shutdown_handlers.push_back(std::move(done));
    impl_->raise(Shutdown{});
}

void Router::interface_usable(unsigned index, const IpAddress& source) {
    const IpAddress address = without_zone(source);
    if (impl_->socket.is_open() && impl_->interface_index == index && impl_->source == address) {
        return;
    }
    impl_->interface_index = index;
    impl_->interface_fault = false;
    impl_->source = address;
    impl_->elector.set_source_address(address);
    impl_->open_socket();
}

void Router::interface_unusable() {
    // A local copy: the environment may destroy this router while it hears of the fault.
    const auto impl = impl_;
    impl->interface_index = 0;
    impl->interface_fault = true;
    // The socket stays open: priority 0 is said when the addresses are off, and goes out when only
    // the source address is lost.
    impl->socket.allow_lost_source();
    impl->raise(Fault{});
}

void Router::set_fault(bool faulty) {
    if (std::exchange(impl_->outer_fault, faulty) != faulty) {
        impl_->raise(Fault{});
    }
}

void Router::set_priority(std::uint8_t priority) {
    impl_->raise(Priority{priority});
}

void Router::group_claim() {
    impl_->raise(GroupClaim{});
}

void Router::group_release() {
    impl_->raise(GroupRelease{});
}

void Router::failover(std::optional<TimePoint> hold_until) {
    impl_->raise(FailoverOrder{hold_until});
}

void Router::resume() {
    impl_->raise(Resume{});
}

void Router::take_back() {
    impl_->raise(TakeBack{});
}

std::vector<ReleaseAdvertisement> Router::release_advertisements() const {
    return impl_->release_advertisements();
}

bool Router::transport_fault() const {
    return impl_->interface_fault || impl_->socket_fault;
}

const InstanceConfig& Router::config() const {
    return impl_->config;
}

const Elector& Router::elector() const {
    return impl_->elector;
}

const RouterCounters& Router::counters() const {
    return impl_->counters;
}

}  // namespace tandem::vrrp
