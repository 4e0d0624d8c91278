// Election of one virtual router: events in, actions out. No socket, no clock, no log.
//
// RFC 9568 section 6.4 (version 3) and RFC 3768 section 6.4 (version 2), with keepalived's
// extensions that are decisions of the election: nopreempt, preempt_delay, `state MASTER`, startup
// delay, sync groups, priorities that change, a lower-priority advertisement answered at once.
// vrrp/README.md maps every rule to its function and test.
#pragma once

#include "vrrp/config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::vrrp {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::microseconds;

/// Initialize: not started or stopped. Fault: started, but a condition (link down, no source
/// address, tracked object) forbids taking part; RFC 9568 calls both Initialize.
enum class State : std::uint8_t { Initialize, Backup, Active, Fault };

/// Why a state was entered. Names are stable: they appear in events and in `tandemctl status`.
enum class Reason : std::uint8_t {
    Startup,         ///< started with priority below 255
    AddressOwner,    ///< started with priority 255
    ActiveDown,      ///< the active node was not heard for the active down interval
    PeerReleased,    ///< the active node said priority 0 and the skew time passed
    HigherPriority,  ///< an advertisement with a higher priority arrived while active
    HigherAddress,   ///< same priority, higher source address, while active
    Shutdown,        ///< ordered to stop
    Failover,        ///< ordered to give the addresses to the peer
    Stalled,         ///< active, and did not run for as long as a peer waits for it
    Fault,           ///< a fault condition appeared
    FaultCleared,    ///< the last fault condition went away
    AcquireFailed,   ///< the kernel refused the addresses
    TakeBack,        ///< a failover that no peer answered was undone
    SendFailed,      ///< active, and advertisements could not be sent for as long as a peer waits
    SyncGroup,       ///< another member of the sync group cannot be active here
};

std::string_view to_string(State state);
std::string_view to_string(Reason reason);

/// An advertisement that passed packet validation (length, TTL, checksum, version, VRID,
/// authentication) and did not come from this node.
struct ReceivedAdvertisement {
    std::uint8_t priority = 0;
    /// Source address of the IP header; compared as unsigned in network order on equal priority.
    IpAddress source;
    /// The sender's interval (version 3 learns it; version 2 requires it to be equal to ours).
    Duration interval{};
};

// Actions. Execute them in the order returned. An action that has a result event is the last of
// its list, so a shell may report the result from inside the execution.

/// Send one advertisement now with this priority.
struct SendAdvertisement {
    std::uint8_t priority = 0;
    friend bool operator==(const SendAdvertisement&, const SendAdvertisement&) = default;
};
/// Put the virtual addresses on the interface and announce them (gratuitous ARP / NA).
/// Result event: on_addresses_acquired.
struct AcquireAddresses {
    friend bool operator==(const AcquireAddresses&, const AcquireAddresses&) = default;
};
/// Reset every connection of the addresses, then take the addresses off the interface.
/// Result event: on_addresses_released, always, also when removal failed (the lease then ends it).
/// May follow AcquireAddresses before its result: then the result of the acquisition is ignored.
/// AcquireAddresses never follows before this result: a claim that falls due waits for it.
struct ReleaseAddresses {
    friend bool operator==(const ReleaseAddresses&, const ReleaseAddresses&) = default;
};
/// Announce the addresses again: somebody else may just have claimed them.
struct AnnounceAddresses {
    friend bool operator==(const AnnounceAddresses&, const AnnounceAddresses&) = default;
};
/// The state changed; for logs, scripts and status.
struct StateChanged {
    State from{};
    State to{};
    Reason reason{};
    friend bool operator==(const StateChanged&, const StateChanged&) = default;
};

/// Active, and another node with a worse claim advertised (keepalived's MASTER_RX_LOWER_PRI): two
/// nodes were active for a moment. The other members of a sync group should announce as well.
struct LowerClaimHeard {
    std::uint8_t priority = 0;
    IpAddress source;
    friend bool operator==(const LowerClaimHeard&, const LowerClaimHeard&) = default;
};
/// The active node uses another interval than this one (version 3). Once per value heard.
struct IntervalDiffers {
    Duration heard{};
    /// What the active down interval is computed with: heard, forced into a tenth to ten times our
    /// own.
    Duration used{};
    friend bool operator==(const IntervalDiffers&, const IntervalDiffers&) = default;
};

