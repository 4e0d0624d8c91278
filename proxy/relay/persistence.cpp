#include "proxy/relay/persistence.hpp"

#include <algorithm>

namespace tandem::relay {

PersistenceTable::PersistenceTable(std::chrono::seconds timeout, const PersistenceTable& before,
                                   const std::vector<std::optional<std::size_t>>& positions)
    : timeout_(static_cast<std::uint64_t>(timeout.count())),
      longest_(std::max(timeout_, before.longest_)),
      start_(before.start_),
      sets_(kSets) {
    for (std::size_t set = 0; set < kSets; ++set) {
        for (std::size_t way = 0; way < kWays; ++way) {
            const std::uint64_t entry = before.sets_[set][way].load(std::memory_order_relaxed);
            const std::uint64_t upstream = entry >> kSecondBits & kUpstreamMask;
            if (entry == 0 || upstream >= positions.size() || !positions[upstream]) {
                continue;
            }
            const std::uint64_t here = *positions[upstream];
            sets_[set][way].store((entry & ~(kUpstreamMask << kSecondBits)) | here << kSecondBits,
                                  std::memory_order_relaxed);
        }
    }
}

std::uint64_t PersistenceTable::second(TimePoint now) const {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - start_).count();
    return static_cast<std::uint64_t>(age < 0 ? 0 : age) & kSecondMask;
}

std::uint64_t PersistenceTable::left(std::uint64_t entry, TimePoint now) const {
    if (entry == 0) {
        return 0;
    }
    const std::uint64_t left = ((entry & kSecondMask) - second(now)) & kSecondMask;
    // What is long over looks like far in the future.
    return left <= longest_ + 1 ? left : 0;
}

std::optional<std::size_t> PersistenceTable::find(std::uint64_t client, TimePoint now) const {
    for (const auto& entry : sets_[set_of(client)]) {
        const std::uint64_t value = entry.load(std::memory_order_relaxed);
        if (value >> (kSecondBits + kUpstreamBits) == tag_of(client) && left(value, now) > 0) {
            return value >> kSecondBits & kUpstreamMask;
        }
    }
    return std::nullopt;
}

void PersistenceTable::remember(std::uint64_t client, std::size_t upstream, TimePoint now) {
    Set& set = sets_[set_of(client)];
    std::atomic<std::uint64_t>* target = &set.front();
    std::uint64_t least = ~std::uint64_t{0};
    for (auto& entry : set) {
        const std::uint64_t value = entry.load(std::memory_order_relaxed);
        if (value >> (kSecondBits + kUpstreamBits) == tag_of(client)) {
            target = &entry;
            break;
        }
        if (left(value, now) < least) {
            least = left(value, now);
            target = &entry;
        }
    }
    const std::uint64_t end = (second(now) + timeout_ + 1) & kSecondMask;
    target->store(tag_of(client) << (kSecondBits + kUpstreamBits) |
                      static_cast<std::uint64_t>(upstream) << kSecondBits | end,
                  std::memory_order_relaxed);
}

}  // namespace tandem::relay
