// What a router heard that does not fit a healthy pair, for people. Pure.
#pragma once

#include "vrrp/elector.hpp"
#include "vrrp/packet.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::vrrp {

/// An attack, a foreign cluster, or two nodes that are configured differently.
struct Concern {
    enum class Kind : std::uint8_t {
        Discarded,       ///< a packet for this virtual router was refused; `discard` says why
        AddressList,     ///< its addresses are not all ours; none: another cluster, not heeded
        ChecksumForm,    ///< accepted, but in the form of version 3 that this node does not send
        Interval,        ///< accepted; the active node's interval is not ours
        DuplicateOwner,  ///< priority 255 from another node while this one owns the addresses
        EqualPriority,   ///< same priority as ours: the nodes' addresses decide
        ClockSkew,       ///< auth_hmac: the sender's clock is off by more than half the window
        Dropped,         ///< the socket overflowed: more packets than any peer sends
    };
    static constexpr std::size_t kKinds = 8;

    Kind kind{};
    /// Discarded only.
    std::optional<Discard> discard;
    /// Of the IP header; may be forged.
    IpAddress source;
    /// What was found against what was expected.
    std::string detail;
};

/// Stable names: "address-list", "checksum-form", …; for a discarded packet that of the reason.
std::string_view to_string(const Concern& concern);

/// Whether a kind may be the work of an attacker, who is to be named with the MAC address. The
/// others are differences between two configurations.
bool is_alarm(Concern::Kind kind);

/// Lets one concern of each kind and discard reason pass in kInterval, so that a flood of bad
/// packets is not a flood of reports.
class ConcernThrottle {
  public:
    static constexpr std::chrono::seconds kInterval{1};

    bool allow(Concern::Kind kind, std::optional<Discard> discard, TimePoint now);

  private:
    std::array<std::optional<TimePoint>, Concern::kKinds + kDiscardReasons> last_{};
};

}  // namespace tandem::vrrp
