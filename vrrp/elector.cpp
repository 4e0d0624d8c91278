#include "vrrp/elector.hpp"

#include "vrrp/timing.hpp"

#include <algorithm>

namespace tandem::vrrp {

std::string_view to_string(State state) {
    switch (state) {
        case State::Initialize:
            return "initialize";
        case State::Backup:
            return "backup";
        case State::Active:
            return "active";
        case State::Fault:
            return "fault";
    }
    return "unknown";
}

std::string_view to_string(Reason reason) {
    switch (reason) {
        case Reason::Startup:
            return "startup";
        case Reason::AddressOwner:
            return "address-owner";
        case Reason::ActiveDown:
            return "active-down";
        case Reason::PeerReleased:
            return "peer-released";
        case Reason::HigherPriority:
            return "higher-priority";
        case Reason::HigherAddress:
            return "higher-address";
        case Reason::Shutdown:
            return "shutdown";
        case Reason::Failover:
            return "failover";
        case Reason::Stalled:
            return "stalled";
        case Reason::Fault:
            return "fault";
        case Reason::FaultCleared:
            return "fault-cleared";
        case Reason::AcquireFailed:
            return "acquire-failed";
        case Reason::TakeBack:
            return "take-back";
        case Reason::SendFailed:
            return "send-failed";
        case Reason::SyncGroup:
            return "sync-group";
    }
    return "unknown";
}

Elector::Elector(const InstanceConfig& config)
    : version_(config.version),
      owner_(config.priority == kOwnerPriority),
      priority_(config.priority),
      own_interval_(config.advertisement_interval),
      down_timer_adverts_(config.down_timer_adverts),
      // The owner of the addresses always preempts (RFC 9568 section 6.1).
      preempt_(config.preempt || owner_),
      start_as_active_(config.start_as_active),
      preempt_delay_(config.preempt_delay),
      startup_delay_(config.startup_delay),
      lower_priority_no_advert_(config.lower_priority_no_advert),
      higher_priority_send_advert_(config.higher_priority_send_advert),
      owner_ignores_adverts_(config.owner_ignores_adverts),
      in_sync_group_(config.in_sync_group),
      source_(config.source_address),
      active_interval_(config.advertisement_interval) {}

// Events.

Actions Elector::on_startup(TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (state_ != State::Initialize) {
        return actions;
    }
    if (owner_) {
        priority_ = kOwnerPriority;
    }
    defer_until_.reset();
    unheard_ = false;
    last_announcement_.reset();
    last_peer_.reset();
    last_peer_heard_.reset();
    interval_heard_.reset();
    deaf_until_.reset();
    if (startup_delay_.count() > 0) {
        deaf_until_ = now + startup_delay_;
    }
    if (faulty_) {
        change_state(State::Fault, Reason::Fault, actions);
        return actions;
    }
    take_part(Reason::Startup, now, actions);
    if (timer_ && state_ == State::Backup && start_as_active_ && !hold_) {
        timer_ = std::min(*timer_, when_listening(now) + own_interval_ + skew_time());
    }
    return actions;
}

Actions Elector::on_shutdown(TimePoint now) {
    Actions actions;
    begin_event(now, actions);
    end_hold();
    if (state_ == State::Initialize || stopping_) {
        return actions;
    }
    if (state_ == State::Active) {
        stopping_ = true;
        release(actions);
        return actions;
    }
    timer_.reset();
    claim_waits_ = false;
    claim_wanted_ = false;
    if (addresses_ == Addresses::Releasing) {
        stopping_ = true;
        return actions;
    }
    change_state(State::Initialize, Reason::Shutdown, actions);
    return actions;
}

Actions Elector::on_deadline(TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (!timer_ || now < *timer_) {
        return actions;
    }
    if (state_ == State::Active) {
        if (answer_waits_) {
            answer(now, actions);
        } else {
            advertise(now, actions);
        }
        announce_when_allowed(now, actions);
    } else {
        backup_timer_fired(now, actions);
    }
    return actions;
}

Actions Elector::on_addresses_acquired(bool ok, TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (addresses_ != Addresses::Acquiring) {
        return actions;
    }
    if (ok) {
        addresses_ = Addresses::On;
        return actions;
    }
    leave_active(State::Backup, Reason::AcquireFailed, now, actions);
    defer_until_ = now + active_down_interval() * kAcquireBackoff;
    return actions;
}

Actions Elector::on_addresses_released(TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (addresses_ != Addresses::Releasing) {
        return actions;
    }
    addresses_ = Addresses::Off;
    if ((state_ == State::Active || say_released_) && !claim_waits_) {
        actions.emplace_back(SendAdvertisement{kReleasePriority});
    }
    say_released_ = false;
    if (stopping_) {
        stopping_ = false;
        timer_.reset();
        change_state(State::Initialize, Reason::Shutdown, actions);
    } else if (state_ == State::Active) {
        enter_backup(Reason::Failover, now, actions);
    } else if (claim_waits_) {
        become_active(timer_reason_, now, actions);
    }
    return actions;
}

Actions Elector::on_fault(bool faulty, TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (faulty_ == faulty) {
        return actions;
    }
    faulty_ = faulty;
    // A node that stops has a release in flight, and that ends it.
    if (state_ == State::Initialize || stopping_) {
        return actions;
    }
    if (!faulty) {
        if (unheard_) {
            defer_until_ = now + active_down_interval() * kAcquireBackoff;
        }
        take_part(Reason::FaultCleared, now, actions);
    } else if (state_ == State::Active) {
        leave_active(State::Fault, Reason::Fault, now, actions);
    } else {
        timer_.reset();
        claim_waits_ = false;
        claim_wanted_ = false;
        change_state(State::Fault, Reason::Fault, actions);
    }
    return actions;
}

Actions Elector::on_send_result(bool sent, TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (sent) {
        last_sent_ = now;
        unheard_ = false;
        return actions;
    }
    // A node that stops has a release in flight, and that ends it.
    if (state_ != State::Active || stopping_) {
        return actions;
    }
    const TimePoint peer_claims =
        last_sent_ + shortest_active_down_interval(version_, own_interval_, down_timer_adverts_);
    if (unheard_ || now + own_interval_ > peer_claims) {
        unheard_ = true;
        faulty_ = true;
        leave_active(State::Fault, Reason::SendFailed, now, actions);
    }
    return actions;
}

Actions Elector::on_priority(std::uint8_t priority, TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (owner_ || priority == priority_ || priority == kOwnerPriority ||
        priority == kReleasePriority) {
        return actions;
    }
    const Duration before = skew_time();
    priority_ = priority;
    // A timer that is due stays as it is: whether it is late is told by when it fell due.
    if (state_ == State::Backup && timer_ && *timer_ > now) {
        timer_ = std::max(now, *timer_ + (skew_time() - before));
    }
    return actions;
}

Actions Elector::on_group_claim(TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (wants_active()) {
        become_active(timer_reason_, now, actions);
    }
    return actions;
}

Actions Elector::on_group_release(TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (state_ == State::Active && addresses_ != Addresses::Releasing) {
        leave_active(State::Backup, Reason::SyncGroup, now, actions);
        timer_ = *timer_ + group_backoff();
    }
    return actions;
}

void Elector::set_source_address(const IpAddress& address) {
    source_ = address;
}

Actions Elector::on_failover(std::optional<TimePoint> hold_until, TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (stopping_) {
        return actions;
    }
    hold_ = !hold_until || now < *hold_until;
    hold_until_ = hold_ ? hold_until : std::nullopt;
    if (state_ == State::Active) {
        release(actions);
    } else if (state_ == State::Backup && hold_ && timer_reason_ != Reason::PeerReleased) {
        // The wait for the peer's silence begins now; a preemption under way ends here.
        start_active_down_timer(now);
    }
    return actions;
}

Actions Elector::on_resume(TimePoint now) {
    Actions actions;
    begin_event(now, actions);
    end_hold();
    return actions;
}

Actions Elector::on_take_back(TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    if (state_ == State::Backup && !stopping_) {
        end_hold();
        claim_due(Reason::TakeBack, now, actions);
    }
    return actions;
}

// Transitions.

/// What every event does first. Returns the time to go on with, which never runs backwards.
TimePoint Elector::begin_event(TimePoint now, Actions& actions) {
    now = std::max(now, last_event_);
    const bool stalled = state_ == State::Active &&
                         now - last_event_ > shortest_active_down_interval(version_, own_interval_,
                                                                           down_timer_adverts_);
    last_event_ = now;
    if (hold_until_ && now >= *hold_until_) {
        end_hold();
    }
    if (stalled) {
        leave_active(State::Backup, Reason::Stalled, now, actions);
    }
    return now;
}

/// A stall that the event revealed may have ordered a release, which stays the last action.
void Elector::report(const Action& action, Actions& actions) {
    const bool releases =
        !actions.empty() && std::holds_alternative<ReleaseAddresses>(actions.back());
    actions.insert(releases ? actions.end() - 1 : actions.end(), action);
}

void Elector::change_state(State to, Reason reason, Actions& actions) {
    report(StateChanged{state_, to, reason}, actions);
    state_ = to;
}

/// RFC 9568 section 6.4.1: out of Initialize, which includes Fault.
void Elector::take_part(Reason reason, TimePoint now, Actions& actions) {
    active_interval_ = own_interval_;
    const bool owner = priority_ == kOwnerPriority && !hold_ && !defers(now);
    const bool deaf = when_listening(now) > now;
    const Reason claim_reason = reason == Reason::Startup ? Reason::AddressOwner : reason;
    if (owner && addresses_ == Addresses::Off && !in_sync_group_ && !deaf) {
        become_active(claim_reason, now, actions);
        return;
    }
    enter_backup(reason, now, actions);
    if (owner && deaf) {
        timer_ = when_listening(now);
        timer_reason_ = claim_reason;
    } else if (owner) {
        claim_due(claim_reason, now, actions);
    }
}

void Elector::enter_backup(Reason reason, TimePoint now, Actions& actions) {
    change_state(State::Backup, reason, actions);
    if (stopping_) {
        timer_.reset();
        claim_wanted_ = false;
    } else {
        start_active_down_timer(now);
    }
    preempt_from_.reset();
}

/// A claim falls due: alone it is made, in a sync group it waits for the group's order.
void Elector::claim_due(Reason reason, TimePoint now, Actions& actions) {
    if (!in_sync_group_) {
        claim(reason, now, actions);
        return;
    }
    claim_wanted_ = true;
    timer_reason_ = reason;
    timer_.reset();
}

/// Backup → Active, after the release in flight if there is one: to acquire while the shell still
/// takes the same addresses off would race with it.
void Elector::claim(Reason reason, TimePoint now, Actions& actions) {
    if (addresses_ == Addresses::Releasing) {
        claim_waits_ = true;
        timer_reason_ = reason;
        timer_.reset();
        return;
    }
    become_active(reason, now, actions);
}

void Elector::become_active(Reason reason, TimePoint now, Actions& actions) {
    active_interval_ = own_interval_;
    addresses_ = Addresses::Acquiring;
    claim_waits_ = false;
    claim_wanted_ = false;
    say_released_ = false;
    defer_until_.reset();
    last_answer_.reset();
    answer_waits_ = false;
    announcement_waits_ = false;
    rival_since_.reset();
    last_sent_ = now;
    end_hold();
    // Advert first, addresses second (RFC 9568 section 6.4.2).
    advertise(now, actions);
    change_state(State::Active, reason, actions);
    actions.emplace_back(AcquireAddresses{});
}

/// One-step demotion. A node that leaves for a better claim must clear say_released_ afterwards.
void Elector::leave_active(State to, Reason reason, TimePoint now, Actions& actions) {
    say_released_ = true;
    if (to == State::Backup) {
        enter_backup(reason, now, actions);
    } else {
        timer_.reset();
        change_state(to, reason, actions);
    }
    release(actions);
}

void Elector::release(Actions& actions) {
    if (addresses_ != Addresses::Releasing) {
        addresses_ = Addresses::Releasing;
        actions.emplace_back(ReleaseAddresses{});
    }
}

void Elector::advertise(TimePoint now, Actions& actions) {
    actions.emplace_back(SendAdvertisement{priority_});
    timer_ = now + own_interval_;
}

void Elector::start_active_down_timer(TimePoint now) {
    timer_ = when_listening(now) + active_down_interval();
    timer_reason_ = Reason::ActiveDown;
    claim_waits_ = false;
    claim_wanted_ = false;
    listened_again_ = false;
}

void Elector::backup_timer_fired(TimePoint now, Actions& actions) {
    const bool late = now - *timer_ > active_interval_ / 2;
    if (late && !listened_again_) {
        listened_again_ = true;
        // Two, so that one late or lost advertisement does not decide.
        timer_ = now + active_interval_ * 2 + skew_time();
        return;
    }
    claim_due(timer_reason_, now, actions);
}

void Elector::end_hold() {
    hold_ = false;
    hold_until_.reset();
}

/// When advertisements begin, or began, to be heard, if that is later than `now`.
TimePoint Elector::when_listening(TimePoint now) const {
    return std::max(now, deaf_until_.value_or(now));
}

/// Two nodes that beat each other in different members of a group (equal priorities, the IPv4
/// addresses in one order and the IPv6 addresses in the other) both give up, and would claim again
/// in step, for ever. So each waits longer by a part of an interval that depends on its own address
/// and is another one each time.
Duration Elector::group_backoff() {
    std::uint32_t hash = 2166136261U + ++group_releases_;
    const auto mix = [&hash](const auto& bytes) {
        for (const std::uint8_t byte : bytes) {
            hash = (hash ^ byte) * 16777619U;
        }
    };
    if (source_ && source_->is_v4()) {
        mix(source_->to_v4().to_bytes());
    } else if (source_) {
        mix(source_->to_v6().to_bytes());
    }
    // Neighbouring addresses must not give neighbouring waits.
    hash = (hash ^ (hash >> 15U)) * 0x7feb352dU;
    return own_interval_ * (hash >> 24U) / 256;
}

/// Whether any active peer is better than this node, which failed a moment ago.
bool Elector::defers(TimePoint now) const {
    return defer_until_ && now < *defer_until_;
}

/// Whether this backup may take the addresses from a node with a lower priority.
bool Elector::preempts(TimePoint now) const {
    return preempt_ && !hold_ && !defers(now);
}

// State.

std::optional<TimePoint> Elector::next_deadline() const {
    if (timer_ && hold_until_) {
        return std::min(*timer_, *hold_until_);
    }
    return timer_ ? timer_ : hold_until_;
}

State Elector::state() const {
    return state_;
}

bool Elector::releasing() const {
    return state_ == State::Active && addresses_ == Addresses::Releasing;
}

bool Elector::holding() const {
    return hold_;
}

bool Elector::wants_active() const {
    return claim_wanted_ && addresses_ == Addresses::Off;
}

std::uint8_t Elector::priority() const {
    return priority_;
}

std::optional<TimePoint> Elector::hold_until() const {
    return hold_until_;
}

Duration Elector::active_down_interval() const {
    return vrrp::active_down_interval(version_, priority_, active_interval_, down_timer_adverts_);
}

Duration Elector::skew_time() const {
    return vrrp::skew_time(version_, priority_, active_interval_);
}

const std::optional<ReceivedAdvertisement>& Elector::last_peer() const {
    return last_peer_;
}

std::optional<TimePoint> Elector::last_peer_heard() const {
    return last_peer_heard_;
}

std::uint64_t Elector::answers_delayed() const {
    return answers_delayed_;
}

}  // namespace tandem::vrrp
