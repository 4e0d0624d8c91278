#include "tests/simulation/node.hpp"

#include "vrrp/timing.hpp"

#include <algorithm>
#include <utility>

namespace tandem::simulation {
namespace {

/// What a socket buffer keeps while its process does not run.
constexpr std::size_t kSocketCapacity = 64;

}  // namespace

Node::Node(Scheduler& scheduler, Random& random, NodeObserver& observer, NodeSettings settings)
    : scheduler_(scheduler), random_(random), observer_(observer), settings_(std::move(settings)) {}

bool Node::active() const {
    return elector_ && elector_->state() == vrrp::State::Active;
}

// The host.

void Node::start_process() {
    if (elector_) {
        return;
    }
    ++life_;
    // Leftovers of an earlier life are removed before the first advert.
    address_on_ = false;
    removal_failed_ = false;
    stopping_ = false;
    wants_address_ = false;
    release_in_flight_ = false;
    last_operation_end_ = scheduler_.now();
    elector_.emplace(settings_.instance);
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_deadline(now); });
    feed(
        [this](vrrp::Elector& elector, TimePoint now) { return elector.on_fault(!link_up_, now); });
    if (elector_->state() != vrrp::State::Initialize) {
        observer_.on_violation(settings_.index, "action before startup");
    }
    feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_startup(now); });
}

void Node::kill_process() {
    if (!elector_) {
        return;
    }
    observer_.on_note(settings_.index, "killed");
    elector_.reset();
    ++life_;
    paused_.reset();
    socket_.clear();
    deferred_.clear();
    leased_until_ = std::max(leased_until_, lease_end_);
}

void Node::pause(Pause kind) {
    if (!running()) {
        return;
    }
    observer_.on_note(settings_.index, kind == Pause::Process ? "stopped" : "frozen");
    paused_ = kind;
    paused_at_ = scheduler_.now();
    was_active_at_pause_ = active();
    leased_until_ = std::max(leased_until_, lease_end_);
}

void Node::resume() {
    if (!elector_ || !paused_) {
        return;
    }
    observer_.on_note(settings_.index, "goes on");
    const TimePoint now = scheduler_.now();
    const auto next = elector_->next_deadline();
    const Duration interval = settings_.instance.advertisement_interval;
    // After a freeze the packets are lost. A timer that is not clearly late cannot tell, and the
    // second late timer in a row is believed.
    const bool clearly_late = next && !elector_->hold_until() && now - *next > interval / 2;
    if (paused_ == Pause::Machine && (!clearly_late || !heard_since_resume_)) {
        excused_since_ = now;
    }
    heard_since_resume_ = false;
    last_resume_ = now;
    paused_.reset();
    wake_up(paused_at_);
}

void Node::wake_up(TimePoint paused_at) {
    const auto& instance = settings_.instance;
    const Duration patience = vrrp::shortest_active_down_interval(
        instance.version, instance.advertisement_interval, instance.down_timer_adverts);
    if (was_active_at_pause_ &&
        scheduler_.now() - paused_at > patience + instance.advertisement_interval) {
        // It must step down before it claims again.
        silent_until_ = TimePoint::max();
    }
    expire_lease();
    const std::uint64_t life = life_;
    auto waiting = std::exchange(socket_, {});
    for (const auto& advert : waiting) {
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

void Node::set_link(bool up) {
    if (link_up_ == up) {
        return;
    }
    link_up_ = up;
    observer_.on_note(settings_.index, up ? "link up" : "link down");
    const std::uint64_t life = life_;
    auto notify = [this, life] {
        if (life == life_ && elector_) {
            feed([this](vrrp::Elector& elector, TimePoint now) {
                return elector.on_fault(!link_up_, now);
            });
        }
    };
    if (paused_) {
        deferred_.emplace_back(notify);
    } else {
        notify();
    }
}

void Node::deliver(const vrrp::ReceivedAdvertisement& advert) {
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

// The operator.

void Node::shutdown() {
    if (running()) {
        observer_.on_note(settings_.index, "shutdown");
        stopping_ = true;
        feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_shutdown(now); });
    }
}

void Node::failover(std::optional<TimePoint> hold_until) {
    if (running()) {
        observer_.on_note(settings_.index, hold_until ? "failover with a limit" : "failover");
        feed([hold_until](vrrp::Elector& elector, TimePoint now) {
            return elector.on_failover(hold_until, now);
        });
    }
}

void Node::resume_election() {
    if (running()) {
        observer_.on_note(settings_.index, "resume");
        feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_resume(now); });
    }
}

