// Keeps the replay marks of auth_hmac over a restart, in one small JSON file of the run directory.
// Without them a restarted node would accept a captured advertisement once more.
#pragma once

#include "vrrp/auth_hmac.hpp"

#include <map>
#include <string>
#include <vector>

#include <boost/system/error_code.hpp>

namespace tandem::daemon {

/// Instance → marks.
using ReplayMarks = std::map<std::string, std::vector<vrrp::ReplayMark>>;

/// The text of the file, and back. Lines that are not understood are left out: a damaged file costs
/// marks, never the start. Pure.
std::string to_text(const ReplayMarks& marks);
ReplayMarks replay_marks_from(const std::string& text);

/// Largest file that is read, bytes.
inline constexpr std::size_t kMaxReplayFile = 64 * 1024;

/// Empty when there is no such file or it cannot be read.
ReplayMarks load_replay_marks(const std::string& path);
/// Replaces the file as a whole (mode 0600); a crash leaves the old or the new one.
boost::system::error_code save_replay_marks(const std::string& path, const ReplayMarks& marks);

}  // namespace tandem::daemon
