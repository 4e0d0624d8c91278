// vrrp_sync_group: instances that are active on one node together or not at all. Pure.
//
// keepalived's rule: active only when every member wants to be; one member that leaves or fails
// pulls the others with it. Typical: the IPv4 and the IPv6 instance of a node.
#pragma once

#include "vrrp/elector.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tandem::vrrp {

/// What the group needs to know of a member.
struct MemberView {
    State state = State::Initialize;
    /// Elector::releasing(): still Active, on its way out.
    bool releasing = false;
    /// Elector::wants_active().
    bool wants_active = false;
    /// A fault condition of the member itself, not one that this group ordered.
    bool faulty = false;
};

struct MemberOrder {
    enum class Kind : std::uint8_t {
        Claim,       ///< Elector::on_group_claim
        Release,     ///< Elector::on_group_release
        Fault,       ///< a fault condition: another member is faulty
        FaultEnded,  ///< that condition is gone
    };
    std::size_t member = 0;
    Kind kind{};
    friend bool operator==(const MemberOrder&, const MemberOrder&) = default;
};

/// Level-triggered: what must be ordered now. Call it after every event of a member, execute the
/// orders in turn, repeat until it returns nothing. `group_faulty` is what this function ordered
/// before (Fault without FaultEnded); the caller keeps it.
/// - A member faulty: Fault to every one, once; FaultEnded to every one when none is any more.
/// - Every member active or wanting, one at least wanting: Claim for those that want.
/// - A member that is neither active nor wants, or is on its way out: Release for those that are
///   active.
std::vector<MemberOrder> plan_sync_group(std::span<const MemberView> members, bool group_faulty);

}  // namespace tandem::vrrp
