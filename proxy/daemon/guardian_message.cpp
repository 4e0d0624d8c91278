#include "proxy/daemon/guardian_message.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tandem::daemon {
namespace {

enum class Type : std::uint8_t { Heartbeat = 1, Ready = 2, Will = 3 };
enum class Family : std::uint8_t { Ipv4 = 4, Ipv6 = 6 };

class Writer {
  public:
    template <typename Value>
    void number(Value value) {
        raw({reinterpret_cast<const std::byte*>(&value), sizeof value});
    }
    void raw(std::span<const std::byte> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    void block(std::span<const std::byte> bytes) {
        number(static_cast<std::uint32_t>(bytes.size()));
        raw(bytes);
    }
    void address(const vrrp::IpAddress& address) {
        if (address.is_v4()) {
            const auto bytes = address.to_v4().to_bytes();
            number(Family::Ipv4);
            raw(std::as_bytes(std::span{bytes}));
        } else {
            const auto bytes = address.to_v6().to_bytes();
            number(Family::Ipv6);
            raw(std::as_bytes(std::span{bytes}));
        }
    }
    [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

  private:
    std::vector<std::byte> bytes_;
};

/// Reads in order; after the first thing that is not there everything is empty and `good` false.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : rest_{bytes} {}

    std::span<const std::byte> raw(std::size_t size) {
        if (size > rest_.size()) {
            good_ = false;
            rest_ = {};
            return {};
        }
        const auto out = rest_.first(size);
        rest_ = rest_.subspan(size);
        return out;
    }
    template <typename Value>
    Value number() {
        Value value{};
        const auto bytes = raw(sizeof value);
        if (!bytes.empty()) {
            std::memcpy(&value, bytes.data(), sizeof value);
        }
        return value;
    }
    std::span<const std::byte> block() { return raw(number<std::uint32_t>()); }
    vrrp::IpAddress address() {
        switch (number<Family>()) {
            case Family::Ipv4:
                return read_address<boost::asio::ip::address_v4>();
            case Family::Ipv6:
                return read_address<boost::asio::ip::address_v6>();
        }
        good_ = false;
        return {};
    }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

  private:
    template <typename Address>
    Address read_address() {
        typename Address::bytes_type out{};
        const auto bytes = raw(out.size());
        if (!bytes.empty()) {
            std::memcpy(out.data(), bytes.data(), out.size());
        }
        return Address{out};
    }

    std::span<const std::byte> rest_;
    bool good_ = true;
};

void write_will(Writer& writer, const LastWill& will) {
    writer.number(will.instance);
    writer.number(static_cast<std::uint32_t>(will.removals.size()));
    for (const netlink::Bytes& request : will.removals) {
        writer.block(request);
    }
    writer.number(static_cast<std::uint32_t>(will.adverts.size()));
    for (const vrrp::ReleaseAdvertisement& advert : will.adverts) {
        writer.address(advert.source);
        writer.address(advert.destination);
        writer.number(static_cast<std::uint32_t>(advert.interface_index));
        writer.number(advert.hop_limit);
        writer.block(std::as_bytes(std::span{advert.packet}));
    }
}

vrrp::ReleaseAdvertisement read_advert(Reader& reader) {
    vrrp::ReleaseAdvertisement advert;
    advert.source = reader.address();
    advert.destination = reader.address();
    advert.interface_index = reader.number<std::uint32_t>();
    advert.hop_limit = reader.number<std::uint8_t>();
    const auto packet = reader.block();
    advert.packet.resize(packet.size());
    std::ranges::transform(packet, advert.packet.begin(),
                           [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    return advert;
}

/// Counts are not trusted: each round reads at least a byte or ends the loop.
std::optional<LastWill> read_will(Reader& reader) {
    LastWill will;
    will.instance = reader.number<std::uint32_t>();
    const auto removals = reader.number<std::uint32_t>();
    for (std::uint32_t i = 0; i < removals && reader.good(); ++i) {
        const auto request = reader.block();
        will.removals.emplace_back(request.begin(), request.end());
    }
    const auto adverts = reader.number<std::uint32_t>();
    for (std::uint32_t i = 0; i < adverts && reader.good(); ++i) {
        will.adverts.push_back(read_advert(reader));
    }
    if (!reader.at_end() || will.instance >= kMaxWills) {
        return std::nullopt;
    }
    return will;
}

}  // namespace

std::vector<std::byte> encode(const GuardianMessage& message) {
    Writer writer;
    if (std::holds_alternative<Heartbeat>(message)) {
        writer.number(Type::Heartbeat);
    } else if (std::holds_alternative<NodeReady>(message)) {
        writer.number(Type::Ready);
    } else {
        writer.number(Type::Will);
        write_will(writer, std::get<LastWill>(message));
    }
    auto bytes = writer.take();
    return bytes.size() <= kMaxGuardianMessage ? std::move(bytes) : std::vector<std::byte>{};
}

std::optional<GuardianMessage> decode_guardian_message(std::span<const std::byte> bytes) {
    Reader reader{bytes};
    const auto type = reader.number<Type>();
    if (type == Type::Heartbeat && reader.at_end()) {
        return Heartbeat{};
    }
    if (type == Type::Ready && reader.at_end()) {
        return NodeReady{};
    }
    if (type != Type::Will) {
        return std::nullopt;
    }
    auto will = read_will(reader);
    return will ? std::optional<GuardianMessage>{std::move(*will)} : std::nullopt;
}

}  // namespace tandem::daemon
