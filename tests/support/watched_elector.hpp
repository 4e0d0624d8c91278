// An elector with the shell's view of it, and the rules that hold after every event.
#pragma once

#include "vrrp/elector.hpp"

#include <string>
#include <variant>

namespace tandem::test {

/// What was ordered and what the elector was told of it. Call `elector`, hand the actions to
/// apply(). The caller clears acquiring and releasing, and sets address_on, when it reports a
/// result.
struct WatchedElector {
    vrrp::Elector elector;
    vrrp::TimePoint now{std::chrono::seconds{1000}};
    vrrp::State state = vrrp::State::Initialize;
    bool acquiring = false;
    bool releasing = false;
    bool address_on = false;

    explicit WatchedElector(const vrrp::InstanceConfig& config) : elector(config) {}

    /// @return the rule that was broken; empty: none.
    std::string apply(const vrrp::Actions& actions) {
        for (std::size_t i = 0; i < actions.size(); ++i) {
            std::string broken = apply(actions[i], i + 1 == actions.size());
            if (!broken.empty()) {
                return broken;
            }
        }
        return check();
    }

  private:
    [[nodiscard]] std::string check() const {
        using vrrp::State;
        if (state != elector.state()) {
            return "a state change was not reported";
        }
        const bool takes_part = state == State::Active || state == State::Backup;
        const bool timer = elector.next_deadline().has_value();
        if (!takes_part && timer && !elector.hold_until()) {
            return "a timer runs outside of the election";
        }
        if (elector.wants_active() && (state != State::Backup || releasing)) {
            return "wants to be active where it cannot";
        }
        // A claim that is due, in a group or not, and a shutdown wait for the release.
        if (takes_part && !timer && !elector.wants_active() && !releasing) {
            return "nothing will ever happen again";
        }
        if ((address_on || acquiring) && state != State::Active && !releasing) {
            return "an address stays on a node that is not active";
        }
        return state == State::Initialize && releasing ? "stopped while a release is in flight"
                                                       : "";
    }

    std::string apply(const vrrp::Action& action, bool last) {
        if (const auto* advert = std::get_if<vrrp::SendAdvertisement>(&action)) {
            if (advert->priority == vrrp::kReleasePriority) {
                return address_on ? "priority 0 with the address on" : "";
            }
            // Said before the change that it announces, and once more before giving way.
            const bool active =
                state == vrrp::State::Active || elector.state() == vrrp::State::Active;
            return active ? "" : "claim of a node that is not active";
        }
        if (const auto* change = std::get_if<vrrp::StateChanged>(&action)) {
            const bool consistent = change->from == state && change->to != state;
            state = change->to;
            return consistent ? "" : "state change does not start where the last one ended";
        }
        if (std::holds_alternative<vrrp::LowerClaimHeard>(action)) {
            return state == vrrp::State::Active ? ""
                                                : "a lower claim is news for an active node only";
        }
        if (std::holds_alternative<vrrp::IntervalDiffers>(action)) {
            return "";
        }
        if (std::holds_alternative<vrrp::AnnounceAddresses>(action)) {
            return address_on && !releasing ? "" : "announcement without the address";
        }
        if (!last) {
            return "an action with a result is not the last";
        }
        if (std::holds_alternative<vrrp::AcquireAddresses>(action)) {
            const bool legal = !releasing && !acquiring;
            acquiring = true;
            return legal ? "" : "acquisition while another operation is in flight";
        }
        const bool legal = !releasing;
        releasing = true;
        return legal ? "" : "release ordered twice";
    }
};

}  // namespace tandem::test
