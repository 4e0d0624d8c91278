#include "proxy/relay/maglev.hpp"

#include "proxy/relay/client_hash.hpp"

#include <algorithm>
#include <limits>

namespace tandem::relay {

namespace {

/// The order in which one member asks for slots: a permutation of all, kSlots being prime.
struct Claimant {
    std::uint16_t index = 0;
    std::uint64_t weight = 0;
    std::uint64_t next = 0;
    std::uint64_t skip = 0;
    /// Turns earned but not taken, in units of one turn over the largest weight.
    std::uint64_t credit = 0;

    std::size_t claim() {
        const std::uint64_t slot = next;
        next = (next + skip) % MaglevTable::kSlots;
        return slot;
    }
};

/// In the order of names, so that the order of the file does not count.
std::vector<Claimant> claimants(const std::vector<MaglevTable::Member>& members) {
    std::vector<Claimant> result;
    for (std::size_t index = 0; index < std::min(members.size(), MaglevTable::kMostMembers);
         ++index) {
        if (members[index].weight > 0) {
            const std::uint64_t hash = hash_text(members[index].name);
            result.push_back({.index = static_cast<std::uint16_t>(index),
                              .weight = members[index].weight,
                              .next = hash % MaglevTable::kSlots,
                              .skip = mix(hash + 1) % (MaglevTable::kSlots - 1) + 1});
        }
    }
    std::ranges::sort(result, [&members](const Claimant& left, const Claimant& right) {
        return members[left.index].name < members[right.index].name;
    });
    return result;
}

}  // namespace

MaglevTable::MaglevTable(const std::vector<Member>& members) {
    std::vector<Claimant> order = claimants(members);
    if (order.empty()) {
        return;
    }
    const std::uint64_t largest = std::ranges::max(order, {}, &Claimant::weight).weight;
    constexpr std::uint16_t kFree = std::numeric_limits<std::uint16_t>::max();
    slots_.assign(kSlots, kFree);
    for (std::size_t taken = 0; taken < kSlots;) {
        for (Claimant& member : order) {
            member.credit += member.weight;
            if (member.credit < largest) {
                continue;
            }
            member.credit -= largest;
            std::size_t slot = member.claim();
            while (slots_[slot] != kFree) {
                slot = member.claim();
            }
            slots_[slot] = member.index;
            if (++taken == kSlots) {
                break;
            }
        }
    }
}

}  // namespace tandem::relay