using Action = std::variant<SendAdvertisement, AcquireAddresses, ReleaseAddresses,
                            AnnounceAddresses, StateChanged, LowerClaimHeard, IntervalDiffers>;
using Actions = std::vector<Action>;

/// Election of one virtual router.
///
/// Drive it: call on_*() with the monotonic time, execute the returned actions in order, then
/// sleep until next_deadline() and call on_deadline(). Any event is legal in any state; early,
/// late and repeated deadlines are harmless, and a `now` before that of an earlier call counts as
/// that one. After a wake-up hand over the advertisements that wait in the socket before a due
/// deadline: they may say that the deadline is moot. Not thread-safe. Throws only std::bad_alloc.
///
/// Giving up gracefully is two steps, so that priority 0 is said only when this node no longer
/// answers (invariant I1): the elector returns ReleaseAddresses, stays Active and goes on
/// advertising, and leaves Active when on_addresses_released() arrives.
/// Giving way to a better claim (HigherPriority, HigherAddress), a stall and a fault are one step:
/// the state changes first, ReleaseAddresses follows.
/// In every case but giving way, priority 0 is sent as soon as the addresses are off, unless
/// another node's accepted advertisement came first.
///
/// Two guards against a process that did not run (SIGSTOP, a paused machine, starvation): an active
/// node that was silent for as long as a peer waits steps down before it says anything
/// (Reason::Stalled); a backup whose timer is more than half an interval late listens for two more
/// intervals plus skew time, because the silence may be its own. Only once in a row: a host that is
/// always late must still serve when it is the last one.
class Elector {
  public:
    /// @pre config is validated by proxy/config: ranges as in InstanceConfig.
    explicit Elector(const InstanceConfig& config);

    /// Initialize → Active (priority 255, no hold, no startup_delay, no sync group), Backup, or
    /// Fault when a fault condition is set. No-op in other states.
    Actions on_startup(TimePoint now);
    /// Graceful stop. Ends in Initialize, never while a release is in flight: from Active after
    /// on_addresses_released(), with priority 0 sent just before. Until then the node takes no
    /// address back. A hold is forgotten.
    Actions on_shutdown(TimePoint now);
    /// An advertisement from our own source address is ignored: answering it could loop. While
    /// Active a lower claim or priority 0 is answered at once, but no more than ten times per
    /// interval: what comes sooner shares the next answer. Announcements: at most twice per
    /// interval and twice per second.
    /// An owner gives in to another one (255, lower address) that goes on for three advertisements,
    /// 1.2 of the longer interval at least: Active → Backup (HigherPriority), and priority() is 254
    /// from then on.
    Actions on_advertisement(const ReceivedAdvertisement& advert, TimePoint now);
    Actions on_deadline(TimePoint now);

    /// @param ok false: Active → Backup (AcquireFailed), priority 0 after the release; the node
    /// then leaves the addresses to a peer, whatever its priority, for kAcquireBackoff active down
    /// intervals, and claims again after one if no peer is heard.
    Actions on_addresses_acquired(bool ok, TimePoint now);
    Actions on_addresses_released(TimePoint now);

    /// A condition that forbids taking part (true) or the end of the last one (false). The caller
    /// counts conditions; repeating the current value is a no-op.
    Actions on_fault(bool faulty, TimePoint now);

    /// Whether the advertisement of the last SendAdvertisement went out. A node that nobody hears
    /// is no active node: its peer takes over, and keeping the addresses would make two. Active →
    /// Fault (SendFailed) at the failure after which the next advertisement would come too late for
    /// a peer. That is a fault condition, which the caller ends with on_fault(false) when it is
    /// worth another try. The node then leaves the addresses to any peer for kAcquireBackoff active
    /// down intervals, as after a refused acquisition, and until one advertisement went out a
    /// single failure ends its next claim. Ignored in other states.
    Actions on_send_result(bool sent, TimePoint now);

    /// Effective priority changed (tracking), 1..254; ignored by the owner of the addresses
    /// (configured 255) and when equal to the current one. Backup: the wait is moved by the
    /// difference of the skew times. Active: told with the next advertisement; the peer decides.
    Actions on_priority(std::uint8_t priority, TimePoint now);

