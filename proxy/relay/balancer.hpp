// Which upstream gets the next connection. Pure.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/maglev.hpp"
#include "proxy/relay/persistence.hpp"
#include "proxy/relay/upstream_group.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace tandem::relay {

/// What is known of the connection that wants an upstream.
struct BalanceRequest {
    /// hash_client() of its address; only where Balancer::needs_client() says so.
    std::uint64_t client = 0;
    TimePoint now;
    /// Upstreams that this connection has tried already; they are skipped.
    std::span<const std::uint16_t> tried;
};

struct BalanceChoice {
    enum class Kind : std::uint8_t {
        Upstream,
        Full,    ///< somebody would do, but has no place free
        Nobody,  ///< nobody is left
    } kind = Kind::Nobody;
    /// Index into the configured upstreams.
    std::size_t upstream = 0;

    explicit operator bool() const { return kind == Kind::Upstream; }
};

/// One per service and worker; not thread-safe. What the workers share is in the group and in the
/// persistence table: counts of connections are those of all workers.
///
/// Among the upstreams of the best standing: the least loaded, and of several such each in turn,
/// smoothly by weight. The methods differ only in what they call load and weight. sh, mh and twos
/// look into a table, without a look at the other upstreams while the first choice can be used; a
/// client whose upstream cannot be used moves, all others stay.
class Balancer {
  public:
    /// @param persistence null: none. Both outlive this.
    /// @param seed for twos: different for each worker.
    Balancer(const ServiceConfig& config, UpstreamGroup& group, PersistenceTable* persistence,
             std::uint64_t seed);

    /// Takes a place at the upstream, which is to be given back to the group.
    /// O(upstreams), no allocation.
    BalanceChoice pick(const BalanceRequest& request);

    /// Whether requests of this service are to name their client.
    static bool needs_client(const ServiceConfig& config) {
        return config.algorithm == Algorithm::SourceHash ||
               config.balance.persistence_timeout.count() != 0;
    }
    /// For sh, mh and twos; a new one after each change of a weight.
    void set_table(std::shared_ptr<const MaglevTable> table) { table_ = std::move(table); }
    /// Of the weights that are in force; null for a method without a table.
    static std::shared_ptr<const MaglevTable> make_table(const ServiceConfig& config,
                                                         const UpstreamGroup& group);

  private:
    BalanceChoice pick_once(const BalanceRequest& request);
    /// Looks at everybody. @return the best standing.
    Standing survey(const BalanceRequest& request);
    [[nodiscard]] bool tried(std::size_t upstream, const BalanceRequest& request) const;
    [[nodiscard]] std::size_t in_turn(Standing best);
    [[nodiscard]] std::size_t heaviest(Standing best) const;
    [[nodiscard]] BalanceChoice overflow(Standing best) const;
    /// By the table; size() when that leads to nobody who can be used.
    [[nodiscard]] std::size_t look_up(std::uint64_t hash, const BalanceRequest& request) const;
    [[nodiscard]] std::size_t rendezvous(std::uint64_t hash, Standing best) const;
    std::size_t draw(const BalanceRequest& request);
    std::uint64_t next_random();
    [[nodiscard]] std::uint64_t load(std::size_t upstream) const;
    [[nodiscard]] std::uint64_t weight(std::size_t upstream, TimePoint now) const;

    const Algorithm algorithm_;
    UpstreamGroup& group_;
    PersistenceTable* const persistence_;
    std::shared_ptr<const MaglevTable> table_;
    struct Candidate {
        /// rendezvous() does not depend on the order in the file either.
        std::uint64_t name_hash = 0;
        /// Of the smooth weighted round robin: what it has earned and not spent.
        std::int64_t credit = 0;
        // Of the pick that is running: other workers change the group meanwhile.
        std::uint64_t load = 0;
        std::uint64_t weight = 0;
        Standing standing = Standing::Out;
    };
    std::vector<Candidate> candidates_;
    std::uint64_t random_;
};

}  // namespace tandem::relay
