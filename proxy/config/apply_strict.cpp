// vrrp_strict and strict_mode. What they change on the wire or in the election is done, because a
// keepalived with the same file does it: one node with a password and one without do not hear each
// other. What would keep a proxy from working, or is of use to it, stays.
#include "proxy/config/draft.hpp"

#include <boost/algorithm/string/join.hpp>

namespace tandem::config {
namespace {

constexpr const char* kAcceptMode = "a proxy must answer on its virtual address";
constexpr unsigned kStandardDownTimerAdverts = 3;

using Parts = std::vector<std::string>;

/// Takes from the instance what strict mode takes; @returns it in words.
Parts take_away(InstanceDraft& instance, const GlobalDraft& global) {
    Parts parts;
    if (!instance.hmac && (instance.auth_type || instance.auth_pass)) {
        instance.auth_type.reset();
        instance.auth_pass.reset();
        parts.emplace_back("authentication");
    }
    // Without priority, MASTER means 255.
    if (instance.master && instance.priority && *instance.priority != vrrp::kOwnerPriority) {
        instance.master = false;
        parts.emplace_back("state MASTER (only priority 255 may start so)");
    }
    if (instance.preempt_delay && instance.preempt_delay->value.count() != 0) {
        instance.preempt_delay.reset();
        parts.emplace_back("preempt_delay");
    }
    if (instance.down_timer_adverts.value_or(global.down_timer_adverts) !=
        kStandardDownTimerAdverts) {
        instance.down_timer_adverts = kStandardDownTimerAdverts;
        parts.emplace_back("down_timer_adverts (it is 3)");
    }
    return parts;
}

/// What strict mode refuses in keepalived and is done here.
Parts kept(const InstanceDraft& instance, const GlobalDraft& global) {
    Parts parts;
    if (instance.peers_at) {
        parts.emplace_back("unicast_peer");
    }
    if (instance.announce.lower_priority_repeat || global.announce.lower_priority_repeat) {
        parts.emplace_back("garp_lower_prio_repeat");
    }
    if (instance.announce.lower_priority_delay || global.announce.lower_priority_delay) {
        parts.emplace_back("garp_lower_prio_delay");
    }
    if (instance.higher_priority_send_advert.value_or(false)) {
        parts.emplace_back("higher_prio_send_advert");
    }
    if (!instance.lower_priority_no_advert.value_or(true)) {
        parts.emplace_back("lower_prio_no_advert off");
    }
    return parts;
}

void apply(InstanceDraft& instance, const GlobalDraft& global, Reporter& reporter) {
    const bool own = instance.strict.has_value();
    const Parts gone = take_away(instance, global);
    const Parts stays = kept(instance, global);
    Parts said;
    if (!gone.empty()) {
        said.push_back("takes away " + boost::algorithm::join(gone, ", "));
    }
    if (!stays.empty()) {
        said.push_back("does not take away " + boost::algorithm::join(stays, ", "));
    }
    if (own) {
        said.emplace_back(std::string("does not turn accept mode off: ") + kAcceptMode);
    }
    if (said.empty()) {
        return;
    }
    reporter.note(own ? instance.strict->at : instance.at,
                  '(' + instance.name + ") " + (own ? "strict_mode " : "vrrp_strict ") +
                      boost::algorithm::join(said, "; "),
                  gone.empty()
                      ? ""
                      : std::string("as keepalived does; remove ") +
                            (own ? "strict_mode" : "vrrp_strict") + " on all nodes to have it");
}

}  // namespace

bool is_strict(const InstanceDraft& instance, const GlobalDraft& global) {
    return instance.strict ? instance.strict->value : global.strict.has_value();
}

void apply_strict(Drafts& drafts, Reporter& reporter) {
    if (drafts.global.strict) {
        reporter.note(*drafts.global.strict,
                      std::string("'vrrp_strict' does not turn accept mode off: ") + kAcceptMode);
    }
    for (InstanceDraft& instance : drafts.instances) {
        if (is_strict(instance, drafts.global)) {
            apply(instance, drafts.global, reporter);
        }
    }
}

}  // namespace tandem::config
