#include "proxy/daemon/program.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>

namespace tandem::daemon {

std::string to_string(const ProgramEnd& end) {
    switch (end.kind) {
        case ProgramEnd::Kind::Exited:
            return "exit code " + std::to_string(end.code);
        case ProgramEnd::Kind::Signalled:
            return "killed by signal " + std::to_string(end.code);
        case ProgramEnd::Kind::NotStarted:
            return "cannot be started: " + std::generic_category().message(end.code) +
                   (end.code == ENOEXEC ? " (a script needs a first line like #!/bin/sh)" : "");
        case ProgramEnd::Kind::Unknown:
            break;
    }
    return "ended, its result is not known";
}

std::string seconds_text(std::chrono::microseconds duration) {
    constexpr std::size_t kDecimals = 6;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
    std::string fraction = std::to_string((duration - seconds).count());
    fraction.insert(0, kDecimals - fraction.size(), '0');
    fraction.erase(fraction.find_last_not_of('0') + 1);
    return std::to_string(seconds.count()) + (fraction.empty() ? "" : "." + fraction) + " s";
}

void RunLimit::on_start(TimePoint now, std::chrono::microseconds timeout) {
    running_ = true;
    timed_out_ = false;
    deadline_ = now + timeout;
}

void RunLimit::on_end() {
    running_ = false;
    timed_out_ = false;
    deadline_.reset();
}

std::optional<int> RunLimit::on_deadline(TimePoint now) {
    if (!deadline_ || now < *deadline_) {
        return std::nullopt;
    }
    if (timed_out_) {
        deadline_.reset();
        return SIGKILL;
    }
    timed_out_ = true;
    deadline_ = now + kKillAfter;
    return SIGTERM;
}

}  // namespace tandem::daemon
