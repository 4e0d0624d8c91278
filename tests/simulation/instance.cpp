#include "tests/simulation/instance.hpp"

#include "vrrp/timing.hpp"

#include <algorithm>
#include <utility>

namespace tandem::simulation {
namespace {

/// What a socket buffer keeps while its process does not run.
constexpr std::size_t kSocketCapacity = 64;
/// How long the daemon waits before it tries again to send.
constexpr std::chrono::seconds kReopenInterval{1};

}  // namespace

Instance::Instance(Scheduler& scheduler, Random& random, Observer& observer,
                   InstanceSettings settings, std::function<void()> after_event)
    : scheduler_(scheduler),
      random_(random),
      observer_(observer),
      settings_(std::move(settings)),
      after_event_(std::move(after_event)) {}

bool Instance::able() const {
    return running() && link_up_ && !acquire_fails_ && !stopping_ && !conditions_.tracking &&
           !conditions_.sending && scheduler_.now() >= deaf_until_;
}

void Instance::violation(const std::string& what) {
    observer_.on_violation(settings_.node,
                           what + " (instance " + std::to_string(settings_.router) + ")");
}

// The process.

void Instance::create_elector() {
    ++life_;
    // Leftovers of an earlier life are removed before the first advert.
    address_on_ = false;
    removal_failed_ = false;
    stopping_ = false;
    wants_address_ = false;
    release_in_flight_ = false;
    conditions_ = {};
    link_up_known_ = link_up_;
    send_results_.clear();
    last_operation_end_ = scheduler_.now();
    deaf_until_ = scheduler_.now() + settings_.config.startup_delay;
    elector_.emplace(settings_.config);
}

void Instance::start(bool tracking_fault, std::uint8_t priority) {
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_deadline(now); });
    set_tracking(tracking_fault, priority);
    apply_conditions();
    if (elector_->state() != vrrp::State::Initialize) {
        violation("action before startup");
    }
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_startup(now); });
}

void Instance::end_process(bool killed) {
    if (!killed && address_on_ && !removal_failed_) {
        violation("stopped with the address on");
    }
    elector_.reset();
    ++life_;
    paused_.reset();
    socket_.clear();
    deferred_.clear();
    if (killed) {
        leased_until_ = std::max(leased_until_, lease_end_);
    }
}

void Instance::pause(Pause kind) {
    paused_ = kind;
    paused_at_ = scheduler_.now();
    was_active_at_pause_ = active();
    leased_until_ = std::max(leased_until_, lease_end_);
}

void Instance::unpause() {
    const TimePoint now = scheduler_.now();
    const auto next = elector_->next_deadline();
    const Duration interval = settings_.config.advertisement_interval;
    // After a freeze the packets are lost. A timer that is not clearly late cannot tell, nor can
    // one that fired before and waits for the sync group; and the second late timer in a row is
    // believed.
    const bool clearly_late =
        next && !elector_->hold_until() && !elector_->wants_active() && now - *next > interval / 2;
    if (paused_ == Pause::Machine && (!clearly_late || !heard_since_resume_)) {
        excused_since_ = now;
    }
    heard_since_resume_ = false;
    last_resume_ = now;
    paused_.reset();
}

void Instance::wake_up() {
    const auto& config = settings_.config;
    const Duration patience = vrrp::shortest_active_down_interval(
        config.version, config.advertisement_interval, config.down_timer_adverts);
    if (was_active_at_pause_ && active() &&
        scheduler_.now() - paused_at_ > patience + config.advertisement_interval) {
        // It must step down before it claims again.
        silent_until_ = TimePoint::max();
    }
    expire_lease();
    const std::uint64_t life = life_;
    for (const auto& advert : std::exchange(socket_, {})) {
        if (life != life_) {
            return;
        }
        feed([&advert](vrrp::Elector& elector, TimePoint now) {
            return elector.on_advertisement(advert, now);
        });
    }
    if (life == life_) {
        feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_deadline(now); });
    }
    for (auto& operation : std::exchange(deferred_, {})) {
        if (life == life_) {
            operation();
        }
    }
    if (life == life_ && wants_address_) {
        refresh_lease();
    }
}

