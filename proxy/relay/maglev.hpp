// Table of a consistent hash: which member belongs to which hash value. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tandem::relay {

/// Maglev hashing ("Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4),
/// with weights. Every member owns slots in proportion to its weight, as near as slots allow; when
/// one is taken away, nearly all slots of the others stay theirs. The table depends on the names
/// and weights only, not on their order: two nodes with the same members send a client to the same
/// one. Immutable: may be read by any number of threads.
class MaglevTable {
  public:
    struct Member {
        /// Unique.
        std::string name;
        /// Zero: owns nothing.
        unsigned weight = 1;
    };
    /// Prime; 128 KiB of memory for each service that needs a table.
    static constexpr std::size_t kSlots = 65537;
    static constexpr std::size_t kMostMembers = 65535;

    /// @param members more than kMostMembers: the rest owns nothing.
    explicit MaglevTable(const std::vector<Member>& members);

    /// Nobody has a weight: there is nothing to look up.
    [[nodiscard]] bool empty() const { return slots_.empty(); }
    /// Index into the members. Not for an empty table.
    [[nodiscard]] std::size_t find(std::uint64_t hash) const { return slots_[hash % kSlots]; }
    [[nodiscard]] const std::vector<std::uint16_t>& slots() const { return slots_; }

  private:
    std::vector<std::uint16_t> slots_;
};

}  // namespace tandem::relay
