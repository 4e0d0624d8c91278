#include "proxy/relay/client_table.hpp"

#include "proxy/relay/address_bits.hpp"
#include "proxy/relay/client_hash.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <random>
#include <unordered_map>
#include <utility>

#include <boost/intrusive/list.hpp>

namespace tandem::relay {

namespace {

/// In this time every bucket is full again: whoever was away for so long is as good as new.
constexpr std::chrono::seconds kMemory{1};
/// Forgotten for each that enters: more than come, so that a peak goes away.
constexpr unsigned kForgottenAtOnce = 2;

/// Nobody outside knows which addresses share a place.
std::uint64_t random_seed() {
    std::random_device source;
    return std::uint64_t{source()} << 32 | source();
}

}  // namespace

class ClientTable::Client : public boost::intrusive::list_base_hook<
                                boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    Client(const Key& identity, const TokenBucket::Rate& rate, TimePoint now)
        : key(identity), starts(rate, now) {}
    const Key key;
    TokenBucket starts;
    unsigned connections = 0;
    /// Valid without connections.
    TimePoint idle_since{};
};

struct ClientTable::Part {
    using IdleList = boost::intrusive::list<Client, boost::intrusive::constant_time_size<false>>;
    explicit Part(const Hash& hash = {}) : clients(0, hash) {}

    std::mutex mutex;
    std::unordered_map<Key, Client, Hash> clients;
    /// Clients without connections, the one that has been so longest first.
    IdleList idle;
};

std::size_t ClientTable::Hash::operator()(const Key& key) const {
    return mix(mix(key[0] ^ seed) ^ key[1]);
}

ClientTable::ClientTable(const LimitsConfig& limits, std::size_t most_clients)
    : most_connections_(limits.max_connections_per_client),
      prefix_v4_(limits.client_prefix_v4),
      prefix_v6_(limits.client_prefix_v6),
      rate_{std::max<std::uint64_t>(limits.max_client_connection_rate, 1),
            std::max<std::uint64_t>(limits.max_client_connection_rate, 1)},
      rated_(limits.max_client_connection_rate != 0),
      most_in_part_((most_clients + kParts - 1) / kParts),
      hash_{random_seed()},
      parts_(std::make_unique<std::array<Part, kParts>>()) {
    for (Part& part : *parts_) {
        part.clients = std::unordered_map<Key, Client, Hash>(0, hash_);
    }
}

ClientTable::~ClientTable() = default;

ClientTable::Key ClientTable::key_of(const boost::asio::ip::address& address) const {
    const auto plain = unmapped(address);
    const AddressBits bits = to_bits(plain);
    if (plain.is_v4()) {
        // Apart from every IPv6 address: in ::ffff:0:0/96, which is cut nowhere else.
        return {0, std::uint64_t{0xffff} << 32U | (bits.low & leading_bits(32 + prefix_v4_))};
    }
    return {bits.high & leading_bits(prefix_v6_),
            bits.low & leading_bits(prefix_v6_ > 64 ? prefix_v6_ - 64 : 0)};
}

ClientTable::Part& ClientTable::part_of(const Key& key) const {
    // Other bits than those by which the map chooses its place.
    return (*parts_)[std::uint64_t{hash_(key)} >> 58];
}

ClientTable::Entry ClientTable::enter(const boost::asio::ip::address& address, TimePoint now) {
    const Key key = key_of(address);
    Part& part = part_of(key);
    const std::lock_guard lock{part.mutex};
    forget_idle(part, now);
    Client* client = find_or_add(part, key, now);
    if (client == nullptr) {
        return {Verdict::TableFull, nullptr};
    }
    if (most_connections_ != 0 && client->connections >= most_connections_) {
        return {Verdict::TooManyConnections, nullptr};
    }
    if (rated_) {
        if (client->starts.available(rate_, now) == 0) {
            return {Verdict::TooFast, nullptr};
        }
        client->starts.take(1);
    }
    client->unlink();
    ++client->connections;
    return {Verdict::Granted, client};
}

void ClientTable::leave(Client& client, TimePoint now) {
    Part& part = part_of(client.key);
    const std::lock_guard lock{part.mutex};
    if (--client.connections > 0) {
        return;
    }
    if (rated_) {
        client.idle_since = now;
        part.idle.push_back(client);
    } else {
        part.clients.erase(Key{client.key});
    }
}

ClientTable::Client* ClientTable::find_or_add(Part& part, const Key& key, TimePoint now) {
    if (const auto known = part.clients.find(key); known != part.clients.end()) {
        return &known->second;
    }
    if (part.clients.size() >= most_in_part_) {
        if (part.idle.empty()) {
            return nullptr;
        }
        part.clients.erase(Key{part.idle.front().key});
    }
    return &part.clients
                .emplace(std::piecewise_construct, std::forward_as_tuple(key),
                         std::forward_as_tuple(key, rate_, now))
                .first->second;
}

void ClientTable::forget_idle(Part& part, TimePoint now) {
    for (unsigned count = 0; count < kForgottenAtOnce && !part.idle.empty(); ++count) {
        const Client& longest = part.idle.front();
        if (now - longest.idle_since < kMemory) {
            return;
        }
        part.clients.erase(Key{longest.key});
    }
}

std::size_t ClientTable::size() const {
    std::size_t sum = 0;
    for (Part& part : *parts_) {
        const std::lock_guard lock{part.mutex};
        sum += part.clients.size();
    }
    return sum;
}

}  // namespace tandem::relay
