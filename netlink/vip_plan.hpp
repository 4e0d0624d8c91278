// Desired virtual addresses against actual ones: what to do, in which order. Pure.
#pragma once

#include "netlink/config.hpp"
#include "netlink/tables.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tandem::netlink {

/// One group of virtual addresses and whether it belongs on the interfaces.
struct DesiredGroup {
    std::span<const VirtualAddress> addresses;
    bool acquired = false;
    /// One per address: true for one that is the host's own and not managed. Empty: none is.
    std::span<const std::uint8_t> own{};
};

/// Whether an entry with a configured virtual address, found at start, is the host's own and not a
/// leftover of an earlier life. A leftover has an end (a lease), bears kAddressProtocol, or is
/// permanent with the configured prefix length (keepalived). Only the last may be the host's own
/// all the same: an address that brings a connected route (prefix shorter than the full length) and
/// is not secondary is what the interface was configured with.
bool is_own_entry(const VirtualAddress& wanted, const Address& entry);

/// The same for an entry that appeared after start, where what somebody added by hand is removed:
/// only an address that the interface gets its connected route from, so that removing it would cut
/// the host off. `interface`: all entries of the interface.
bool is_late_own_entry(const VirtualAddress& wanted, const Address& entry,
                       std::span<const Address> interface);

/// One request to the kernel.
struct Operation {
    enum class Kind : std::uint8_t {
        Remove,  ///< take the address off
        Add,     ///< not there: put it on
    };
    Kind kind{};
    /// Position of the group in the desired list and of the address in the group.
    std::size_t group = 0;
    std::size_t address = 0;
    /// Index of the interface now.
    unsigned index = 0;
    /// Of the entry to add or remove; a removal may be of another length than configured.
    std::uint8_t prefix_length = 0;
    friend bool operator==(const Operation&, const Operation&) = default;
};

/// Operations that turn the actual state into the desired one; empty when they agree. Level
/// triggered: the history does not matter, and after the operations are done the plan is empty.
///
/// - A group that is not acquired: every entry with one of its addresses, whatever the prefix
///   length, is removed from the interface of that address (and from no other interface).
/// - A group that is acquired: an address that is missing is added. An entry of another prefix
///   length is removed: it has no lease, so it would outlive this process.
/// - An address that is the host's own (DesiredGroup::own) is never touched.
/// - An interface that does not exist or is administratively down gets nothing added; it is
///   planned again when it changes. (The kernel flushes IPv6 addresses when an interface goes
///   down.)
/// All removals come first: an IPv6 address cannot be there twice with two prefix lengths.
std::vector<Operation> plan_changes(std::span<const DesiredGroup> desired, const Tables& tables);

/// Limits how often one address is corrected because somebody else changes it: a burst, then a
/// steady rate (a token bucket), so that a fight with another program is never a busy loop.
class CorrectionLimiter {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    /// Corrections at once.
    static constexpr unsigned kBurst = 40;
    /// After that, one in this time: a program that removes an address twenty times a second costs
    /// nobody an answer, and 1 % of a processor at most.
    static constexpr std::chrono::milliseconds kInterval{50};

    /// Takes one correction from the budget; false: not now, try again after kInterval.
    bool allow(TimePoint now);
    /// Corrections that are left at once.
    [[nodiscard]] unsigned available() const { return available_; }

  private:
    unsigned available_ = kBurst;
    /// When the budget was last counted up.
    TimePoint counted_{};
};

}  // namespace tandem::netlink
