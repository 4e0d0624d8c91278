// Planned failover of the instances of this node: a pure state machine. Events and `now` in,
// actions out; the election thread executes them.
//
// Without a channel to the peer the only thing known of a backup is that it answers a priority 0
// within its skew time. So the machine gives the addresses up, waits that long for the peer's first
// advertisement, and takes the addresses back when nobody came.
#pragma once

#include "proxy/control/backend.hpp"
#include "vrrp/elector.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tandem::daemon {

using TimePoint = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;
using Microseconds = std::chrono::microseconds;

/// What the machine needs to know of an instance when a command arrives.
struct InstanceView {
    std::string name;
    vrrp::State state = vrrp::State::Initialize;
    /// Giving its addresses up already.
    bool releasing = false;
    vrrp::Version version = vrrp::Version::V3;
    Microseconds advertisement_interval{};
    Microseconds active_down_interval{};
    /// Last other node heard; nullopt: none since start.
    std::optional<vrrp::IpAddress> peer;
    /// Connections that a failover would reset.
    std::uint64_t connections = 0;
};

/// The command as the control protocol has it. Its timeout is never longer than the shortest active
/// down interval, after which this node takes over again anyway; without one the machine waits for
/// the longest skew time a peer can have.
using FailoverCommand = control::FailoverRequest;
using Outcome = control::ExitCode;

struct Refusal {
    /// Stable: NOT_ACTIVE, IN_PROGRESS, PEER_CONTROL.
    std::string code;
    std::string detail;
    bool forceable = false;
};

struct FailoverResult {
    Outcome outcome = Outcome::Done;
    /// One sentence for people.
    std::string message;
    std::vector<Refusal> refused;
    /// The instances that moved, would move, or were taken back.
    std::vector<std::string> instances;
    /// Longest time from "addresses off here" to the peer's first advertisement; for RolledBack: to
    /// the moment this node had the addresses again.
    std::optional<Microseconds> gap;
    std::uint64_t connections_reset = 0;
    std::optional<vrrp::IpAddress> peer;
    /// From the command to the last address off.
    std::optional<Microseconds> release_time;
};

/// Tell the elector to give the instance up and to hold.
struct StartFailover {
    std::string instance;
    std::optional<TimePoint> hold_until;
};
/// Tell the elector to take the instance back.
struct StartTakeBack {
    std::string instance;
};
/// The command is answered; exactly one per command.
struct Finish {
    FailoverResult result;
};
using FailoverAction = std::variant<StartFailover, StartTakeBack, Finish>;
using FailoverActions = std::vector<FailoverAction>;

/// One command at a time. Not thread-safe. Any event is legal in any state.
class FailoverMachine {
  public:
    FailoverActions on_command(const FailoverCommand& command,
                               const std::vector<InstanceView>& instances, TimePoint now);
    /// The instance's addresses are off this node.
    FailoverActions on_released(const std::string& instance, std::uint64_t connections_reset,
                                TimePoint now);
    /// An advertisement of another node with a priority above zero was accepted.
    FailoverActions on_peer_active(const std::string& instance, const vrrp::IpAddress& peer,
                                   TimePoint now);
    /// This node is active for the instance (again).
    FailoverActions on_active_here(const std::string& instance, TimePoint now);
    /// The instance left the election (fault, shutdown): it cannot be taken back.
    FailoverActions on_unavailable(const std::string& instance, TimePoint now);
    FailoverActions on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;
    [[nodiscard]] bool in_progress() const { return !moves_.empty(); }

  private:
    enum class Step : std::uint8_t { Releasing, WaitingForPeer, TakingBack, Moved, Kept, Lost };
    struct Move {
        std::string instance;
        Step step = Step::Releasing;
        /// How long the peer may take after the addresses are off.
        Microseconds patience{};
        TimePoint released;
        TimePoint ended;
        std::uint64_t connections_reset = 0;
    };
    FailoverActions begin(const FailoverCommand& command, const std::vector<InstanceView>& chosen,
                          TimePoint now);
    FailoverActions settle();
    [[nodiscard]] FailoverResult summarise() const;
    Move* find(const std::string& instance);

    std::vector<Move> moves_;
    bool no_handover_ = false;
    TimePoint started_;
    std::optional<vrrp::IpAddress> peer_;
};

/// The longest a healthy peer can take to answer a priority 0: its skew time is below one interval
/// (version 3) or one second (version 2); half an interval and 50 ms are added for a busy machine.
Microseconds default_patience(const InstanceView& instance);

/// The trap of nopreempt: when a tracked object with a weight fails on the active node, its
/// priority drops, but a peer with nopreempt accepts any priority and never takes over. So this
/// node gives the addresses up once, and takes them back when no peer answers. The failure itself
/// counts, not the level: two nodes that both fail do not toss the addresses to and fro.
/// @param before, after effective priorities.
bool gives_up_on_lower_priority(const vrrp::InstanceConfig& config, vrrp::State state,
                                std::uint8_t before, std::uint8_t after);

}  // namespace tandem::daemon
