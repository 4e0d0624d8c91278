#include "vrrp/sync_group.hpp"

#include <algorithm>

namespace tandem::vrrp {
namespace {

bool is_active(const MemberView& member) {
    return member.state == State::Active && !member.releasing;
}

/// Active, or ready to be.
bool is_up(const MemberView& member) {
    return is_active(member) || (member.state == State::Backup && member.wants_active);
}

}  // namespace

std::vector<MemberOrder> plan_sync_group(std::span<const MemberView> members, bool group_faulty) {
    std::vector<MemberOrder> orders;
    const bool faulty = std::any_of(members.begin(), members.end(),
                                    [](const MemberView& member) { return member.faulty; });
    const bool all_up = std::all_of(members.begin(), members.end(), is_up);
    for (std::size_t i = 0; i < members.size(); ++i) {
        using Kind = MemberOrder::Kind;
        if (faulty != group_faulty) {
            orders.push_back({i, faulty ? Kind::Fault : Kind::FaultEnded});
        } else if (all_up && !is_active(members[i])) {
            orders.push_back({i, Kind::Claim});
        } else if (!all_up && is_active(members[i])) {
            orders.push_back({i, Kind::Release});
        }
    }
    return orders;
}

}  // namespace tandem::vrrp
