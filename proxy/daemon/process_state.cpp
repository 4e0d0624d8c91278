#include "proxy/daemon/process_state.hpp"

#include <algorithm>
#include <utility>

namespace tandem::daemon {
namespace {

using Match = config::TrackedProcessSettings::Match;

bool command_matches(const config::TrackedProcessSettings& settings, std::string_view name,
                     const std::vector<std::string>& command_line) {
    const std::string_view wanted = settings.command.front();
    if (settings.full_command) {
        return !command_line.empty() && command_line.front() == wanted;
    }
    const std::size_t slash = wanted.rfind('/');
    const std::string_view base =
        slash == std::string_view::npos ? wanted : wanted.substr(slash + 1);
    return !base.empty() && name == base.substr(0, kCommandNameSize);
}

bool parameters_match(const config::TrackedProcessSettings& settings,
                      const std::vector<std::string>& command_line) {
    const auto& wanted = settings.command;
    if (command_line.size() < wanted.size()) {
        return false;
    }
    const bool open_end = settings.match == Match::Partial && wanted.size() > 1;
    const std::size_t equal = wanted.size() - (open_end ? 1 : 0);
    if (!std::equal(wanted.begin() + 1, wanted.begin() + static_cast<std::ptrdiff_t>(equal),
                    command_line.begin() + 1)) {
        return false;
    }
    if (open_end && !command_line[wanted.size() - 1].starts_with(wanted.back())) {
        return false;
    }
    return settings.match != Match::Exact || command_line.size() == wanted.size();
}

}  // namespace

std::vector<std::string> parse_command_line(std::string_view bytes) {
    std::vector<std::string> out;
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find('\0'), bytes.size());
        out.emplace_back(bytes.substr(0, end));
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    return out;
}

bool needs_command_line(const config::TrackedProcessSettings& settings, std::string_view name) {
    return !settings.command.empty() &&
           (settings.full_command ||
            (settings.match != Match::Name && command_matches(settings, name, {})));
}

bool matches(const config::TrackedProcessSettings& settings, std::string_view name,
             const std::vector<std::string>& command_line) {
    return !settings.command.empty() && command_matches(settings, name, command_line) &&
           (settings.match == Match::Name || parameters_match(settings, command_line));
}

ProcessQuorum::ProcessQuorum(config::TrackedProcessSettings settings)
    : settings_(std::move(settings)) {}

bool ProcessQuorum::well(std::size_t count) const {
    return count >= settings_.quorum && (!settings_.quorum_max || count <= *settings_.quorum_max);
}

std::optional<vrrp::TrackStatus> ProcessQuorum::on_count(std::size_t count, TimePoint now) {
    count_ = count;
    if (!status_.up || well(count) == *status_.up) {
        return accept();
    }
    if (!deadline_) {
        deadline_ = now + (count > accepted_ ? settings_.fork_delay : settings_.terminate_delay);
    }
    return on_deadline(now);
}

std::optional<vrrp::TrackStatus> ProcessQuorum::on_deadline(TimePoint now) {
    return deadline_ && now >= *deadline_ ? accept() : std::nullopt;
}

std::optional<vrrp::TrackStatus> ProcessQuorum::accept() {
    deadline_.reset();
    accepted_ = count_;
    vrrp::TrackStatus status{.up = well(count_), .value = 0, .detail = {}};
    if (!*status.up) {
        status.detail = std::to_string(count_) + (count_ == 1 ? " process, " : " processes, ");
        status.detail += count_ < settings_.quorum
                             ? std::to_string(settings_.quorum) + " needed"
                             : "at most " + std::to_string(*settings_.quorum_max) + " allowed";
    }
    if (status == status_) {
        return std::nullopt;
    }
    status_ = status;
    return status;
}

}  // namespace tandem::daemon
