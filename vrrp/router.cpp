#include "vrrp/router.hpp"

#include "vrrp/advert_socket.hpp"
#include "vrrp/packet.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace tandem::vrrp {

namespace {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;

/// Packets taken from the socket before timers and other sockets of the thread get their turn.
constexpr int kMaxPacketsPerTurn = 256;
/// When the socket could not be opened, or sent nothing, although the interface is usable.
constexpr std::chrono::seconds kReopenInterval{1};

template <typename... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

struct Router::Impl : std::enable_shared_from_this<Router::Impl> {
    using Event = std::function<Actions(TimePoint)>;

    Impl(boost::asio::io_context& context, InstanceConfig instance, RouterEnvironment& node)
        : config{std::move(instance)},
          environment{node},
          elector{config},
          socket{context},
          deadline_timer{context},
          reopen_timer{context} {}

    // Events and actions.
    void raise(Event event);
    /// Only raise() calls this.
    void execute(const Action& action);
    void send(std::uint8_t priority);
    void finish_send(bool sent);
    void release();
    void rearm();
    void finish_shutdown();

    // Timer and socket.
    void on_timer(error_code error);
    void wait_for_packets();
    void receive_packets();
    void accept(const Datagram& datagram);
    void discard(Discard reason, const IpAddress& from);
    void open_socket();
    void close_socket();
    void reopen_later();
    void report(error_code error, const std::string& what);

    InstanceConfig config;
    RouterEnvironment& environment;
    Elector elector;
    AdvertSocket socket;
    /// Changes whenever the socket is opened or closed: a handler of an earlier one is late.
    unsigned generation = 0;
    boost::asio::steady_timer deadline_timer;
    boost::asio::steady_timer reopen_timer;
    RouterCounters counters;

