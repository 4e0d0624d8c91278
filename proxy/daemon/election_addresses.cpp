// What the routers ask of the node: addresses on and off, and what they tell.
#include "proxy/daemon/election_impl.hpp"
#include "proxy/relay/engine.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

namespace tandem::daemon {
namespace {

namespace asio = boost::asio;

/// How long the addresses wait for the relay to reset its connections. Longer would keep two nodes
/// answering for longer than the peer's takeover allows (I1).
constexpr Milliseconds kRelayPatience{250};

/// A full queue of sightings loses the newest frames, so it is emptied this often.
constexpr std::chrono::seconds kSightingAge{1};

/// After a takeover the former node may still be heard.
constexpr std::chrono::seconds kTakeover{1};

const Message& message_of(netlink::Notice::Kind kind) {
    using Kind = netlink::Notice::Kind;
    switch (kind) {
        case Kind::AddressRepaired:
            return messages::kAddressRepaired;
        case Kind::AddressFailed:
            return messages::kAddressFailed;
        case Kind::RemoveFailed:
            return messages::kRemoveFailed;
        case Kind::StaleRemoved:
            return messages::kStaleRemoved;
        case Kind::AnnounceFailed:
            return messages::kAnnounceFailed;
        case Kind::Overrun:
            return messages::kNetlinkOverrun;
        case Kind::AddressConflict:
            return messages::kAddressConflict;
        case Kind::AddressContested:
            return messages::kAddressContested;
    }
    return messages::kNetlinkOverrun;
}

const Message& message_of(vrrp::State state) {
    switch (state) {
        case vrrp::State::Initialize:
            return messages::kEnteringInitialize;
        case vrrp::State::Backup:
            return messages::kEnteringBackup;
        case vrrp::State::Active:
            return messages::kEnteringActive;
        case vrrp::State::Fault:
            return messages::kEnteringFault;
    }
    return messages::kEnteringFault;
}

NotifyEvent event_of(vrrp::State state) {
    switch (state) {
        case vrrp::State::Active:
            return NotifyEvent::Master;
        case vrrp::State::Backup:
            return NotifyEvent::Backup;
        case vrrp::State::Fault:
            return NotifyEvent::Fault;
        case vrrp::State::Initialize:
            break;
    }
    return NotifyEvent::Stop;
}

std::string mac_text(const std::optional<netlink::Sightings::MacAddress>& mac) {
    if (!mac) {
        return "unknown";
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : *mac) {
        text += text.empty() ? "" : ":";
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 0xFU];
    }
    return text;
}

}  // namespace

bool Election::Impl::acquire_addresses(const std::string& name) {
    // The gate opens first: a client that follows the announcement must not meet a closed one.
    engine.activate(name);
    leave_will(*find(name));
    const bool peer_known = find(name)->router->elector().last_peer().has_value();
    if (const auto error = vips.acquire(name, peer_known)) {
        engine.deactivate(name, [](std::uint64_t) {});
        revoke_will(*find(name));
        report(messages::kAddressesNotAdded, {{"instance", name}, {"error", error.message()}});
        run(failover.on_unavailable(name, Clock::now()));
        return false;
    }
    report(messages::kAddressesAdded, {{"instance", name}});
    run(failover.on_active_here(name, Clock::now()));
    return true;
}

void Election::Impl::release_addresses(const std::string& name, std::function<void()> done) {
    Instance& instance = *find(name);
    vips.prepare_release(name);
    instance.on_released = std::move(done);
    instance.connections = engine.active_connections(name);
    const std::uint64_t release = ++instance.release;
    instance.waiting_for_relay = true;
    after(instance, kRelayPatience, [this, &instance] {
        if (!instance.waiting_for_relay) {
            return;  // the relay's answer and the timer came in the same turn
        }
        // Whatever is still open dies with the address: counted as reset.
        report(messages::kReleaseLate, {{"instance", instance.settings.election.name},
                                        {"connections", std::to_string(instance.connections)}});
        remove_addresses(instance, instance.connections);
    });
    engine.deactivate(name, [this, here = instance.weak_from_this(), release](std::uint64_t reset) {
        asio::post(context, [this, here, release, reset] {
            const auto same = here.lock();
            if (same && same->release == release && same->waiting_for_relay) {
                remove_addresses(*same, reset);
            }
        });
    });
}