void Node::take_back() {
    if (running()) {
        observer_.on_note(settings_.index, "take back");
        feed([](vrrp::Elector& elector, TimePoint now) { return elector.on_take_back(now); });
    }
}

// The process.

void Node::feed(const Event& event) {
    held_before_ = elector_->holding();
    const std::uint64_t life = life_;
    const vrrp::Actions actions = event(*elector_, scheduler_.now());
    check_order(actions);
    execute(actions);
    if (life != life_) {
        return;
    }
    if (stopping_ && elector_->state() == vrrp::State::Initialize) {
        if (address_on_ && !removal_failed_) {
            observer_.on_violation(settings_.index, "stopped with the address on");
        }
        observer_.on_note(settings_.index, "exited");
        elector_.reset();
        ++life_;
        return;
    }
    arm_timer();
}

void Node::check_order(const vrrp::Actions& actions) {
    for (std::size_t i = 0; i + 1 < actions.size(); ++i) {
        if (std::holds_alternative<vrrp::AcquireAddresses>(actions[i])) {
            observer_.on_violation(settings_.index, "acquisition is not the last action");
        }
    }
}

void Node::execute(const vrrp::Actions& actions) {
    for (const vrrp::Action& action : actions) {
        if (const auto* advert = std::get_if<vrrp::SendAdvertisement>(&action)) {
            send(advert->priority);
        } else if (std::holds_alternative<vrrp::AcquireAddresses>(action)) {
            acquire();
        } else if (std::holds_alternative<vrrp::ReleaseAddresses>(action)) {
            release();
        } else if (const auto* change = std::get_if<vrrp::StateChanged>(&action)) {
            silent_until_ = {};
            observer_.on_transition(settings_.index, *change);
        } else if (!wants_address_) {
            observer_.on_violation(settings_.index, "announcement without the address");
        }
    }
}

void Node::send(std::uint8_t priority) {
    if (priority == vrrp::kReleasePriority) {
        if (address_on_ && !removal_failed_) {
            observer_.on_violation(settings_.index, "priority 0 while the address is on");
        }
    } else if (!active()) {
        observer_.on_violation(settings_.index, "claim of a node that is not active");
    } else if (scheduler_.now() < silent_until_) {
        observer_.on_violation(settings_.index, "stale claim after a pause");
    }
    if (link_up_) {
        observer_.on_send(settings_.index, priority);
    }
}

void Node::arm_timer() {
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

/// Operations of one process complete in the order in which they were asked for.
void Node::address_operation(Duration delay, std::function<void()> complete) {
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

void Node::acquire() {
    if (release_in_flight_) {
        observer_.on_violation(settings_.index, "acquisition while a release is in flight");
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

void Node::release() {
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

void Node::refresh_lease() {
    const std::uint64_t generation = ++refresh_;
    extend_lease();
    scheduler_.after(settings_.lease / 3, [this, generation, life = life_] {
        if (generation == refresh_ && life == life_ && running() && wants_address_) {
            refresh_lease();
        }
    });
}

void Node::extend_lease() {
    address_on_ = true;
    removal_failed_ = false;
    lease_end_ = scheduler_.now() + settings_.lease;
    scheduler_.at(lease_end_, [this] { expire_lease(); });
}

void Node::expire_lease() {
    if (address_on_ && scheduler_.now() >= lease_end_) {
        address_on_ = false;
    }
}

}  // namespace tandem::simulation