    /// Another configuration of the same virtual router: name, interface, version, family, router
    /// identifier and whether it owns the addresses are as before. The state stays, and nothing is
    /// claimed or given up because of it, but for a claim that only a sync group kept back that the
    /// node has left. The priority is on_priority()'s.
    /// Active: another interval is told at once. Backup: with another wait it begins anew, so that
    /// nobody is taken for silent who was not given the time to speak.
    Actions on_reconfigure(const InstanceConfig& config, TimePoint now);

    /// Sync group, in_sync_group only. When a member's claim falls due it does not claim: it waits
    /// as Backup with wants_active() until an advertisement that it gives way to, or until the
    /// group orders the claim, which means that every member wants it or is active. Without
    /// wants_active() a no-op.
    Actions on_group_claim(TimePoint now);
    /// Another member cannot be active here: Active → Backup (Reason::SyncGroup), addresses off,
    /// priority 0. The wait that follows is up to one interval longer, differently on each node, so
    /// that two nodes that each lost a member do not claim again in step. No-op in other states and
    /// while releasing.
    Actions on_group_release(TimePoint now);

    /// Own address changed (tie-break only).
    void set_source_address(const IpAddress& address);

    /// Operator's failover: give the addresses to the peer and hold: no preemption until `resume`,
    /// `hold_until` (nullopt: no end), or until the peer is not heard for the active down interval.
    /// Legal in any state; when not Active it only sets the hold.
    Actions on_failover(std::optional<TimePoint> hold_until, TimePoint now);
    /// Ends a hold; normal election again.
    Actions on_resume(TimePoint now);
    /// Undo a failover that no peer answered: Backup → Active at once, hold ended. No-op in other
    /// states. In a sync group the member wants to be active from now on: to take the group back,
    /// call it for each member, then the group orders the claim of all.
    Actions on_take_back(TimePoint now);

    /// When on_deadline() must run next; nullopt when nothing is pending.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    [[nodiscard]] State state() const;
    /// True between ReleaseAddresses and on_addresses_released() of a graceful give-up.
    [[nodiscard]] bool releasing() const;
    [[nodiscard]] bool holding() const;
    /// Sync group: the claim fell due, and the group has not ordered it yet. False while a release
    /// is in flight: a claim then would have to wait, and the group would be active by half.
    [[nodiscard]] bool wants_active() const;
    /// What is advertised: configured, as last set by on_priority(), or 254 for an owner that gave
    /// in to another one, until on_startup().
    [[nodiscard]] std::uint8_t priority() const;
    /// nullopt when not holding or when the hold has no end.
    [[nodiscard]] std::optional<TimePoint> hold_until() const;
    [[nodiscard]] Duration active_down_interval() const;
    [[nodiscard]] Duration skew_time() const;
    /// Last advertisement of another node that was accepted; priority and source of the peer.
    [[nodiscard]] const std::optional<ReceivedAdvertisement>& last_peer() const;
    [[nodiscard]] std::optional<TimePoint> last_peer_heard() const;
    /// Lower claims and releases heard while active that were not answered at once, because an
    /// answer had just gone out; see on_advertisement().
    [[nodiscard]] std::uint64_t answers_delayed() const;

    /// How long a node that could not acquire its addresses, or not send, defers to any peer, in
    /// its own active down intervals. Without it a broken node with the higher priority would
    /// preempt for ever.
    static constexpr int kAcquireBackoff = 10;

  private:
    enum class Addresses : std::uint8_t { Off, Acquiring, On, Releasing };

