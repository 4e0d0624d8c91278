#include "proxy/daemon/failover.hpp"

#include <algorithm>
#include <iterator>

#include <boost/algorithm/string/join.hpp>

namespace tandem::daemon {
namespace {

constexpr Microseconds kBusyMachine = Milliseconds{50};
// A release waits for the relay for a bounded time (election.cpp); this is only the last resort.
constexpr Microseconds kReleaseBound = std::chrono::seconds{5};

FailoverActions answer(FailoverResult result) {
    return {Finish{std::move(result)}};
}

FailoverActions refuse(std::string code, std::string detail) {
    FailoverResult result;
    result.outcome = Outcome::Refused;
    result.message = "refused: " + detail;
    result.refused.push_back({std::move(code), std::move(detail), false});
    return answer(std::move(result));
}

std::string where_is(const InstanceView& view) {
    if (view.state == vrrp::State::Backup && view.peer) {
        return view.name + " is not active here but on " + view.peer->to_string();
    }
    return view.name + " is not active here (state " + std::string{to_string(view.state)} + ")";
}

// The instances a command names, or an error text for a name that does not exist.
struct Selection {
    std::vector<InstanceView> views;
    std::string unknown;
};

Selection select(const std::vector<std::string>& names, const std::vector<InstanceView>& all) {
    if (names.empty()) {
        return {all, {}};
    }
    Selection selection;
    for (const std::string& name : names) {
        const auto view = std::find_if(all.begin(), all.end(),
                                       [&name](const auto& each) { return each.name == name; });
        if (view == all.end()) {
            selection.unknown = name;
            return selection;
        }
        const bool named_before =
            std::any_of(selection.views.begin(), selection.views.end(),
                        [&name](const auto& each) { return each.name == name; });
        if (!named_before) {
            selection.views.push_back(*view);
        }
    }
    return selection;
}

std::string milliseconds_text(Microseconds duration) {
    const auto tenths = duration.count() / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

FailoverActions describe_plan(const std::vector<InstanceView>& views) {
    FailoverResult result;
    Microseconds longest{};
    for (const InstanceView& view : views) {
        result.instances.push_back(view.name);
        result.connections_reset += view.connections;
        longest = std::max(longest, default_patience(view));
        if (view.peer) {
            result.peer = view.peer;
        }
    }
    result.message =
        "would give up " + boost::algorithm::join(result.instances, ", ") + ": " +
        std::to_string(result.connections_reset) +
        " connections would be reset; the peer answers within its skew time, and if it "
        "does not within " +
        milliseconds_text(longest) + " this node takes the addresses back";
    return answer(std::move(result));
}

}  // namespace

Microseconds default_patience(const InstanceView& instance) {
    const Microseconds longest_skew = instance.version == vrrp::Version::V2
                                          ? Microseconds{std::chrono::seconds{1}}
                                          : instance.advertisement_interval;
    return longest_skew + instance.advertisement_interval / 2 + kBusyMachine;
}

FailoverActions FailoverMachine::on_command(const FailoverCommand& command,
                                            const std::vector<InstanceView>& instances,
                                            TimePoint now) {
    if (in_progress()) {
        return refuse("IN_PROGRESS", "a failover is in progress; wait for its result");
    }
    const Selection selection = select(command.instances, instances);
    if (!selection.unknown.empty()) {
        FailoverResult result;
        result.outcome = Outcome::Usage;
        result.message = "there is no instance " + selection.unknown;
        return answer(std::move(result));
    }
    std::vector<InstanceView> active;
    std::vector<InstanceView> elsewhere;
    std::partition_copy(selection.views.begin(), selection.views.end(), std::back_inserter(active),
                        std::back_inserter(elsewhere), [](const InstanceView& view) {
                            return view.state == vrrp::State::Active && !view.releasing;
                        });

    if (command.direction == FailoverCommand::Direction::Here) {
        if (!elsewhere.empty()) {
            return refuse("PEER_CONTROL", where_is(elsewhere.front()) +
                                              "; run `tandemctl failover` on the active node");
        }
        FailoverResult result;
        result.message = "already active here: nothing to do";
        return answer(std::move(result));
    }
    if (command.direction == FailoverCommand::Direction::Switch && !elsewhere.empty()) {
        return refuse("NOT_ACTIVE",
                      where_is(elsewhere.front()) +
                          (active.empty() ? "; run `tandemctl failover` on the active node"
                                          : "; --to-peer moves only what is active here"));
    }
    if (active.empty()) {
        const bool on_peer = !elsewhere.empty() &&
                             std::all_of(elsewhere.begin(), elsewhere.end(), [](const auto& view) {
                                 return view.state == vrrp::State::Backup && view.peer;
                             });
        if (!on_peer) {
            return refuse("NOT_ACTIVE", elsewhere.empty() ? "no vrrp_instance is configured"
                                                          : where_is(elsewhere.front()));
        }
        FailoverResult result;
        result.peer = elsewhere.front().peer;
        result.message = "already active on the peer: nothing to do";
        return answer(std::move(result));
    }
    return command.dry_run ? describe_plan(active) : begin(command, active, now);
}

FailoverActions FailoverMachine::begin(const FailoverCommand& command,
                                       const std::vector<InstanceView>& chosen, TimePoint now) {
    started_ = now;
    peer_.reset();
    no_handover_ = command.no_handover;
    std::optional<TimePoint> hold_until;
    if (command.hold_for) {
        hold_until = now + *command.hold_for;
    }
    FailoverActions actions;
    for (const InstanceView& view : chosen) {
        Move move;
        move.instance = view.name;
        move.patience = default_patience(view);
        if (command.timeout) {
            move.patience = std::min<Microseconds>(*command.timeout, view.active_down_interval);
        }
        moves_.push_back(move);
        actions.emplace_back(StartFailover{view.name, hold_until});
    }
    return actions;
}

FailoverActions FailoverMachine::on_released(const std::string& instance,
                                             std::uint64_t connections_reset, TimePoint now) {
    Move* move = find(instance);
    if (move == nullptr || move->step != Step::Releasing) {
        return {};
    }
    move->step = Step::WaitingForPeer;
    move->released = now;
    move->connections_reset = connections_reset;
    return {};
}

FailoverActions FailoverMachine::on_peer_active(const std::string& instance,
                                                const vrrp::IpAddress& peer, TimePoint now) {
    Move* move = find(instance);
    if (move == nullptr || (move->step != Step::WaitingForPeer && move->step != Step::TakingBack)) {
        return {};
    }
    move->step = Step::Moved;
    move->ended = now;
    peer_ = peer;
    return settle();
}

FailoverActions FailoverMachine::on_active_here(const std::string& instance, TimePoint now) {
    Move* move = find(instance);
    if (move == nullptr || (move->step != Step::WaitingForPeer && move->step != Step::TakingBack)) {
        return {};
    }
    move->step = Step::Kept;
    move->ended = now;
    return settle();
}

FailoverActions FailoverMachine::on_unavailable(const std::string& instance, TimePoint now) {
    Move* move = find(instance);
    if (move == nullptr) {
        return {};
    }
    if (move->step == Step::Releasing || move->step == Step::WaitingForPeer ||
        move->step == Step::TakingBack) {
        move->step = Step::Lost;
        move->ended = now;
    }
    return settle();
}

FailoverActions FailoverMachine::on_deadline(TimePoint now) {
    FailoverActions actions;
    for (Move& move : moves_) {
        if (move.step == Step::WaitingForPeer && now >= move.released + move.patience) {
            move.step = Step::TakingBack;
            actions.emplace_back(StartTakeBack{move.instance});
        } else if ((move.step == Step::Releasing && now >= started_ + kReleaseBound) ||
                   (move.step == Step::TakingBack &&
                    now >= move.released + move.patience + kReleaseBound)) {
            // In a sync group a member cannot be taken back while another one has moved.
            move.step = Step::Lost;
            move.ended = now;
        }
    }
    FailoverActions settled = settle();
    std::move(settled.begin(), settled.end(), std::back_inserter(actions));
    return actions;
}

std::optional<TimePoint> FailoverMachine::next_deadline() const {
    std::optional<TimePoint> next;
    for (const Move& move : moves_) {
        std::optional<TimePoint> deadline;
        if (move.step == Step::WaitingForPeer) {
            deadline = move.released + move.patience;
        } else if (move.step == Step::Releasing) {
            deadline = started_ + kReleaseBound;
        } else if (move.step == Step::TakingBack) {
            deadline = move.released + move.patience + kReleaseBound;
        }
        if (deadline && (!next || *deadline < *next)) {
            next = deadline;
        }
    }
    return next;
}

FailoverActions FailoverMachine::settle() {
    const bool finished = std::all_of(moves_.begin(), moves_.end(), [](const Move& move) {
        return move.step == Step::Moved || move.step == Step::Kept || move.step == Step::Lost;
    });
    if (moves_.empty() || !finished) {
        return {};
    }
    FailoverResult result = summarise();
    moves_.clear();
    return answer(std::move(result));
}

FailoverResult FailoverMachine::summarise() const {
    FailoverResult result;
    result.peer = peer_;
    std::vector<std::string> moved;
    std::vector<std::string> kept;
    std::vector<std::string> lost;
    for (const Move& move : moves_) {
        result.instances.push_back(move.instance);
        result.connections_reset += move.connections_reset;
        if (move.step == Step::Lost) {
            lost.push_back(move.instance);
            continue;
        }
        (move.step == Step::Moved ? moved : kept).push_back(move.instance);
        const auto gap = std::chrono::duration_cast<Microseconds>(move.ended - move.released);
        const auto release = std::chrono::duration_cast<Microseconds>(move.released - started_);
        result.gap = std::max(result.gap.value_or(Microseconds{}), gap);
        result.release_time = std::max(result.release_time.value_or(Microseconds{}), release);
    }
    const std::string reset =
        std::to_string(result.connections_reset) +
        (result.connections_reset == 1 ? " connection reset" : " connections reset");
    const std::string gap = result.gap ? milliseconds_text(*result.gap) : "unknown";
    if (!lost.empty()) {
        result.outcome = Outcome::Degraded;
        result.message = boost::algorithm::join(lost, ", ") +
                         " left the election during the failover; see `tandemctl events`";
    } else if (moved.empty()) {
        result.outcome = Outcome::RolledBack;
        result.message = "no peer took over " + boost::algorithm::join(kept, ", ") +
                         ": this node is active again after " + gap + ", " + reset +
                         "; check that the peer runs and hears this node";
    } else if (!kept.empty()) {
        result.outcome = Outcome::Degraded;
        result.message = boost::algorithm::join(moved, ", ") + " moved to " + peer_->to_string() +
                         ", but no peer took over " + boost::algorithm::join(kept, ", ") +
                         ": active here again";
    } else {
        result.outcome =
            result.connections_reset > 0 && !no_handover_ ? Outcome::Degraded : Outcome::Done;
        result.message = boost::algorithm::join(moved, ", ") + " moved to " + peer_->to_string() +
                         ": gap " + gap + ", " + reset;
    }
    return result;
}

FailoverMachine::Move* FailoverMachine::find(const std::string& instance) {
    const auto move = std::find_if(moves_.begin(), moves_.end(),
                                   [&](const Move& each) { return each.instance == instance; });
    return move == moves_.end() ? nullptr : &*move;
}

bool gives_up_on_lower_priority(const vrrp::InstanceConfig& config, vrrp::State state,
                                std::uint8_t before, std::uint8_t after) {
    // Preemption is a matter of the peer's configuration; a pair has the same on both nodes.
    return !config.preempt && state == vrrp::State::Active && after < before;
}

}  // namespace tandem::daemon
