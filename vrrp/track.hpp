// Tracking arithmetic: what interfaces, scripts, files and processes mean for an instance. Pure.
//
// keepalived's rules (its manual page, "track_*"):
// - weight 0: while the object fails the instance is faulty; `reverse` inverts.
// - weight +W: +W while it is well. weight -W: -W while it fails. `reverse` swaps the sign of the
//   sum's part. All parts are added to the configured priority; the result is kept in 1..254.
// - A file adds value × weight; with weight 0 a value other than zero is a fault; -254 or less is
// one.
// - Priority 255 (owner of the addresses): weights have no effect.
// - An unweighted object whose state is not known yet holds the instance out of the election.
#pragma once

#include "vrrp/config.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tandem::vrrp {

std::string_view to_string(TrackKind kind);

/// What is known of an object.
struct TrackStatus {
    /// Unset: not known yet. Files: a missing file counts as value 0, up.
    std::optional<bool> up;
    /// Files only: the number in it.
    std::int64_t value = 0;
    /// Why it is down, for people ("exit code 1", "link down").
    std::string detail;
    friend bool operator==(const TrackStatus&, const TrackStatus&) = default;
};

struct TrackResult {
    /// The instance may not take part, because an object without weight failed or is not known yet.
    bool faulty = false;
    /// configured + weights, kept in 1..254; 255 stays 255.
    std::uint8_t effective_priority = 0;
    /// One sentence for each object that makes the instance faulty ("script check_web failed: exit
    /// code 1", "script check_web has no result yet").
    std::vector<std::string> faults;
};

/// @param statuses one per object, in the same order.
/// @pre both spans have the same size.
TrackResult evaluate_tracking(std::uint8_t configured_priority,
                              std::span<const TrackedObject> objects,
                              std::span<const TrackStatus> statuses);

}  // namespace tandem::vrrp
