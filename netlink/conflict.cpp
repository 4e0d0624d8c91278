#include "netlink/conflict.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tandem::netlink {
namespace {

/// 00:00:5e:00:01:VRID, with 02 for IPv6.
bool is_virtual_router(const std::optional<MacAddress>& mac) {
    constexpr std::array<std::uint8_t, 4> kPrefix{0x00, 0x00, 0x5e, 0x00};
    return mac && std::equal(kPrefix.begin(), kPrefix.end(), mac->begin()) &&
           ((*mac)[4] == 1 || (*mac)[4] == 2);
}

}  // namespace

ConflictMonitor::Verdict ConflictMonitor::on_held(bool peer_known, TimePoint now) {
    held_since_ = now;
    judge_at_.reset();
    last_defence_.reset();
    const bool heard_before = last_claim_ && now - *last_claim_ <= kMemory;
    const std::uint64_t claims = std::exchange(claims_, 0);
    if (peer_known || !heard_before) {
        return {};
    }
    last_report_ = now;
    return {.defend = false, .report = Report{mac_, claims}};
}

void ConflictMonitor::on_released() {
    held_since_.reset();
    judge_at_.reset();
    last_claim_.reset();
    claims_ = 0;
}

void ConflictMonitor::on_claim(const std::optional<MacAddress>& mac, TimePoint now) {
    mac_ = mac;
    last_claim_ = now;
    ++claims_;
    if (held_since_ && !judge_at_) {
        judge_at_ = now + (is_virtual_router(mac) ? kVirtualRouterDelay : kJudgementDelay);
    }
}

ConflictMonitor::Verdict ConflictMonitor::on_deadline(TimePoint now) {
    if (!judge_at_ || now < *judge_at_ || !held_since_) {
        return {};
    }
    judge_at_.reset();
    Verdict verdict;
    verdict.defend = defend(now);
    const bool grace = last_claim_ && *last_claim_ - *held_since_ < kHandoverGrace;
    if (!grace && (!last_report_ || now - *last_report_ >= kReportInterval)) {
        last_report_ = now;
        verdict.report = Report{mac_, std::exchange(claims_, 0)};
    }
    return verdict;
}

bool ConflictMonitor::defend(TimePoint now) {
    if (last_defence_ && now - *last_defence_ < kDefendInterval) {
        return false;
    }
    last_defence_ = now;
    return true;
}

}  // namespace tandem::netlink
