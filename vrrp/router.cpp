#include "vrrp/router.hpp"

#include "vrrp/explain.hpp"
#include "vrrp/packet.hpp"
#include "vrrp/router_impl.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace tandem::vrrp {

namespace {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using WallClock = std::chrono::system_clock;

template <typename... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

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
            [&](const Reconfigured&) { return elector.on_reconfigure(config, now); },
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

void Router::reconfigure(InstanceConfig config) {
    impl_->reconfigure(std::move(config));
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
