// Another configuration while the election goes on.
#include "vrrp/elector.hpp"
#include "vrrp/timing.hpp"

#include <utility>

namespace tandem::vrrp {

Actions Elector::on_reconfigure(const InstanceConfig& config, TimePoint now) {
    Actions actions;
    now = begin_event(now, actions);
    const Duration wait_before = active_down_interval();
    const Duration interval_before = std::exchange(own_interval_, config.advertisement_interval);
    down_timer_adverts_ = config.down_timer_adverts;
    preempt_ = config.preempt || owner_;
    start_as_active_ = config.start_as_active;
    if (std::exchange(preempt_delay_, Duration{config.preempt_delay}) != preempt_delay_) {
        preempt_from_.reset();
    }
    startup_delay_ = config.startup_delay;
    lower_priority_no_advert_ = config.lower_priority_no_advert;
    higher_priority_send_advert_ = config.higher_priority_send_advert;
    owner_ignores_adverts_ = config.owner_ignores_adverts;
    in_sync_group_ = config.in_sync_group;

    const bool other_interval = own_interval_ != interval_before;
    if (other_interval) {
        const bool learned = interval_heard_ && state_ != State::Active;
        active_interval_ =
            learned ? learned_interval(*interval_heard_, own_interval_) : own_interval_;
    }
    if (state_ == State::Active && other_interval) {
        advertise(now, actions);
    } else if (claim_wanted_ && !in_sync_group_) {
        claim_wanted_ = false;
        claim(timer_reason_, now, actions);
    } else if (state_ == State::Backup && timer_ && timer_reason_ == Reason::ActiveDown &&
               active_down_interval() != wait_before) {
        start_active_down_timer(now);
    }
    return actions;
}

}  // namespace tandem::vrrp
