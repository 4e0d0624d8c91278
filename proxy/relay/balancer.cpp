#include "proxy/relay/balancer.hpp"

#include "proxy/relay/client_hash.hpp"

#include <algorithm>

namespace tandem::relay {

namespace {

/// Slots of the table that one client is looked up in before everybody is looked at.
constexpr unsigned kTableTries = 8;

bool has_table(Algorithm algorithm) {
    return algorithm == Algorithm::SourceHash || algorithm == Algorithm::RandomOfTwo;
}

bool weights_count(Algorithm algorithm) {
    return algorithm != Algorithm::RoundRobin && algorithm != Algorithm::LeastConnections;
}

}  // namespace

Balancer::Balancer(const ServiceConfig& config, UpstreamGroup& group, PersistenceTable* persistence,
                   std::uint64_t seed)
    : algorithm_(config.algorithm),
      group_(group),
      persistence_(persistence),
      table_(make_table(config, group)),
      random_(mix(seed + 1)) {
    for (const UpstreamConfig& upstream : config.upstreams) {
        candidates_.push_back({.name_hash = hash_text(upstream.name)});
    }
}

std::shared_ptr<const MaglevTable> Balancer::make_table(const ServiceConfig& config,
                                                        const UpstreamGroup& group) {
    if (!has_table(config.algorithm)) {
        return nullptr;
    }
    std::vector<MaglevTable::Member> members;
    for (std::size_t index = 0; index < config.upstreams.size(); ++index) {
        const UpstreamConfig& upstream = config.upstreams[index];
        const bool primary = upstream.balance.role == UpstreamRole::Primary;
        members.push_back(
            {.name = upstream.name, .weight = primary ? group.table_weight(index) : 0});
    }
    return std::make_shared<const MaglevTable>(members);
}

bool Balancer::tried(std::size_t upstream, const BalanceRequest& request) const {
    return std::ranges::find(request.tried, upstream) != request.tried.end();
}

BalanceChoice Balancer::pick(const BalanceRequest& request) {
    // Another worker may take the last place in between; then the upstream counts as full.
    for (std::size_t attempt = 0; attempt <= group_.size(); ++attempt) {
        const BalanceChoice choice = pick_once(request);
        if (!choice || group_.enter(choice.upstream)) {
            return choice;
        }
    }
    return {.kind = BalanceChoice::Kind::Full};
}

BalanceChoice Balancer::pick_once(const BalanceRequest& request) {
    using Kind = BalanceChoice::Kind;
    if (persistence_ != nullptr) {
        const auto known = persistence_->find(request.client, request.now);
        if (known && *known < group_.size() && group_.keeps_clients(*known, request.now) &&
            !tried(*known, request)) {
            return {.kind = Kind::Upstream, .upstream = *known};
        }
    }
    if (table_ && !table_->empty()) {
        const std::size_t found =
            algorithm_ == Algorithm::RandomOfTwo ? draw(request) : look_up(request.client, request);
        if (found != group_.size()) {
            return {.kind = Kind::Upstream, .upstream = found};
        }
    }
    const Standing best = survey(request);
    if (best >= Standing::Full) {
        return {.kind = best == Standing::Full ? Kind::Full : Kind::Nobody};
    }
    switch (algorithm_) {
        case Algorithm::SourceHash:
            return {.kind = Kind::Upstream, .upstream = rendezvous(request.client, best)};
        case Algorithm::RandomOfTwo:
            return {.kind = Kind::Upstream, .upstream = rendezvous(next_random(), best)};
        case Algorithm::Failover:
            return {.kind = Kind::Upstream, .upstream = heaviest(best)};
        case Algorithm::Overflow:
            return overflow(best);
        case Algorithm::RoundRobin:
        case Algorithm::WeightedRoundRobin:
        case Algorithm::LeastConnections:
        case Algorithm::WeightedLeastConnections:
        case Algorithm::ShortestExpectedDelay:
        case Algorithm::NeverQueue:
            break;
    }
    return {.kind = Kind::Upstream, .upstream = in_turn(best)};
}

Standing Balancer::survey(const BalanceRequest& request) {
    Standing best = Standing::Out;
    for (std::size_t index = 0; index < candidates_.size(); ++index) {
        Candidate& candidate = candidates_[index];
        candidate.standing = group_.standing(index, request.now);
        if (candidate.standing >= Standing::Full) {
            // No burst to make up for the time it was away.
            candidate.credit = 0;
        }
        if (candidate.standing != Standing::Out && tried(index, request)) {
            candidate.standing = Standing::Out;
        }
        candidate.load = load(index);
        candidate.weight = weight(index, request.now);
        best = std::min(best, candidate.standing);
    }
    return best;
}

std::uint64_t Balancer::load(std::size_t upstream) const {
    const std::uint64_t connections = group_.connections(upstream);
    switch (algorithm_) {
        case Algorithm::LeastConnections:
        case Algorithm::WeightedLeastConnections:
        case Algorithm::RandomOfTwo:
        case Algorithm::Overflow:
            return connections;
        case Algorithm::ShortestExpectedDelay:
            return connections + 1;
        case Algorithm::NeverQueue:
            return connections == 0 ? 0 : connections + 1;
        case Algorithm::RoundRobin:
        case Algorithm::WeightedRoundRobin:
        case Algorithm::SourceHash:
        case Algorithm::Failover:
            break;
    }
    return 0;
}

std::uint64_t Balancer::weight(std::size_t upstream, TimePoint now) const {
    return weights_count(algorithm_) ? group_.fine_weight(upstream, now) : 1;
}

// Smooth weighted round robin among the least loaded: everyone earns its weight, the richest is
// picked and pays the sum. Over one sum of weights everyone is picked weight times, spread as
// evenly as possible.
std::size_t Balancer::in_turn(Standing best) {
    // load / weight as a fraction; the products fit: 2^31 connections, weights of 2^24.
    std::uint64_t least_load = 1;
    std::uint64_t least_weight = 0;
    for (const Candidate& candidate : candidates_) {
        if (candidate.standing == best &&
            candidate.load * least_weight < least_load * candidate.weight) {
            least_load = candidate.load;
            least_weight = candidate.weight;
        }
    }
    std::size_t richest = candidates_.size();
    std::int64_t total = 0;
    for (std::size_t index = 0; index < candidates_.size(); ++index) {
        Candidate& candidate = candidates_[index];
        if (candidate.standing != best ||
            candidate.load * least_weight > least_load * candidate.weight) {
            continue;
        }
        candidate.credit += static_cast<std::int64_t>(candidate.weight);
        total += static_cast<std::int64_t>(candidate.weight);
        if (richest == candidates_.size() || candidate.credit > candidates_[richest].credit) {
            richest = index;
        }
    }
    candidates_[richest].credit -= total;
    return richest;
}

std::size_t Balancer::heaviest(Standing best) const {
    std::size_t result = candidates_.size();
    for (std::size_t index = 0; index < candidates_.size(); ++index) {
        if (candidates_[index].standing == best &&
            (result == candidates_.size() ||
             candidates_[index].weight > candidates_[result].weight)) {
            result = index;
        }
    }
    return result;
}

BalanceChoice Balancer::overflow(Standing best) const {
    BalanceChoice choice{.kind = BalanceChoice::Kind::Full};
    for (std::size_t index = 0; index < candidates_.size(); ++index) {
        const Candidate& candidate = candidates_[index];
        if (candidate.standing != best ||
            candidate.load * UpstreamGroup::kWeightUnit >= candidate.weight) {
            continue;
        }
        if (!choice || candidate.weight > candidates_[choice.upstream].weight) {
            choice = {.kind = BalanceChoice::Kind::Upstream, .upstream = index};
        }
    }
    return choice;
}

std::size_t Balancer::look_up(std::uint64_t hash, const BalanceRequest& request) const {
    for (unsigned attempt = 0; attempt < kTableTries; ++attempt) {
        const std::size_t index = table_->find(hash);
        if (group_.standing(index, request.now) == Standing::Primary && !tried(index, request)) {
            return index;
        }
        hash = mix(hash + 1);
    }
    return group_.size();
}

// Highest random weight: like the table, it moves nobody whose upstream stays.
std::size_t Balancer::rendezvous(std::uint64_t hash, Standing best) const {
    std::size_t winner = candidates_.size();
    std::uint64_t highest = 0;
    for (std::size_t index = 0; index < candidates_.size(); ++index) {
        const std::uint64_t score = mix(hash ^ candidates_[index].name_hash);
        if (candidates_[index].standing == best &&
            (winner == candidates_.size() || score > highest)) {
            winner = index;
            highest = score;
        }
    }
    return winner;
}

std::uint64_t Balancer::next_random() {
    random_ += 0x9e3779b97f4a7c15U;
    return mix(random_);
}

std::size_t Balancer::draw(const BalanceRequest& request) {
    const std::size_t first = look_up(next_random(), request);
    const std::size_t second = look_up(next_random(), request);
    if (first == group_.size() || second == group_.size()) {
        return std::min(first, second);
    }
    const bool first_is_less =
        load(first) * weight(second, request.now) <= load(second) * weight(first, request.now);
    return first_is_less ? first : second;
}

}  // namespace tandem::relay