void Instance::set_link(bool up) {
    if (link_up_ == up) {
        return;
    }
    link_up_ = up;
    auto notify = [this, life = life_] {
        if (life == life_ && elector_) {
            link_up_known_ = link_up_;
            apply_conditions();
        }
    };
    if (paused_) {
        deferred_.emplace_back(notify);
    } else {
        notify();
    }
}

void Instance::deliver(const vrrp::ReceivedAdvertisement& advert) {
    if (!elector_ || !link_up_ || paused_ == Pause::Machine) {
        return;
    }
    if (paused_) {
        if (socket_.size() < kSocketCapacity) {
            socket_.push_back(advert);
        }
        return;
    }
    heard_since_resume_ = true;
    feed([&advert](vrrp::Elector& elector, TimePoint now) {
        return elector.on_advertisement(advert, now);
    });
}

// Tracking and sync group.

void Instance::set_tracking(bool faulty, std::uint8_t priority) {
    conditions_.tracking = faulty;
    apply_conditions();
    if (elector_ && elector_->priority() != priority) {
        priority_changed_ = scheduler_.now();
        feed([priority](vrrp::Elector& elector, TimePoint now) {
            return elector.on_priority(priority, now);
        });
    }
}

void Instance::set_group_fault(bool faulty) {
    conditions_.group = faulty;
    apply_conditions();
}

void Instance::apply_conditions() {
    feed([this](vrrp::Elector& elector, TimePoint now) {
        return elector.on_fault(own_fault() || conditions_.group, now);
    });
}

void Instance::group_claim() {
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_group_claim(now); });
}

void Instance::group_release() {
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_group_release(now); });
}

// The operator.

void Instance::shutdown() {
    stopping_ = true;
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_shutdown(now); });
}

void Instance::failover(std::optional<TimePoint> hold_until) {
    feed([hold_until](vrrp::Elector& elector, TimePoint now) {
        return elector.on_failover(hold_until, now);
    });
}

void Instance::resume_election() {
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_resume(now); });
}

void Instance::take_back() {
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_take_back(now); });
}

// One event.

void Instance::feed(const Event& event) {
    held_before_ = elector_->holding();
    active_before_ = active();
    const std::uint64_t life = life_;
    const vrrp::Actions actions = event(*elector_, scheduler_.now());
    check_order(actions);
    execute(actions);
    arm_timer();
    handle_send_results();
    if (life == life_) {
        after_event_();
    }
}

void Instance::check_order(const vrrp::Actions& actions) {
    for (std::size_t i = 0; i + 1 < actions.size(); ++i) {
        if (std::holds_alternative<vrrp::AcquireAddresses>(actions[i])) {
            violation("acquisition is not the last action");
        }
    }
}

void Instance::execute(const vrrp::Actions& actions) {
    for (const vrrp::Action& action : actions) {
        if (const auto* advert = std::get_if<vrrp::SendAdvertisement>(&action)) {
            send(advert->priority);
        } else if (std::holds_alternative<vrrp::AcquireAddresses>(action)) {
            acquire();
        } else if (std::holds_alternative<vrrp::ReleaseAddresses>(action)) {
            release();
        } else if (const auto* change = std::get_if<vrrp::StateChanged>(&action)) {
            silent_until_ = {};
            if (change->reason == vrrp::Reason::SendFailed) {
                conditions_.sending = true;
                reopen_later();
            }
            observer_.on_transition(settings_, *change);
        } else if (std::holds_alternative<vrrp::AnnounceAddresses>(action)) {
            if (!wants_address_) {
                violation("announcement without the address");
            }
        } else if (std::holds_alternative<vrrp::LowerClaimHeard>(action) && !active_before_) {
            violation("a lower claim reported by a node that is not active");
        }
    }
}