/// Runs `action` unless the release in progress ends or moves on before.
void Election::Impl::after(Instance& instance, std::chrono::steady_clock::duration delay,
                           std::function<void()> action) {
    instance.release_timer->expires_after(delay);
    instance.release_timer->async_wait(
        [here = instance.weak_from_this(), release = instance.release,
         action = std::move(action)](boost::system::error_code error) {
            const auto same = here.lock();
            if (!error && same && same->release == release) {
                action();
            }
        });
}

void Election::Impl::remove_addresses(Instance& instance, std::uint64_t reset) {
    const std::string& name = instance.settings.election.name;
    instance.waiting_for_relay = false;
    instance.release_timer->cancel();
    // From here on no socket says anything from these addresses.
    engine.silence(name);
    const auto error = vips.release(name);
    if (error && instance.settings.lease.count() > 0) {
        // The address may still answer: saying priority 0 now would make two owners (I1). Its
        // lease ends it.
        after(instance, instance.settings.lease,
              [this, &instance, reset] { finish_release(instance, reset); });
        return;
    }
    finish_release(instance, reset);
}

void Election::Impl::finish_release(Instance& instance, std::uint64_t reset) {
    const std::string& name = instance.settings.election.name;
    engine.purge(name);
    // Measured from here: the addresses are off.
    const auto now = Clock::now();
    const auto done = std::exchange(instance.on_released, nullptr);
    report(messages::kAddressesRemoved,
           {{"instance", name}, {"connections_reset", std::to_string(reset)}});
    run(failover.on_released(name, reset, now));
    done();
    tell_priority_zero(instance);
    revoke_will(instance);
}

void Election::Impl::leave_will(const Instance& instance) {
    guardian.leave({instance.number, vips.removal_requests(instance.name()),
                    instance.router->release_advertisements()});
}

void Election::Impl::revoke_will(const Instance& instance) {
    guardian.leave({instance.number, {}, {}});
}

void Election::Impl::on_release_advertisements(const std::string& name) {
    leave_will(*find(name));
}

void Election::Impl::tell_priority_zero(Instance& instance) {
    const std::uint64_t sent = instance.router->counters().priority_zero_sent;
    if (sent != std::exchange(instance.priority_zero_sent, sent)) {
        report(messages::kSentPriorityZero, {{"instance", instance.name()}});
    }
}

/// Who took over: anybody on the link may, when advertisements are not signed.
void Election::Impl::add_winner(Instance& instance, vrrp::Reason reason, Fields& fields) {
    const auto& peer = instance.router->elector().last_peer();
    const bool lost =
        reason == vrrp::Reason::HigherPriority || reason == vrrp::Reason::HigherAddress;
    if (lost && peer) {
        fields.emplace_back("source", peer->source.to_string());
        fields.emplace_back("mac", mac_text(instance.sightings.find(peer->source)));
        fields.emplace_back("priority", std::to_string(peer->priority));
    }
}

void Election::Impl::on_transition(const std::string& name, const vrrp::StateChanged& change) {
    Instance& instance = *find(name);
    instance.reason = change.reason;
    instance.since = std::chrono::system_clock::now();
    if (change.to == vrrp::State::Active) {
        instance.active_since = Clock::now();
    }
    if (change.reason == vrrp::Reason::ActiveDown) {
        report(messages::kReceiveTimeout, {{"instance", name}});
    }
    Fields fields{{"instance", name},
                  {"from", std::string{to_string(change.from)}},
                  {"to", std::string{to_string(change.to)}},
                  {"reason", std::string{to_string(change.reason)}}};
    add_winner(instance, change.reason, fields);
    report(message_of(change.to), std::move(fields));
    tell_priority_zero(instance);
    if (instance.started || change.to != vrrp::State::Fault) {
        instance.told = event_of(change.to);
        observer.on_instance_event(name, *instance.told, instance.router->elector().priority());
    }
    // Active counts for a failover when the addresses are on: acquire_addresses tells that.
    if (change.to == vrrp::State::Fault || change.to == vrrp::State::Initialize) {
        run(failover.on_unavailable(name, Clock::now()));
    }
}

