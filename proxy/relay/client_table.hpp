// How many connections each client has, and how fast it opens them, exact over all workers.
#pragma once

#include "proxy/relay/limits_config.hpp"
#include "proxy/relay/token_bucket.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tandem::relay {

/// One per service that limits its clients, shared by its workers. A client is known while it has
/// connections, and with a rate for the second after. Clients are spread over parts with a lock
/// each, held for one look-up: workers meet only at clients of the same part. Thread-safe.
///
/// Bounded: a new client takes the place of one without connections; when there is none such in its
/// part it is refused.
class ClientTable {
  public:
    static constexpr std::size_t kMostClients = std::size_t{1} << 18;

    enum class Verdict : std::uint8_t { Granted, TooManyConnections, TooFast, TableFull };
    class Client;
    struct Entry {
        Verdict verdict = Verdict::Granted;
        /// With Granted: for leave().
        Client* client = nullptr;
    };

    /// @param most_clients rounded up to a multiple of the number of parts.
    explicit ClientTable(const LimitsConfig& limits, std::size_t most_clients = kMostClients);
    ~ClientTable();

    /// True: the service needs a table.
    static bool limits_clients(const LimitsConfig& limits) {
        return limits.max_connections_per_client != 0 || limits.max_client_connection_rate != 0;
    }

    Entry enter(const boost::asio::ip::address& address, TimePoint now);
    /// Once for every enter() that was granted.
    void leave(Client& client, TimePoint now);
    /// For tests: clients known now.
    [[nodiscard]] std::size_t size() const;

    static constexpr std::size_t kParts = 64;

  private:
    using Key = std::array<std::uint64_t, 2>;
    struct Hash {
        std::uint64_t seed;
        std::size_t operator()(const Key& key) const;
    };
    struct Part;

    [[nodiscard]] Key key_of(const boost::asio::ip::address& address) const;
    [[nodiscard]] Part& part_of(const Key& key) const;
    Client* find_or_add(Part& part, const Key& key, TimePoint now);
    void forget_idle(Part& part, TimePoint now);

    const unsigned most_connections_;
    const unsigned prefix_v4_;
    const unsigned prefix_v6_;
    /// Valid when rated_.
    const TokenBucket::Rate rate_;
    const bool rated_;
    const std::size_t most_in_part_;
    const Hash hash_;
    std::unique_ptr<std::array<Part, kParts>> parts_;
};

}  // namespace tandem::relay