void Instance::send(std::uint8_t priority) {
    const bool farewell = settings_.config.higher_priority_send_advert && active_before_;
    if (priority == vrrp::kReleasePriority) {
        if (address_on_ && !removal_failed_) {
            violation("priority 0 while the address is on");
        }
    } else if (!active() && !farewell) {
        violation("claim of a node that is not active");
    } else if (scheduler_.now() < silent_until_) {
        violation("stale claim after a pause");
    }
    if (priority != vrrp::kReleasePriority) {
        last_claim_sent_ = scheduler_.now();
    }
    const bool sent = !link_up_ || observer_.on_send(settings_, priority);
    if (sent || !active_before_) {
        last_sent_ = scheduler_.now();
    }
    send_results_.push_back(sent);
}

void Instance::handle_send_results() {
    const std::uint64_t life = life_;
    for (const bool sent : std::exchange(send_results_, {})) {
        if (life != life_) {
            return;
        }
        feed([sent](vrrp::Elector& elector, TimePoint now) {
            return elector.on_send_result(sent, now);
        });
    }
}

void Instance::reopen_later() {
    scheduler_.after(kReopenInterval, [this, life = life_] {
        auto reopen = [this, life] {
            if (life == life_) {
                conditions_.sending = false;
                apply_conditions();
            }
        };
        if (life == life_ && paused_) {
            deferred_.emplace_back(reopen);
        } else {
            reopen();
        }
    });
}

void Instance::arm_timer() {
    const std::uint64_t generation = ++timer_;
    const auto next = elector_->next_deadline();
    if (!next) {
        return;
    }
    scheduler_.at(*next, [this, generation, life = life_] {
        if (generation == timer_ && life == life_ && running()) {
            feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_deadline(now); });
        }
    });
}

// The virtual address.

/// Operations of one process complete in the order in which they were asked for.
void Instance::address_operation(Duration delay, std::function<void()> complete) {
    last_operation_end_ = std::max(last_operation_end_, scheduler_.now()) + delay;
    scheduler_.at(last_operation_end_, [this, life = life_, complete = std::move(complete)] {
        if (life != life_) {
            return;
        }
        if (paused_) {
            deferred_.push_back(complete);
        } else {
            complete();
        }
    });
}

void Instance::acquire() {
    if (release_in_flight_) {
        violation("acquisition while a release is in flight");
    }
    address_operation(random_.between(Duration{}, settings_.max_acquire), [this] {
        const bool ok = !acquire_fails_;
        if (ok) {
            wants_address_ = !release_in_flight_;
            extend_lease();
            if (wants_address_) {
                refresh_lease();
            }
        }
        feed([ok](vrrp::Elector& elector, TimePoint now) {
            return elector.on_addresses_acquired(ok, now);
        });
    });
}

void Instance::release() {
    wants_address_ = false;
    release_in_flight_ = true;
    address_operation(random_.between(Duration{}, settings_.max_release), [this] {
        removal_failed_ = address_on_ && random_.percent(release_failure_percent_);
        if (removal_failed_) {
            leased_until_ = std::max(leased_until_, lease_end_);
        } else {
            address_on_ = false;
        }
        release_in_flight_ = false;
        feed([](vrrp::Elector& elector, TimePoint now) {
            return elector.on_addresses_released(now);
        });
    });
}

void Instance::refresh_lease() {
    const std::uint64_t generation = ++refresh_;
    extend_lease();
    scheduler_.after(settings_.lease / 3, [this, generation, life = life_] {
        if (generation == refresh_ && life == life_ && running() && wants_address_) {
            refresh_lease();
        }
    });
}

void Instance::extend_lease() {
    address_on_ = true;
    removal_failed_ = false;
    lease_end_ = scheduler_.now() + settings_.lease;
    scheduler_.at(lease_end_, [this] { expire_lease(); });
}

void Instance::expire_lease() {
    if (address_on_ && scheduler_.now() >= lease_end_) {
        address_on_ = false;
    }
}

}  // namespace tandem::simulation
