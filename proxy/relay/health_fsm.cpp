#include "proxy/relay/health_fsm.hpp"

namespace tandem::relay {

std::optional<bool> HealthFsm::on_success(TimePoint now) {
    deadline_ = now + config_.interval;
    failures_ = 0;
    first_ = false;
    if (up_ || ++successes_ < config_.rise) {
        return std::nullopt;
    }
    up_ = true;
    return true;
}

std::optional<bool> HealthFsm::on_failure(TimePoint now) {
    const bool final = first_ || failures_ >= config_.retries;
    first_ = false;
    successes_ = 0;
    if (!up_ || final) {
        deadline_ = now + config_.interval;
        failures_ = 0;
        if (!up_) {
            return std::nullopt;
        }
        up_ = false;
        return false;
    }
    ++failures_;
    deadline_ = now + config_.delay_before_retry;
    return std::nullopt;
}

}  // namespace tandem::relay
