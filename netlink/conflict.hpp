// Address conflicts (RFC 5227 section 2.4): who else claims a virtual address, and what to do.
// Pure.
#pragma once

#include "netlink/message.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace tandem::netlink {

/// Judges the claims of one virtual address.
///
/// Drive it: on_held() and on_released() as the address comes and goes; on_claim() for every ARP or
/// neighbour advertisement in which another machine claims it; on_deadline() at next_deadline().
/// Calls are total. Not thread-safe.
///
/// A claim is judged a moment after it was heard: when the election takes the address away, the new
/// holder's announcement may be read before its advertisement. The first claims after the address
/// was put on are mostly the last words of the holder before: they are answered like others, and
/// reported when they go on.
class ConflictMonitor {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds kJudgementDelay{20};
    /// For a claim with the MAC address of a virtual router (RFC 9568 section 7.3): some of them
    /// announce up to an interval before they advertise, and would lose what they have just won.
    static constexpr std::chrono::milliseconds kVirtualRouterDelay{2000};
    /// How long the holder before may go on.
    static constexpr std::chrono::milliseconds kHandoverGrace{2000};
    /// DEFEND_INTERVAL of RFC 5227: at most one defence in so long, or two machines that defend
    /// would shout at each other for ever.
    static constexpr std::chrono::seconds kDefendInterval{10};
    /// At most one report in so long.
    static constexpr std::chrono::seconds kReportInterval{10};
    /// A claim heard so long before the address is put on is worth a word when no peer is known.
    static constexpr std::chrono::seconds kMemory{5};

    struct Report {
        /// As the claim says; nullopt: it does not.
        std::optional<MacAddress> mac;
        /// Since the last report.
        std::uint64_t claims = 0;
    };
    struct Verdict {
        /// Announce the address once.
        bool defend = false;
        std::optional<Report> report;
    };

    /// The address is put on.
    /// @param peer_known another router of the virtual router has been heard of: what claimed the
    /// address before was probably that one.
    Verdict on_held(bool peer_known, TimePoint now);
    void on_released();
    void on_claim(const std::optional<MacAddress>& mac, TimePoint now);
    Verdict on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const { return judge_at_; }

  private:
    bool defend(TimePoint now);

    std::optional<TimePoint> held_since_;
    std::optional<TimePoint> judge_at_;
    std::optional<TimePoint> last_claim_;
    std::optional<MacAddress> mac_;
    std::uint64_t claims_ = 0;
    std::optional<TimePoint> last_defence_;
    std::optional<TimePoint> last_report_;
};

}  // namespace tandem::netlink
