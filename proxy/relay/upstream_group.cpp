#include "proxy/relay/upstream_group.hpp"

#include <algorithm>

namespace tandem::relay {

namespace {

constexpr unsigned kMostWeight = 65535;

bool needs_counts(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::RoundRobin:
        case Algorithm::WeightedRoundRobin:
        case Algorithm::SourceHash:
        case Algorithm::Failover:
            return false;
        case Algorithm::LeastConnections:
        case Algorithm::WeightedLeastConnections:
        case Algorithm::Overflow:
        case Algorithm::ShortestExpectedDelay:
        case Algorithm::NeverQueue:
        case Algorithm::RandomOfTwo:
            return true;
    }
    return true;
}

}  // namespace

UpstreamGroup::UpstreamGroup(const ServiceConfig& config)
    : config_(config.balance),
      counts_(needs_counts(config.algorithm)),
      can_be_full_(config.algorithm == Algorithm::Overflow),
      members_(config.upstreams.size()) {
    for (std::size_t index = 0; index < members_.size(); ++index) {
        const UpstreamConfig& upstream = config.upstreams[index];
        Member& member = members_[index];
        member.name = upstream.name;
        member.is_checked = !upstream.checks.empty();
        member.weight_is_checked = std::ranges::any_of(upstream.checks, sets_weight);
        member.config = upstream.balance;
        member.configured_weight = std::min(upstream.weight, kMostWeight);
        put(member.weight, member.configured_weight);
        put(member.up, std::ranges::none_of(upstream.checks,
                                            [](const auto& check) { return check.start_down; }));
        has_sorry_ = has_sorry_ || upstream.balance.role == UpstreamRole::Sorry;
        can_be_full_ = can_be_full_ || upstream.balance.upper_threshold != 0;
    }
    counts_ = counts_ || can_be_full_;
    count_up(true);
}

void UpstreamGroup::inherit(const UpstreamGroup& before) {
    for (Member& member : members_) {
        const auto same = std::ranges::find(before.members_, member.name, &Member::name);
        if (same == before.members_.end()) {
            continue;
        }
        member.places = same->places;
        put(member.admin, get(same->admin));
        put(member.weight_override, get(same->weight_override));
        put(member.checked_weight, member.weight_is_checked ? get(same->checked_weight) : 0);
        put(member.failures, std::min(get(same->failures), config_.max_fails));
        put(member.avoided_until, get(same->avoided_until));
        if (member.is_checked && same->is_checked) {
            put(member.up, get(same->up));
            put(member.up_since, get(same->up_since));
        }
        weigh(member);
    }
    put(quorum_, get(before.quorum_));
    count_up();
}

void UpstreamGroup::set_up(std::size_t upstream, bool up, TimePoint now) {
    Member& member = members_.at(upstream);
    if (get(member.up) == up) {
        return;
    }
    if (up) {
        put(member.up_since, now.time_since_epoch().count());
        put(member.failures, 0U);
        put(member.avoided_until, Clock::duration::min().count());
    }
    put(member.up, up);
    count_up();
}

void UpstreamGroup::set_admin(std::size_t upstream, AdminState state) {
    put(members_.at(upstream).admin, state);
    count_up();
}

void UpstreamGroup::set_weight(std::size_t upstream, std::optional<unsigned> weight) {
    Member& member = members_.at(upstream);
    if (weight) {
        weight = std::min(*weight, kMostWeight);
    }
    put(member.weight_override, weight ? *weight + 1 : 0);
    weigh(member);
}

void UpstreamGroup::set_checked_weight(std::size_t upstream, unsigned weight) {
    Member& member = members_.at(upstream);
    put(member.checked_weight, std::min(weight, kMostWeight) + 1);
    weigh(member);
}

void UpstreamGroup::weigh(Member& member) {
    const unsigned unordered = stored(member.checked_weight).value_or(member.configured_weight);
    put(member.weight, stored(member.weight_override).value_or(unordered));
    count_up();
}

unsigned UpstreamGroup::weight(std::size_t upstream) const {
    const Member& member = members_[upstream];
    return get(member.admin) == AdminState::Ready ? get(member.weight) : 0;
}

std::optional<unsigned> UpstreamGroup::weight_override(std::size_t upstream) const {
    return stored(members_[upstream].weight_override);
}

std::optional<unsigned> UpstreamGroup::checked_weight(std::size_t upstream) const {
    return stored(members_[upstream].checked_weight);
}

bool UpstreamGroup::any_up() const {
    return std::ranges::any_of(members_, [](const Member& member) {
        return get(member.up) && get(member.admin) != AdminState::Down &&
               member.config.role != UpstreamRole::Sorry;
    });
}