void Election::Impl::on_lower_claim(const std::string& name, const vrrp::LowerClaimHeard& claim) {
    const Instance& instance = *find(name);
    // The last word of the node that this one has just taken the addresses from, which is how it
    // learns that they have to be announced once more.
    if (Clock::now() - instance.active_since < kTakeover) {
        return;
    }
    // Every packet of a flood is such a claim: neither the log nor the announcements may follow.
    if (!logs.check(name + " lower claim", Clock::now()).pass) {
        return;
    }
    report(messages::kLowerClaim, {{"instance", name},
                                   {"source", claim.source.to_string()},
                                   {"priority", std::to_string(claim.priority)}});
    observer.on_instance_event(name, NotifyEvent::MasterRxLowerPriority,
                               instance.router->elector().priority());
    if (instance.group == nullptr) {
        return;
    }
    // The other members may have been claimed there as well: neighbours must hear who has them.
    for (const Instance* member : instance.group->members) {
        if (member != &instance && member->router->elector().state() == vrrp::State::Active) {
            vips.announce(member->name());
        }
    }
}

void Election::Impl::on_concern(const std::string& name, const vrrp::Concern& concern) {
    Instance& instance = *find(name);
    const std::string kind{to_string(concern)};
    const std::string source = concern.source.to_string();
    const std::string mac = mac_text(instance.sightings.find(concern.source));
    instance.alarms.raise({kind, source, mac, concern.detail, 0, std::chrono::system_clock::now()});
    report(is_alarm(concern.kind) ? messages::kAdvertisementAlarm : messages::kPeerDiffers,
           {{"instance", name},
            {"source", source},
            {"mac", mac},
            {"reason", kind},
            {"detail", concern.detail}});
}

void Election::Impl::forget_sightings() {
    sighting_timer.expires_after(kSightingAge);
    sighting_timer.async_wait([this](boost::system::error_code error) {
        if (error) {
            return;
        }
        for (const auto& instance : instances) {
            instance->sightings.forget();
        }
        forget_sightings();
    });
}

void Election::Impl::on_replay_marks(const std::string& name,
                                     const std::vector<vrrp::ReplayMark>& marks) {
    // For a router of this instance that begins anew.
    options.replay_marks[name] = marks;
    observer.on_replay_marks(name, marks);
}

void Election::Impl::on_peer_advertisement(const std::string& name,
                                           const vrrp::ReceivedAdvertisement& advert) {
    if (advert.priority != vrrp::kReleasePriority) {
        run(failover.on_peer_active(name, advert.source, Clock::now()));
    }
    share_ports(*find(name), advert.source);
}

void Election::Impl::share_ports(const Instance& instance, const vrrp::IpAddress& peer) {
    if (instance.own_source && *instance.own_source != peer) {
        engine.set_port_share(instance.name(), *instance.own_source < peer
                                                   ? relay::PortShare::LowerHalf
                                                   : relay::PortShare::UpperHalf);
    }
}

void Election::Impl::on_send_error(const std::string& name, const std::string& text) {
    report(messages::kAdvertisementNotSent, {{"instance", name}, {"error", text}});
}

/// What concerns one instance is among its alarms as well.
void Election::Impl::on_notice(const netlink::Notice& notice) {
    const std::string address = notice.address.to_string();
    Fields fields{{"address", address}, {"interface", notice.interface}, {"error", notice.text}};
    if (!notice.group.empty()) {
        const bool conflict = notice.kind == netlink::Notice::Kind::AddressConflict;
        const std::string mac = mac_text(notice.mac);
        if (Instance* instance = find(notice.group)) {
            instance->alarms.raise({conflict ? "address-conflict" : "address-contested", address,
                                    mac, notice.text, 0, std::chrono::system_clock::now()});
        }
        fields.insert(fields.begin(), {"instance", notice.group});
        if (conflict) {
            fields.emplace_back("mac", mac);
        }
    }
    report(message_of(notice.kind), std::move(fields));
}

void Election::Impl::on_route(const netlink::RouteNotice& notice) {
    using Kind = netlink::RouteNotice::Kind;
    const Message& message = notice.kind == Kind::Repaired       ? messages::kRouteRepaired
                             : notice.kind == Kind::StaleRemoved ? messages::kStaleRouteRemoved
                             : notice.kind == Kind::RemoveFailed ? messages::kRouteNotRemoved
                                                                 : messages::kRouteFailed;
    report(message, {{"route", notice.route}, {"error", notice.text}});
}

}  // namespace tandem::daemon
