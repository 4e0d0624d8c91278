// Which processes a vrrp_track_process means and what their number means. Pure.
#pragma once

#include "proxy/config/model.hpp"
#include "vrrp/track.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::daemon {

/// Longest name the kernel keeps of a command (TASK_COMM_LEN without the end).
inline constexpr std::size_t kCommandNameSize = 15;

/// /proc/PID/cmdline: words that end with a zero byte; the last one may lack it (cut, or a process
/// that wrote its own title). A process that did so has one word.
std::vector<std::string> parse_command_line(std::string_view bytes);

/// Whether matches() needs the command line of a process with this name.
bool needs_command_line(const config::TrackedProcessSettings& settings, std::string_view name);

/// @param name the kernel's (/proc/PID/comm without the newline).
/// @param command_line empty for kernel threads, and when it is not needed.
bool matches(const config::TrackedProcessSettings& settings, std::string_view name,
             const std::vector<std::string>& command_line);

/// Up while the number of processes is within the quorum. A change counts when it has held for the
/// delay: fork_delay when the number has grown, terminate_delay when it has shrunk. The first
/// number counts at once. Not thread-safe.
class ProcessQuorum {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    explicit ProcessQuorum(config::TrackedProcessSettings settings);

    /// @return the status when it changed.
    std::optional<vrrp::TrackStatus> on_count(std::size_t count, TimePoint now);
    std::optional<vrrp::TrackStatus> on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const { return deadline_; }

  private:
    [[nodiscard]] bool well(std::size_t count) const;
    std::optional<vrrp::TrackStatus> accept();

    config::TrackedProcessSettings settings_;
    vrrp::TrackStatus status_;
    std::size_t count_ = 0;
    /// The number that the status was made of.
    std::size_t accepted_ = 0;
    std::optional<TimePoint> deadline_;
};

}  // namespace tandem::daemon
