// The socket of a router and what arrives on it.
#include "vrrp/explain.hpp"
#include "vrrp/packet.hpp"
#include "vrrp/router_impl.hpp"

#include <chrono>
#include <utility>
#include <variant>

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

}  // namespace

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

void Router::Impl::use_authentication(const std::vector<ReplayMark>& marks) {
    signer.reset();
    verifier.reset();
    if (config.auth_hmac) {
        signer.emplace(*config.auth_hmac);
        const bool unicast = !config.unicast_peers.empty();
        verifier.emplace(*config.auth_hmac, unicast ? destinations : std::vector<IpAddress>{},
                         marks);
    }
}

void Router::Impl::reconfigure(InstanceConfig wanted) {
    const auto self = shared_from_this();
    const InstanceConfig before = std::exchange(config, std::move(wanted));
    const bool other_peers = before.unicast_peers != config.unicast_peers;
    destinations = vrrp::destinations(config);
    if (other_peers || before.auth_hmac != config.auth_hmac) {
        // What was heard before must not be accepted once more.
        use_authentication(verifier ? verifier->marks() : std::vector<ReplayMark>{});
    }
    raise(Reconfigured{});
    const bool other_socket = before.unicast_peers.empty() != config.unicast_peers.empty() ||
                              before.multicast_group != config.multicast_group ||
                              before.unicast_ttl != config.unicast_ttl;
    if (closed) {
        return;
    }
    if (other_socket && socket.is_open()) {
        open_socket();
    } else {
        tell_release_advertisements();
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

}  // namespace tandem::vrrp
