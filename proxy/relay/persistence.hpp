// Which upstream a client had. Pure.
#pragma once

#include "proxy/relay/timer_wheel.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tandem::relay {

/// persistence_timeout of one service, shared by its workers without a lock: each client is one
/// atomic word. Half a mebibyte, whatever happens: 65536 clients in sets of eight, and in a full
/// set the client goes whose time would have been up first. 35 bits of the hash name a client: once
/// in 500 000 look-ups a client is taken for another one, and gets that one's upstream.
class PersistenceTable {
  public:
    static constexpr std::size_t kEntries = 65536;
    static constexpr std::chrono::hours kLongestTimeout{24 * 31};

    /// @param timeout 1 s to kLongestTimeout; counted in whole seconds, up to one too long.
    PersistenceTable(std::chrono::seconds timeout, TimePoint start)
        : timeout_(static_cast<std::uint64_t>(timeout.count())),
          longest_(timeout_),
          start_(start),
          sets_(kSets) {}

    /// With the clients of another table, as long as each was to be remembered there. Not with
    /// those that connections of the other table's service are remembered for from now on.
    /// @param positions of the other table's upstreams here; nullopt: gone.
    PersistenceTable(std::chrono::seconds timeout, const PersistenceTable& before,
                     const std::vector<std::optional<std::size_t>>& positions);

    /// @return the upstream, below 65536; nullopt: unknown, or its time is up.
    [[nodiscard]] std::optional<std::size_t> find(std::uint64_t client, TimePoint now) const;
    /// The client has this upstream from now on, for the timeout.
    void remember(std::uint64_t client, std::size_t upstream, TimePoint now);

  private:
    static constexpr std::size_t kWays = 8;
    static constexpr std::size_t kSets = kEntries / kWays;
    // One word: tag, upstream, second at which its time is up, modulo 2 years. Zero: free.
    static constexpr unsigned kSecondBits = 26;
    static constexpr unsigned kUpstreamBits = 16;
    static constexpr std::uint64_t kSecondMask = (std::uint64_t{1} << kSecondBits) - 1;
    static constexpr std::uint64_t kUpstreamMask = (std::uint64_t{1} << kUpstreamBits) - 1;
    using Set = std::array<std::atomic<std::uint64_t>, kWays>;

    static std::size_t set_of(std::uint64_t client) { return client % kSets; }
    /// Never zero.
    static std::uint64_t tag_of(std::uint64_t client) {
        return client >> (kSecondBits + kUpstreamBits) | 1U;
    }
    [[nodiscard]] std::uint64_t second(TimePoint now) const;
    /// Seconds left; zero: its time is up, or the entry is free.
    [[nodiscard]] std::uint64_t left(std::uint64_t entry, TimePoint now) const;

    const std::uint64_t timeout_;
    /// Entries of an earlier table may have more left than the timeout.
    const std::uint64_t longest_;
    const TimePoint start_;
    std::vector<Set> sets_;
};

}  // namespace tandem::relay