void UpstreamGroup::count_up(bool first) {
    std::uint64_t weight_up = 0;
    std::uint64_t weight_most = 0;
    std::size_t primaries = 0;
    std::size_t primaries_up = 0;
    for (std::size_t index = 0; index < members_.size(); ++index) {
        const Member& member = members_[index];
        if (member.config.role != UpstreamRole::Primary) {
            continue;
        }
        weight_most += member.configured_weight;
        const unsigned weight_now = weight(index);
        weight_up += get(member.up) ? weight_now : 0;
        primaries += weight_now > 0 ? 1U : 0U;
        primaries_up += weight_now > 0 && get(member.up) ? 1U : 0U;
    }
    // As keepalived: a quorum that all together cannot reach would be lost for ever.
    const std::uint64_t quorum =
        std::max<std::uint64_t>(1, std::min<std::uint64_t>(config_.quorum, weight_most));
    const std::uint64_t hysteresis =
        first ? 0 : std::min<std::uint64_t>(config_.hysteresis, quorum - 1);
    if (weight_up == 0 || weight_up < quorum - hysteresis) {
        put(quorum_, false);
    } else if (weight_up >= std::min(quorum + hysteresis, std::max(weight_most, quorum))) {
        put(quorum_, true);
    }
    put(panic_, primaries_up * 100 < primaries * config_.panic_threshold);
}

bool UpstreamGroup::full(const Member& member) {
    const std::uint32_t places = get(member.places->taken);
    const unsigned most = member.config.upper_threshold;
    return most != 0 && ((places & kClosed) != 0 || places >= most);
}

bool UpstreamGroup::avoided(std::size_t upstream, TimePoint now) const {
    return config_.max_fails != 0 &&
           now.time_since_epoch().count() < get(members_[upstream].avoided_until);
}

Standing UpstreamGroup::standing(std::size_t upstream, TimePoint now) const {
    const Member& member = members_[upstream];
    const bool sorry = member.config.role == UpstreamRole::Sorry;
    if (weight(upstream) == 0 || sorry != (has_sorry_ && !quorum())) {
        return Standing::Out;
    }
    if (!get(member.up) && !(panic() && member.config.role == UpstreamRole::Primary)) {
        return Standing::Out;
    }
    if (full(member)) {
        return Standing::Full;
    }
    if (member.config.role == UpstreamRole::Backup) {
        return avoided(upstream, now) ? Standing::AvoidedBackup : Standing::Backup;
    }
    return avoided(upstream, now) ? Standing::AvoidedPrimary : Standing::Primary;
}

bool UpstreamGroup::keeps_clients(std::size_t upstream, TimePoint now) const {
    const Member& member = members_[upstream];
    return member.config.role == UpstreamRole::Primary && get(member.admin) == AdminState::Ready &&
           !(has_sorry_ && !quorum()) && (get(member.up) || panic()) && !full(member) &&
           !avoided(upstream, now);
}

std::uint64_t UpstreamGroup::fine_weight(std::size_t upstream, TimePoint now) const {
    const std::uint64_t weight_now = weight(upstream) * kWeightUnit;
    const Clock::rep since = get(members_[upstream].up_since);
    if (config_.slow_start.count() == 0 || since == 0) {
        return weight_now;
    }
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch() -
                                                                           Clock::duration{since});
    if (age >= config_.slow_start) {
        return weight_now;
    }
    const auto part = static_cast<std::uint64_t>(std::max<std::int64_t>(0, age.count()));
    return std::max<std::uint64_t>(
        1, weight_now * part / static_cast<std::uint64_t>(config_.slow_start.count()));
}

bool UpstreamGroup::enter(std::size_t upstream) {
    if (!counts_) {
        return true;
    }
    Member& member = members_[upstream];
    const unsigned most = member.config.upper_threshold;
    if (most == 0) {
        member.places->taken.fetch_add(1, std::memory_order_relaxed);
        return true;
    }
    std::uint32_t before = member.places->taken.load();
    std::uint32_t after = 0;
    do {
        if ((before & kClosed) != 0 || before >= most) {
            return false;
        }
        after = before + 1;
        if (after >= most && member.config.lower_threshold != 0) {
            after |= kClosed;
        }
    } while (!member.places->taken.compare_exchange_weak(before, after));
    return true;
}

void UpstreamGroup::leave(std::size_t upstream) {
    if (!counts_) {
        return;
    }
    Member& member = members_[upstream];
    if (member.config.upper_threshold == 0) {
        member.places->taken.fetch_sub(1, std::memory_order_relaxed);
        return;
    }
    std::uint32_t before = member.places->taken.load();
    std::uint32_t after = 0;
    do {
        after = before - 1;
        if ((after & ~kClosed) < std::max(1U, member.config.lower_threshold)) {
            after &= ~kClosed;
        }
    } while (!member.places->taken.compare_exchange_weak(before, after));
}

void UpstreamGroup::connect_failed(std::size_t upstream, TimePoint now) {
    if (config_.max_fails == 0) {
        return;
    }
    Member& member = members_[upstream];
    // Two workers may count as one: a mark is a preference, not a verdict.
    const unsigned failures = std::min(get(member.failures) + 1, config_.max_fails);
    put(member.failures, failures);
    if (failures == config_.max_fails) {
        put(member.avoided_until, (now + config_.fail_timeout).time_since_epoch().count());
    }
}

void UpstreamGroup::connect_succeeded(std::size_t upstream) {
    Member& member = members_[upstream];
    if (config_.max_fails != 0 && get(member.failures) != 0) {
        put(member.failures, 0U);
        put(member.avoided_until, Clock::duration::min().count());
    }
}

}  // namespace tandem::relay
