// Decides for the guardian: when the node counts as dead, what then, and when it starts again.
// Pure.
//
// Drive it: on_start() once, then every event as it comes, on_deadline() at next_deadline(); do
// what the actions say, in order. Calls are total: an event that does not fit does nothing, an
// early on_deadline() is harmless. Not thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tandem::daemon {

/// How a process ended.
struct NodeEnd {
    /// True: by a signal.
    bool signalled = false;
    /// Signal number, or exit status.
    int code = 0;
    friend bool operator==(const NodeEnd&, const NodeEnd&) = default;
};

/// "signal 9 (Killed)" or "exit status 1".
std::string to_string(const NodeEnd& end);

/// Answered by on_started() or on_node_end().
struct StartNode {
    friend bool operator==(const StartNode&, const StartNode&) = default;
};
/// SIGKILL; answered by on_node_end().
struct KillNode {
    /// For people.
    std::string why;
    friend bool operator==(const KillNode&, const KillNode&) = default;
};
struct SignalNode {
    int signal = 0;
    friend bool operator==(const SignalNode&, const SignalNode&) = default;
};
/// Addresses off, then priority 0, for every instance that left a will. May come twice for one
/// death: as soon as it shows, and when it is over, since a node that hangs in the kernel may put
/// an address back while it dies.
struct ExecuteWills {
    friend bool operator==(const ExecuteWills&, const ExecuteWills&) = default;
};
/// To be told: the node died and is started again after `delay`.
struct TellDeath {
    NodeEnd end;
    std::chrono::milliseconds delay{0};
    friend bool operator==(const TellDeath&, const TellDeath&) = default;
};
struct ExitGuardian {
    int status = 0;
    friend bool operator==(const ExitGuardian&, const ExitGuardian&) = default;
};
using SupervisorAction =
    std::variant<StartNode, KillNode, SignalNode, ExecuteWills, TellDeath, ExitGuardian>;
using SupervisorActions = std::vector<SupervisorAction>;

/// The rules:
/// - An election thread that was heard of and then is silent for kHeartbeatDeadline is dead; the
///   node is killed. A guardian that was itself late first waits once more: then both stood still.
/// - A node that ends before it was ever ready (a bad configuration, no rights) ends the guardian
///   with the same status: starting it again would not help.
/// - A node that ends by itself with status 0 was asked to; the guardian ends, too.
/// - Any other end starts the node again: at once, then after 1, 2, 4 … 60 s; a life of kStableLife
///   makes the next start immediate.
/// - SIGTERM and SIGINT are handed on; a node that has not stopped after kStopPatience is killed.
class Supervisor {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds kHeartbeatDeadline{1000};
    /// Later than this at a deadline: the guardian did not run either.
    static constexpr std::chrono::milliseconds kOwnLateness{100};
    static constexpr std::chrono::seconds kLongestDelay{60};
    static constexpr std::chrono::seconds kStableLife{60};
    static constexpr std::chrono::seconds kStopPatience{15};

    SupervisorActions on_start(TimePoint now);
    /// Any message of the node.
    void on_heartbeat(TimePoint now);
    void on_ready();
    /// The node's end of the channel is closed: the kernel is taking the process apart, which may
    /// last tens of milliseconds until on_node_end().
    SupervisorActions on_channel_closed() const;
    SupervisorActions on_node_end(const NodeEnd& end, TimePoint now);
    /// @param signal SIGTERM or SIGINT: stop. Any other is handed on.
    SupervisorActions on_signal(int signal, TimePoint now);
    SupervisorActions on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const { return deadline_; }

    /// Times the node was started again.
    [[nodiscard]] unsigned restarts() const { return restarts_; }

  private:
    enum class State : std::uint8_t { NotStarted, Running, Killed, Stopping, Waiting, Done };

    SupervisorActions start_node(TimePoint now);
    SupervisorActions on_silence(TimePoint now);
    std::chrono::milliseconds take_delay(TimePoint now);
    SupervisorActions finish(int status);

    State state_ = State::NotStarted;
    bool was_ready_ = false;
    bool heard_ = false;
    unsigned restarts_ = 0;
    /// Deaths since the last life of kStableLife.
    unsigned deaths_ = 0;
    TimePoint born_;
    std::optional<TimePoint> deadline_;
};

}  // namespace tandem::daemon
