// The flow before it has an upstream, and what the upstream gets before the client's bytes.
#include "proxy/relay/flow.hpp"
#include "proxy/relay/service_shard.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace tandem::relay {

void Flow::start_preread(bool awaits_header) {
    const bool hello = shard_.router().has_value();
    if (!awaits_header && !hello) {
        connect_next();
        return;
    }
    preread_ = std::make_unique<Preread>(awaits_header, hello);
    phase_ = Phase::Prereading;
    shard_.reactor().schedule(*this, shard_.config().preread.timeout);
}

// The bytes are taken from the kernel, not looked at (MSG_PEEK): what is full is then never the
// receive buffer, nothing is read twice, and each new byte is a new edge.
void Flow::preread() {
    Peer& client = peers_[kClient];
    Buffer buffer = shard_.reactor().buffers().acquire(Preread::kMostPerRead);
    if (buffer.capacity == 0) {
        // To wait would be to wait for others that cannot get on for the same reason.
        shard_.buffers_short();
        shard_.counters().local_errors.add();
        end(End::LocalError);
        return;
    }
    bool done = false;
    while (!done) {
        const ssize_t count = ::recv(client.socket.get(), buffer.data.get(), buffer.capacity, 0);
        if (count > 0) {
            const auto size = static_cast<std::size_t>(count);
            client.half.on_preread(size < buffer.capacity);
            done = preread_result(preread_->on_bytes({buffer.data.get(), size})) ||
                   !client.half.is_readable();
        } else if (count == 0) {
            // It cannot become complete any more.
            end(preread_->awaits_header() ? End::BadProxyHeader : End::NoRoute);
            done = true;
        } else if (errno == EAGAIN) {
            client.half.on_read_blocked();
            done = true;
        } else if (errno != EINTR) {
            end(End::ResetByClient);
            done = true;
        }
    }
    shard_.reactor().buffers().release(std::move(buffer));
    count_preread();
}

void Flow::count_preread() {
    if (preread_) {
        const std::size_t is = phase_ == Phase::Ended ? 0 : preread_->memory();
        shard_.reactor().buffers().count(std::exchange(preread_->counted, is), is);
    }
}

bool Flow::preread_result(Preread::Verdict verdict) {
    switch (verdict) {
        case Preread::Verdict::NeedMore:
            return false;
        case Preread::Verdict::BadHeader:
            end(End::BadProxyHeader);
            return true;
        case Preread::Verdict::Complete:
            preread_complete();
            return true;
    }
    return true;
}

void Flow::preread_complete() {
    Timer::unlink();
    if (preread_->had_header() && !admit_named_client()) {
        return;
    }
    phase_ = Phase::Connecting;
    if (shard_.router()) {
        auto excluded = shard_.router()->excluded(preread_->hello());
        if (!excluded) {
            end(End::NoRoute);
            return;
        }
        tried_ = std::move(*excluded);
    }
    connect_next();
}

bool Flow::admit_named_client() {
    const auto addresses = client_addresses();
    if (!addresses) {
        end(End::ResetByClient);
        return false;
    }
    client_hash_ = shard_.hash_of(addresses->source);
    ClientTable::Client* place = nullptr;
    if (!shard_.admit_client(addresses->source, place)) {
        end(End::ClientRefused);
        return false;
    }
    if (limits_) {
        limits_->client = place;
    }
    return true;
}

std::optional<ConnectionAddresses> Flow::client_addresses() const {
    if (preread_ && preread_->addresses()) {
        return preread_->addresses();
    }
    const Descriptor& client = peers_[kClient].socket;
    const auto source = remote_endpoint(client);
    if (!source.has_value()) {
        return std::nullopt;
    }
    const Endpoint& listen = shard_.config().listen;
    if (!listen.address().is_unspecified()) {
        return ConnectionAddresses{*source, listen};
    }
    const auto destination = local_endpoint(client);
    return destination.has_value() ? std::optional(ConnectionAddresses{*source, *destination})
                                   : std::nullopt;
}

void Flow::put_first_bytes() {
    const ProxyProtocol version = shard_.config().upstreams[upstream_].proxy_protocol;
    if (version == ProxyProtocol::Off && !preread_) {
        return;
    }
    EncodedProxyHeader header;
    if (version != ProxyProtocol::Off) {
        const auto addresses = client_addresses();
        if (!addresses) {
            // Nothing may reach the upstream without a header.
            end(End::ResetByClient);
            return;
        }
        header = encode_proxy_header(version, *addresses);
        header_left_ = static_cast<std::uint8_t>(header.bytes().size());
    }
    preload_client_bytes(header.bytes());
    if (preread_ && !preread_->addresses()) {
        preread_.reset();
    }
}

void Flow::preload_client_bytes(std::span<const std::byte> header) {
    const auto kept = preread_ ? preread_->bytes() : std::span<const std::byte>();
    const std::size_t size = header.size() + kept.size();
    if (size == 0) {
        return;
    }
    Peer& client = peers_[kClient];
    client.buffer = shard_.reactor().buffers().acquire(Half::capacity_for(size));
    client.half.set_capacity(client.buffer.capacity);
    if (client.half.capacity() == 0) {
        shard_.counters().local_errors.add();
        end(End::LocalError);
        return;
    }
    std::byte* const data = client.buffer.data.get();
    std::ranges::copy(kept, std::ranges::copy(header, data).out);
    client.half.preload(size);
    if (preread_) {
        preread_->forget_bytes();
        count_preread();
    }
    if (client.half.is_readable() && client.half.room() > 0) {
        // Then it leaves in the same segment.
        read_from(kClient);
    }
}

std::size_t Flow::without_header(std::size_t sent) {
    const std::size_t header = std::min<std::size_t>(sent, header_left_);
    header_left_ = static_cast<std::uint8_t>(header_left_ - header);
    return sent - header;
}

}  // namespace tandem::relay
