#include "proxy/relay/balancer.hpp"

#include <algorithm>

namespace tandem::relay {

Balancer::Balancer(Algorithm algorithm, const std::vector<UpstreamConfig>& upstreams)
    : algorithm_(algorithm) {
    candidates_.reserve(upstreams.size());
    for (const UpstreamConfig& upstream : upstreams) {
        const bool up = !upstream.check || !upstream.check->start_down;
        candidates_.push_back({.weight = upstream.weight, .current = 0, .up = up});
    }
}

void Balancer::set_up(std::size_t upstream, bool up) {
    Candidate& candidate = candidates_.at(upstream);
    if (candidate.up != up) {
        candidate.up = up;
        // No burst to make up for the time it was away.
        candidate.current = 0;
    }
}

bool Balancer::eligible(std::size_t upstream, std::span<const std::uint16_t> tried) const {
    const Candidate& candidate = candidates_[upstream];
    return candidate.up && candidate.weight > 0 &&
           std::find(tried.begin(), tried.end(), upstream) == tried.end();
}

std::optional<std::size_t> Balancer::pick(std::span<const std::uint16_t> tried) {
    switch (algorithm_) {
        case Algorithm::RoundRobin:
            return pick_in_turn(tried);
        case Algorithm::WeightedRoundRobin:
            return pick_weighted(tried);
    }
    return std::nullopt;
}

std::optional<std::size_t> Balancer::pick_in_turn(std::span<const std::uint16_t> tried) {
    for (std::size_t step = 0; step < candidates_.size(); ++step) {
        const std::size_t index = (next_ + step) % candidates_.size();
        if (eligible(index, tried)) {
            next_ = index + 1;
            return index;
        }
    }
    return std::nullopt;
}

// Smooth weighted round robin: everyone earns its weight, the richest is picked and pays the sum.
// Over one sum of weights everyone is picked weight times, spread as evenly as possible.
std::optional<std::size_t> Balancer::pick_weighted(std::span<const std::uint16_t> tried) {
    std::optional<std::size_t> best;
    std::int64_t total = 0;
    for (std::size_t index = 0; index < candidates_.size(); ++index) {
        if (!eligible(index, tried)) {
            continue;
        }
        Candidate& candidate = candidates_[index];
        candidate.current += candidate.weight;
        total += candidate.weight;
        if (!best || candidate.current > candidates_[*best].current) {
            best = index;
        }
    }
    if (best) {
        candidates_[*best].current -= total;
    }
    return best;
}

}  // namespace tandem::relay