    TimePoint begin_event(TimePoint now, Actions& actions);
    static void report(const Action& action, Actions& actions);
    void change_state(State to, Reason reason, Actions& actions);
    void take_part(Reason reason, TimePoint now, Actions& actions);
    void enter_backup(Reason reason, TimePoint now, Actions& actions);
    void claim_due(Reason reason, TimePoint now, Actions& actions);
    void claim(Reason reason, TimePoint now, Actions& actions);
    void become_active(Reason reason, TimePoint now, Actions& actions);
    void leave_active(State to, Reason reason, TimePoint now, Actions& actions);
    void release(Actions& actions);
    void advertise(TimePoint now, Actions& actions);
    void answer(TimePoint now, Actions& actions);
    void announce_when_allowed(TimePoint now, Actions& actions);
    void answer_lower_claim(TimePoint now, Actions& actions);
    void start_active_down_timer(TimePoint now);
    void learn_interval(const ReceivedAdvertisement& advert, Actions& actions);
    void hear_as_backup(const ReceivedAdvertisement& advert, TimePoint now, Actions& actions);
    bool ignores_lower(const ReceivedAdvertisement& advert, TimePoint now);
    void hear_as_active(const ReceivedAdvertisement& advert, TimePoint now, Actions& actions);
    bool gives_in_to_owner(const ReceivedAdvertisement& advert, TimePoint now);
    void backup_timer_fired(TimePoint now, Actions& actions);
    void end_hold();
    Duration group_backoff();
    [[nodiscard]] TimePoint when_listening(TimePoint now) const;
    [[nodiscard]] bool defers(TimePoint now) const;
    [[nodiscard]] bool preempts(TimePoint now) const;
    [[nodiscard]] bool is_better(const ReceivedAdvertisement& advert) const;

    // Configuration.
    Version version_;
    /// Owner of the addresses: configured with 255.
    bool owner_;
    std::uint8_t priority_;
    Duration own_interval_;
    unsigned down_timer_adverts_;
    bool preempt_;
    bool start_as_active_;
    Duration preempt_delay_;
    Duration startup_delay_;
    bool lower_priority_no_advert_;
    bool higher_priority_send_advert_;
    bool owner_ignores_adverts_;
    bool in_sync_group_;
    std::optional<IpAddress> source_;

    State state_ = State::Initialize;
    Addresses addresses_ = Addresses::Off;
    bool faulty_ = false;
    /// A shutdown was ordered and waits for the release in flight.
    bool stopping_ = false;
    /// Not active any more, and nobody better was heard: say priority 0 once the addresses are off.
    bool say_released_ = false;
    /// A claim fell due while a release was in flight; its reason is timer_reason_.
    bool claim_waits_ = false;
    /// A claim fell due and waits for the sync group; its reason is timer_reason_.
    bool claim_wanted_ = false;
    /// How often the group took this member's claim away.
    std::uint32_t group_releases_ = 0;
    /// Backup: from when on a lower priority is preempted; set while one is active and
    /// preempt_delay runs.
    std::optional<TimePoint> preempt_from_;
    /// Advertisements are not listened to before (startup_delay).
    std::optional<TimePoint> deaf_until_;
    /// Interval heard last; tells a new one.
    std::optional<Duration> interval_heard_;
    /// Sending failed so often that this node gave up, and nothing was sent since.
    bool unheard_ = false;
    /// The late timer of a backup was given its second chance and nothing was heard since.
    bool listened_again_ = false;

    /// Active_Adver_Interval: the active node's, learned in version 3, our own otherwise.
    Duration active_interval_;
    /// Active: when to advertise (Adver_Timer). Backup: when to claim (Active_Down_Timer).
    std::optional<TimePoint> timer_;
    /// What the state change will say when the timer of a backup fires.
    Reason timer_reason_ = Reason::ActiveDown;

    bool hold_ = false;
    std::optional<TimePoint> hold_until_;
    std::optional<TimePoint> defer_until_;
    TimePoint last_event_ = TimePoint::min();
    /// Active: the last advertisement that went out, or the claim.
    TimePoint last_sent_ = TimePoint::min();
    std::optional<TimePoint> last_announcement_;
    /// A lower claim was heard and not announced against yet.
    bool announcement_waits_ = false;
    /// The last advertisement that answered a lower claim or priority 0, since this node is active.
    std::optional<TimePoint> last_answer_;
    /// The next advertisement is an answer that had to wait.
    bool answer_waits_ = false;
    std::uint64_t answers_delayed_ = 0;
    /// Active as an owner: another owner, with the lower address, is heard since, last then, and so
    /// many times.
    std::optional<TimePoint> rival_since_;
    TimePoint rival_heard_ = TimePoint::min();
    unsigned rival_adverts_ = 0;
    std::optional<ReceivedAdvertisement> last_peer_;
    std::optional<TimePoint> last_peer_heard_;
};

}  // namespace tandem::vrrp
