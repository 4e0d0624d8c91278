#include "proxy/daemon/supervisor.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tandem::daemon {

std::string to_string(const NodeEnd& end) {
    if (!end.signalled) {
        return "exit status " + std::to_string(end.code);
    }
    const char* const name = ::strsignal(end.code);
    return "signal " + std::to_string(end.code) + " (" + (name != nullptr ? name : "unknown") + ")";
}

SupervisorActions Supervisor::on_start(TimePoint now) {
    return state_ == State::NotStarted ? start_node(now) : SupervisorActions{};
}

SupervisorActions Supervisor::start_node(TimePoint now) {
    state_ = State::Running;
    heard_ = false;
    born_ = now;
    deadline_.reset();
    return {StartNode{}};
}

void Supervisor::on_heartbeat(TimePoint now) {
    if (state_ == State::Running) {
        heard_ = true;
        deadline_ = now + kHeartbeatDeadline;
    }
}

void Supervisor::on_ready() {
    was_ready_ = true;
}

SupervisorActions Supervisor::on_channel_closed() const {
    const bool lives = state_ == State::Running || state_ == State::Stopping;
    return lives ? SupervisorActions{ExecuteWills{}} : SupervisorActions{};
}

SupervisorActions Supervisor::on_node_end(const NodeEnd& end, TimePoint now) {
    const State before = state_;
    if (before != State::Running && before != State::Killed && before != State::Stopping) {
        return {};
    }
    const int status = end.signalled ? EXIT_FAILURE : end.code;
    const bool asked_to = before == State::Running && !end.signalled && end.code == EXIT_SUCCESS;
    if (before == State::Stopping || asked_to || !was_ready_) {
        SupervisorActions actions{ExecuteWills{}};
        std::ranges::move(finish(status), std::back_inserter(actions));
        return actions;
    }
    const auto delay = take_delay(now);
    state_ = State::Waiting;
    deadline_ = now + delay;
    ++restarts_;
    return {ExecuteWills{}, TellDeath{end, delay}};
}

std::chrono::milliseconds Supervisor::take_delay(TimePoint now) {
    if (now - born_ >= kStableLife) {
        deaths_ = 0;
    }
    const unsigned deaths = deaths_++;
    constexpr unsigned kDoublings = 6;  // 2^6 s is beyond kLongestDelay
    if (deaths == 0) {
        return std::chrono::milliseconds{0};
    }
    const std::chrono::seconds delay{1U << std::min(deaths - 1, kDoublings)};
    return std::min(delay, kLongestDelay);
}

SupervisorActions Supervisor::on_signal(int signal, TimePoint now) {
    const bool stop = signal == SIGTERM || signal == SIGINT;
    if (state_ == State::Waiting && stop) {
        return finish(EXIT_SUCCESS);
    }
    if (state_ == State::Running && stop) {
        state_ = State::Stopping;
        deadline_ = now + kStopPatience;
        return {SignalNode{signal}};
    }
    if (state_ == State::Running || state_ == State::Stopping) {
        return {SignalNode{signal}};
    }
    if (state_ == State::Killed && stop) {
        state_ = State::Stopping;
        deadline_.reset();
    }
    return {};
}

SupervisorActions Supervisor::on_deadline(TimePoint now) {
    if (!deadline_ || now < *deadline_) {
        return {};
    }
    switch (state_) {
        case State::Running:
            return on_silence(now);
        case State::Stopping:
            deadline_.reset();
            return {
                KillNode{"it did not stop within " + std::to_string(kStopPatience.count()) + " s"},
                ExecuteWills{}};
        case State::Waiting:
            return start_node(now);
        case State::NotStarted:
        case State::Killed:
        case State::Done:
            break;
    }
    return {};
}

SupervisorActions Supervisor::on_silence(TimePoint now) {
    if (now - *deadline_ > kOwnLateness) {
        deadline_ = now + kHeartbeatDeadline;
        return {};
    }
    state_ = State::Killed;
    deadline_.reset();
    return {KillNode{"its election thread was silent for " +
                     std::to_string(kHeartbeatDeadline.count()) + " ms"},
            ExecuteWills{}};
}

SupervisorActions Supervisor::finish(int status) {
    state_ = State::Done;
    deadline_.reset();
    return {ExitGuardian{status}};
}

}  // namespace tandem::daemon