    std::deque<Event> events;
    bool executing = false;
    bool closed = false;
    std::vector<std::function<void()>> shutdown_handlers;
    /// 0: the interface is not usable.
    unsigned interface_index = 0;
    IpAddress source;
    error_code last_error;
};

/// Hands one event to the elector and executes what it answers. Events raised meanwhile, by an
/// action's result or by the environment, are taken in order afterwards: actions of one event are
/// never interleaved with those of another.
void Router::Impl::raise(Event event) {
    events.push_back(std::move(event));
    if (executing) {
        return;
    }
    const auto self = shared_from_this();
    executing = true;
    while (!events.empty() && !closed) {
        const Event next = std::move(events.front());
        events.pop_front();
        for (const Action& action : next(Clock::now())) {
            if (closed) {
                break;
            }
            execute(action);
        }
    }
    executing = false;
    if (!closed) {
        rearm();
        finish_shutdown();
    }
}

void Router::Impl::execute(const Action& action) {
    std::visit(Overloaded{[this](const SendAdvertisement& advert) { send(advert.priority); },
                          [this](const AcquireAddresses&) {
                              const bool ok = environment.acquire_addresses(config.name);
                              events.emplace_back([this, ok](TimePoint now) {
                                  return elector.on_addresses_acquired(ok, now);
                              });
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
                          }},
               action);
}

void Router::Impl::send(std::uint8_t priority) {
    if (!socket.is_open()) {
        ++counters.adverts_failed;
        finish_send(false);
        return;
    }
    const std::vector<IpAddress> destinations = config.unicast_peers.empty()
                                                    ? std::vector{multicast_group(config.family)}
                                                    : config.unicast_peers;
    bool sent = false;
    error_code failure;
    for (const IpAddress& destination : destinations) {
        const auto message = encode(config, priority, source, destination);
        const error_code error = socket.send(message, destination);
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
    finish_send(sent);
}

/// Tells the elector. When it gives up, a new socket a little later is another try.
void Router::Impl::finish_send(bool sent) {
    events.emplace_back([this, sent](TimePoint now) {
        const State before = elector.state();
        Actions actions = elector.on_send_result(sent, now);
        if (before != State::Fault && elector.state() == State::Fault) {
            reopen_later();
        }
        return actions;
    });
}

void Router::Impl::release() {
    environment.release_addresses(config.name, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self && !self->closed) {
            self->raise([router = self.get()](TimePoint now) {
                return router->elector.on_addresses_released(now);
            });
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
    for (const auto& handler : std::exchange(shutdown_handlers, {})) {
        handler();
    }
}

void Router::Impl::on_timer(error_code error) {
    if (error || closed) {
        return;
    }
    const auto lateness = Clock::now() - deadline_timer.expiry();
    counters.worst_lateness =
        std::max(counters.worst_lateness, std::chrono::duration_cast<Duration>(lateness));
    // After a stall the peer's advertisements have been waiting in the socket. They were first: the
    // elector must know them before it decides that the peer is silent.
    receive_packets();
    raise([this](TimePoint now) { return elector.on_deadline(now); });
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
                discard(Discard::PacketLength, received.datagram.source);
                break;
            case Status::WouldBlock:
                return;
            case Status::Failed:
                report(received.error, "receiving advertisements");
                return;
        }
    }
}

void Router::Impl::accept(const Datagram& datagram) {
    const DecodeResult result = decode(datagram, config, source);
    if (const auto* reason = std::get_if<Discard>(&result)) {
        discard(*reason, without_zone(datagram.source));
        return;
    }
    const auto& decoded = std::get<DecodedAdvertisement>(result);
    const ReceivedAdvertisement& advert = decoded.advertisement;
    ++counters.adverts_received;
    counters.priority_zero_received += advert.priority == kReleasePriority ? 1 : 0;
    counters.address_list_mismatches += decoded.address_list_matches ? 0 : 1;
    const bool has_choice = config.version == Version::V3 && config.family == Family::Ipv4;
    const bool other_form = has_choice && decoded.checksum_form != config.checksum_form;
    counters.checksum_form_mismatches += other_form ? 1 : 0;
    raise([this, advert](TimePoint now) { return elector.on_advertisement(advert, now); });
    if (!closed) {
        environment.on_peer_advertisement(config.name, advert);
    }
}

void Router::Impl::discard(Discard reason, const IpAddress& from) {
    // Neither is wrong: several virtual routers share a link, and networks loop packets back.
    if (reason == Discard::VirtualRouterId || reason == Discard::OwnPacket) {
        return;
    }
    ++counters.discarded;
    environment.on_discard(config.name, to_string(reason), from);
}

void Router::Impl::open_socket() {
    const auto self = shared_from_this();
    close_socket();
    const error_code error = socket.open({.family = config.family,
                                          .interface = config.interface,
                                          .interface_index = interface_index,
                                          .source = source,
                                          .multicast = config.unicast_peers.empty()});
    report(error, "opening the advertisement socket");
    if (error) {
        raise([this](TimePoint now) { return elector.on_fault(true, now); });
        reopen_later();
        return;
    }
    wait_for_packets();
    raise([this](TimePoint now) { return elector.on_fault(false, now); });
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
               RouterEnvironment& environment)
    : impl_{std::make_shared<Impl>(context, std::move(config), environment)} {
    impl_->raise([impl = impl_.get()](TimePoint now) { return impl->elector.on_fault(true, now); });
}

Router::~Router() {
    impl_->closed = true;
    impl_->close_socket();
    impl_->deadline_timer.cancel();
}

void Router::start() {
    impl_->raise([impl = impl_.get()](TimePoint now) { return impl->elector.on_startup(now); });
}

void Router::shutdown(std::function<void()> done) {
    impl_->shutdown_handlers.push_back(std::move(done));
    impl_->raise([impl = impl_.get()](TimePoint now) { return impl->elector.on_shutdown(now); });
}

void Router::interface_usable(unsigned index, const IpAddress& source) {
    const IpAddress address = without_zone(source);
    if (impl_->socket.is_open() && impl_->interface_index == index && impl_->source == address) {
        return;
    }
    impl_->interface_index = index;
    impl_->source = address;
    impl_->elector.set_source_address(address);
    impl_->open_socket();
}

void Router::interface_unusable() {
    // A local copy: the environment may destroy this router while it hears of the fault.
    const auto impl = impl_;
    impl->interface_index = 0;
    impl->raise(
        [router = impl.get()](TimePoint now) { return router->elector.on_fault(true, now); });
    impl->close_socket();
}

void Router::failover(std::optional<TimePoint> hold_until) {
    impl_->raise([impl = impl_.get(), hold_until](TimePoint now) {
        return impl->elector.on_failover(hold_until, now);
    });
}

void Router::resume() {
    impl_->raise([impl = impl_.get()](TimePoint now) { return impl->elector.on_resume(now); });
}

void Router::take_back() {
    impl_->raise([impl = impl_.get()](TimePoint now) { return impl->elector.on_take_back(now); });
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
