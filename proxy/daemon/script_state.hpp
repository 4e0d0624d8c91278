// When one vrrp_script runs and what its results mean. Pure.
//
// keepalived's rules: it runs at once and then every interval; a run that is due while the one
// before still runs is left out; the first result decides, later ones count by rise and fall; with
// init_fail it starts as failed and needs `rise` successes.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/program.hpp"
#include "vrrp/track.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace tandem::daemon {

/// Start the program; report a failure to do so as on_ended with NotStarted.
struct StartProgram {};
/// To the program's process group.
struct SendSignal {
    int signal = 0;
};
struct ReportStatus {
    vrrp::TrackStatus status;
};
/// A line for the log.
struct ReportProblem {
    std::string text;
};
using ScriptAction = std::variant<StartProgram, SendSignal, ReportStatus, ReportProblem>;
using ScriptActions = std::vector<ScriptAction>;

/// Drive it: on_start(), then on_deadline() at next_deadline() and on_ended() when the program
/// ended; execute the actions in order. Any event is legal at any time, early deadlines do nothing.
/// Not thread-safe.
///
/// A run that times out is a failure at that moment, not when the program has gone. While a program
/// that cannot be killed stays, each run that is left out is another failure: `fall` intervals are
/// enough to see it.
class ScriptState {
  public:
    using TimePoint = RunLimit::TimePoint;

    explicit ScriptState(config::ScriptSettings settings);

    ScriptActions on_start(TimePoint now);
    ScriptActions on_deadline(TimePoint now);
    ScriptActions on_ended(const ProgramEnd& end, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

  private:
    void run_or_skip(TimePoint now, ScriptActions& out);
    void record(bool success, const std::string& detail, ScriptActions& out);
    void report(vrrp::TrackStatus status, ScriptActions& out);
    /// Each text once, until a run went well.
    void complain(const std::string& text, ScriptActions& out);

    config::ScriptSettings settings_;
    RunLimit limit_;
    std::optional<TimePoint> next_run_;
    vrrp::TrackStatus status_;
    unsigned streak_ = 0;
    std::set<std::string> complaints_;
    bool complained_in_this_run_ = false;
};

}  // namespace tandem::daemon
