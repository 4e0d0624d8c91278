// What an advertisement of another node means (RFC 9568 sections 6.4.2 and 6.4.3).
#include "vrrp/elector.hpp"
#include "vrrp/timing.hpp"

#include <algorithm>

namespace tandem::vrrp {
namespace {

/// However short the interval: an announcement is a burst of frames to everybody on the link.
constexpr std::chrono::milliseconds kLeastAnnouncementInterval{500};
/// Advertisements of another owner that are answered before this one gives in to it.
constexpr unsigned kOwnerPatience = 2;

/// Compares as unsigned integers in network order. Addresses of different families have no order.
bool is_higher(const IpAddress& left, const IpAddress& right) {
    if (left.is_v4() && right.is_v4()) {
        return left.to_v4().to_bytes() > right.to_v4().to_bytes();
    }
    if (left.is_v6() && right.is_v6()) {
        return left.to_v6().to_bytes() > right.to_v6().to_bytes();
    }
    return false;
}

}  // namespace

Actions Elector::on_advertisement(const ReceivedAdvertisement& advert, TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (state_ == State::Initialize || (source_ && advert.source == *source_)) {
        return actions;
    }
    const bool deaf = when_listening(now) > now && state_ != State::Active;
    // An owner that holds, or failed and leaves the addresses to a peer, must know whether one
    // lives.
    const bool ignores =
        owner_ignores_adverts_ && priority_ == kOwnerPriority && !hold_ && !defers(now);
    if (deaf || ignores) {
        return actions;
    }
    last_peer_ = advert;
    last_peer_heard_ = now;
    if (state_ == State::Active) {
        hear_as_active(advert, now, actions);
    } else if (state_ == State::Backup && !stopping_) {
        hear_as_backup(advert, now, actions);
    }
    return actions;
}

void Elector::learn_interval(const ReceivedAdvertisement& advert, Actions& actions) {
    if (version_ != Version::V3) {
        return;
    }
    active_interval_ = learned_interval(advert.interval, own_interval_);
    const bool news = interval_heard_ != advert.interval;
    interval_heard_ = advert.interval;
    if (news && advert.interval != own_interval_) {
        report(IntervalDiffers{advert.interval, active_interval_}, actions);
    }
}

/// RFC 9568 section 6.4.2.
void Elector::hear_as_backup(const ReceivedAdvertisement& advert, TimePoint now, Actions& actions) {
    listened_again_ = false;
    if (advert.priority == kReleasePriority) {
        preempt_from_.reset();
        if (!claim_waits_ && !claim_wanted_) {
            // Only ever earlier: a node that claims, fails and releases again and again must not
            // keep this one from taking over.
            const TimePoint after_skew = now + skew_time();
            timer_ = timer_ ? std::min(*timer_, after_skew) : after_skew;
            timer_reason_ = Reason::PeerReleased;
        }
        return;
    }
    if (ignores_lower(advert, now)) {
        // Somebody is active: an earlier release no longer explains a claim, nor outlives a hold.
        if (timer_reason_ == Reason::PeerReleased && !claim_waits_) {
            timer_reason_ = Reason::ActiveDown;
        }
        return;
    }
    learn_interval(advert, actions);
    say_released_ = false;
    start_active_down_timer(now);
}

/// Whether a lower priority is to be preempted: its advertisement then leaves the timer alone. The
/// delay of keepalived's preempt_delay begins with the first one.
bool Elector::ignores_lower(const ReceivedAdvertisement& advert, TimePoint now) {
    if (advert.priority >= priority_) {
        preempt_from_.reset();
        return false;
    }
    if (!preempts(now)) {
        return false;
    }
    if (preempt_delay_.count() > 0 && !preempt_from_) {
        preempt_from_ = now + preempt_delay_;
    }
    return !preempt_from_ || now >= *preempt_from_;
}

/// RFC 9568 section 6.4.3.
void Elector::hear_as_active(const ReceivedAdvertisement& advert, TimePoint now, Actions& actions) {
    if (advert.priority == kReleasePriority) {
        answer(now, actions);
        return;
    }
    if (!is_better(advert) && !gives_in_to_owner(advert, now)) {
        actions.emplace_back(LowerClaimHeard{advert.priority, advert.source});
        answer_lower_claim(now, actions);
        return;
    }
    if (higher_priority_send_advert_) {
        advertise(now, actions);
    }
    learn_interval(advert, actions);
    const bool higher = advert.priority > priority_;
    leave_active(State::Backup, higher ? Reason::HigherPriority : Reason::HigherAddress, now,
                 actions);
    say_released_ = false;
}

/// An advertisement out of turn, at once unless the last one was a tenth of an interval ago or
/// less: then one answer, when that has passed, is for all who ask meanwhile. Others decide how
/// many ask.
void Elector::answer(TimePoint now, Actions& actions) {
    if (last_answer_ && now - *last_answer_ < own_interval_ / 10) {
        ++answers_delayed_;
        answer_waits_ = true;
        timer_ = std::min(*timer_, *last_answer_ + own_interval_ / 10);
        return;
    }
    last_answer_ = now;
    answer_waits_ = false;
    advertise(now, actions);
}

/// Of two owners the one with the lower address gives way. One that goes on all the same does not
/// hear this node or ignores it (owner_ignore_adverts, RFC 9568 section 7.1 as published): then two
/// would answer for ever, so this node gives way and says 254 until it is started again. It does
/// not claim ownership again by itself, or two would answer each time that the other one returns.
bool Elector::gives_in_to_owner(const ReceivedAdvertisement& advert, TimePoint now) {
    if (advert.priority != kOwnerPriority || priority_ != kOwnerPriority) {
        return false;
    }
    const Duration patience =
        std::max(own_interval_, learned_interval(advert.interval, own_interval_)) * 6 / 5;
    // What was heard long ago was another incident, and settled.
    if (!rival_since_ || now - rival_heard_ > patience * 2) {
        rival_since_ = now;
        rival_adverts_ = 0;
    }
    rival_heard_ = now;
    ++rival_adverts_;
    if (rival_adverts_ <= kOwnerPatience || now - *rival_since_ < patience) {
        return false;
    }
    priority_ = kOwnerPriority - 1;
    return true;
}

/// Two nodes were active for a moment: tell the other one, and everybody's neighbour caches.
void Elector::answer_lower_claim(TimePoint now, Actions& actions) {
    if (!lower_priority_no_advert_) {
        answer(now, actions);
    }
    announcement_waits_ = true;
    announce_when_allowed(now, actions);
}

/// A flood of lower claims must not become a flood of announcements. One that comes too soon after
/// the last goes with a later advertisement: what the other node announced must not be the last
/// word.
void Elector::announce_when_allowed(TimePoint now, Actions& actions) {
    const Duration pause = std::max<Duration>(own_interval_ / 2, kLeastAnnouncementInterval);
    const bool recent = last_announcement_ && now - *last_announcement_ < pause;
    if (announcement_waits_ && addresses_ == Addresses::On && !recent) {
        announcement_waits_ = false;
        last_announcement_ = now;
        actions.emplace_back(AnnounceAddresses{});
    }
}

bool Elector::is_better(const ReceivedAdvertisement& advert) const {
    if (advert.priority != priority_) {
        return advert.priority > priority_;
    }
    return source_ && is_higher(advert.source, *source_);
}

}  // namespace tandem::vrrp
