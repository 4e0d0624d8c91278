#include "proxy/relay/persistence.hpp"

namespace tandem::relay {

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
    return left <= timeout_ + 1 ? left : 0;
}

std::optional<std::size_t> PersistenceTable::find(std::uint64_t client, TimePoint now) const {
    for (const auto& entry : sets_[set_of(client)]) {
        const std::uint64_t value = entry.load(std::memory_order_relaxed);
        if (value >> (kSecondBits + kUpstreamBits) == tag_of(client) && left(value, now) > 0) {
            return value >> kSecondBits & ((std::uint64_t{1} << kUpstreamBits) - 1);
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
