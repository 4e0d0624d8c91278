// The elector's actions as text, for tests that compare and print them.
#pragma once

#include "vrrp/elector.hpp"

#include <string>
#include <variant>
#include <vector>

namespace tandem::test {

inline std::string describe(const vrrp::Action& action) {
    struct Visitor {
        std::string operator()(const vrrp::SendAdvertisement& send) const {
            return "tx prio=" + std::to_string(send.priority);
        }
        std::string operator()(const vrrp::AcquireAddresses&) const { return "acquire"; }
        std::string operator()(const vrrp::ReleaseAddresses&) const { return "release"; }
        std::string operator()(const vrrp::AnnounceAddresses&) const { return "announce"; }
        std::string operator()(const vrrp::StateChanged& change) const {
            return "state " + std::string(to_string(change.from)) + " " +
                   std::string(to_string(change.to)) + " " + std::string(to_string(change.reason));
        }
        std::string operator()(const vrrp::LowerClaimHeard& claim) const {
            return "lower-claim prio=" + std::to_string(claim.priority) +
                   " src=" + claim.source.to_string();
        }
        std::string operator()(const vrrp::IntervalDiffers& differs) const {
            return "interval heard=" + std::to_string(differs.heard.count()) +
                   " used=" + std::to_string(differs.used.count());
        }
    };
    return std::visit(Visitor{}, action);
}

inline std::vector<std::string> describe(const vrrp::Actions& actions) {
    std::vector<std::string> lines;
    lines.reserve(actions.size());
    for (const vrrp::Action& action : actions) {
        lines.push_back(describe(action));
    }
    return lines;
}

}  // namespace tandem::test
