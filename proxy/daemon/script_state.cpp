#include "proxy/daemon/script_state.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace tandem::daemon {

ScriptState::ScriptState(config::ScriptSettings settings) : settings_(std::move(settings)) {}

ScriptActions ScriptState::on_start(TimePoint now) {
    ScriptActions out;
    if (settings_.init_fail) {
        report({.up = false, .value = 0, .detail = "no result yet (init_fail)"}, out);
    }
    next_run_ = now;
    const ScriptActions first = on_deadline(now);
    out.insert(out.end(), first.begin(), first.end());
    return out;
}

ScriptActions ScriptState::on_deadline(TimePoint now) {
    ScriptActions out;
    if (next_run_ && now >= *next_run_) {
        run_or_skip(now, out);
    }
    if (const auto signal = limit_.on_deadline(now)) {
        if (*signal == SIGTERM) {
            const std::string text = "timed out after " + seconds_text(settings_.timeout);
            complain(text, out);
            record(false, text, out);
        }
        out.emplace_back(SendSignal{*signal});
    }
    return out;
}

void ScriptState::run_or_skip(TimePoint now, ScriptActions& out) {
    next_run_ = *next_run_ + settings_.interval;
    if (*next_run_ <= now) {
        // Late: runs that were missed are not made up for.
        next_run_ = now + settings_.interval;
    }
    if (!limit_.running()) {
        limit_.on_start(now, settings_.timeout);
        complained_in_this_run_ = false;
        out.emplace_back(StartProgram{});
    } else if (limit_.timed_out()) {
        record(false, "timed out and cannot be ended", out);
    } else if (limit_.next_deadline() > now) {
        complain("runs longer than its interval of " + seconds_text(settings_.interval) +
                     ": the next run is left out",
                 out);
    }
}

ScriptActions ScriptState::on_ended(const ProgramEnd& end, TimePoint) {
    ScriptActions out;
    if (!limit_.running()) {
        return out;
    }
    const bool counted = limit_.timed_out();
    limit_.on_end();
    if (!counted) {
        if (end.kind == ProgramEnd::Kind::NotStarted) {
            complain(to_string(end), out);
        }
        record(end.succeeded(), to_string(end), out);
    }
    if (!complained_in_this_run_) {
        complaints_.clear();
    }
    return out;
}

std::optional<ScriptState::TimePoint> ScriptState::next_deadline() const {
    const auto limit = limit_.next_deadline();
    if (!next_run_ || !limit) {
        return next_run_ ? next_run_ : limit;
    }
    return std::min(*next_run_, *limit);
}

void ScriptState::record(bool success, const std::string& detail, ScriptActions& out) {
    bool up = success;
    if (status_.up) {
        const bool differs = success != *status_.up;
        streak_ = differs ? streak_ + 1 : 0;
        const unsigned needed = success ? settings_.rise : settings_.fall;
        up = differs && streak_ >= needed ? success : *status_.up;
    }
    if (up != status_.up) {
        streak_ = 0;
    }
    // While it is on its way up, the reason for which it is down stays.
    report({.up = up, .value = 0, .detail = up ? "" : success ? status_.detail : detail}, out);
}

void ScriptState::report(vrrp::TrackStatus status, ScriptActions& out) {
    if (status != status_) {
        status_ = std::move(status);
        out.emplace_back(ReportStatus{status_});
    }
}

void ScriptState::complain(const std::string& text, ScriptActions& out) {
    complained_in_this_run_ = true;
    if (complaints_.insert(text).second) {
        out.emplace_back(ReportProblem{text});
    }
}

}  // namespace tandem::daemon
