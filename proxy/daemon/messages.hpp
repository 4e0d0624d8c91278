// Catalogue of everything tandemd logs. Each entry has a stable id that people may grep and alert
// on, a level, a text and what an operator should do. `{name}` in a text is replaced by the field
// of that name; fields not named in the text follow it as key=value.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tandem::daemon {

/// error: a person must act. warning: degraded, or healing by itself. info: life cycle and state
/// changes. debug: per packet or connection.
enum class Level : std::uint8_t { Debug, Info, Warning, Error };

struct Message {
    std::string_view id;
    Level level;
    std::string_view text;
    /// What to do; empty when nothing is needed.
    std::string_view advice;
    /// Also kept in the event list that `tandemctl events` shows.
    bool event;
};

namespace messages {

// Life cycle
inline constexpr Message kStarting{"NODE_STARTING", Level::Info, "tandemd {version} starts", "",
                                   true};
inline constexpr Message kReady{"NODE_READY", Level::Info, "ready", "", true};
inline constexpr Message kStopping{"NODE_STOPPING", Level::Info, "stops on {signal}", "", true};
inline constexpr Message kStopped{"NODE_STOPPED", Level::Info, "stopped", "", true};
inline constexpr Message kStopTimedOut{
    "NODE_STOP_TIMED_OUT", Level::Error, "did not stop within {seconds} s and exits now",
    "the lease removes what may be left of the virtual addresses; report this as a bug", true};
inline constexpr Message kNodeDied{
    "NODE_DIED", Level::Error, "the node died: {end}; it is started again in {seconds} s",
    "look for its last lines above and for a core dump, and report it as a bug", true};
inline constexpr Message kNodeHangs{
    "NODE_HANGS", Level::Error, "the node is killed: {problem}",
    "find what held it up: a debugger (use --no-guardian then), a kernel that hangs; else report "
    "it as a bug",
    true};
inline constexpr Message kWillExecuted{
    "NODE_WILL_EXECUTED", Level::Warning,
    "behind the dead node: {removed} virtual addresses and routes removed, {sent} times priority 0 "
    "said, in {microseconds} µs",
    "", true};
inline constexpr Message kWillFailed{
    "NODE_WILL_FAILED", Level::Error,
    "behind the dead node: {removed} virtual addresses and routes removed, {sent} times priority 0 "
    "said, but: {error}",
    "the lease ends what is left of the addresses, unless vip_lease is 0", true};
inline constexpr Message kRestarted{"NODE_RESTARTED", Level::Warning,
                                    "the guardian has started this node again, {count} times now",
                                    "the log tells the reason, just above", true};
inline constexpr Message kGuardianGone{
    "GUARDIAN_GONE", Level::Error,
    "the guardian died; the node carries on, but nobody cleans up or restarts it if it dies, too",
    "restart tandemd at a quiet moment: fail over to the peer first", true};
inline constexpr Message kCannotStart{
    "NODE_CANNOT_START", Level::Error, "cannot start: {problem}",
    "mend what is named here and start again; tandemd -t checks the configuration", true};
inline constexpr Message kReloaded{"NODE_RELOADED", Level::Info,
                                   "configuration reloaded: {changes}", "", true};
inline constexpr Message kReloadRefused{
    "NODE_RELOAD_REFUSED", Level::Error,
    "configuration not reloaded, nothing has changed: {problem}",
    "mend the file, or restart the node that is not active and fail over", true};
inline constexpr Message kConfigDiagnostic{"CONFIG_DIAGNOSTIC", Level::Warning, "{text}",
                                           "run tandemd -t to see every message", false};
inline constexpr Message kNoRealtime{
    "NODE_NO_REALTIME", Level::Warning, "election thread runs without real-time priority: {error}",
    "give the process CAP_SYS_NICE, or accept late advertisements on a saturated machine", false};
inline constexpr Message kNoMemoryLock{
    "NODE_NO_MEMORY_LOCK", Level::Info, "memory is not locked: {error}",
    "give the process CAP_IPC_LOCK or an unlimited RLIMIT_MEMLOCK", false};
inline constexpr Message kReportsLost{
    "NODE_REPORTS_LOST", Level::Warning,
    "{count} reports of other threads were lost: the control thread did not run",
    "find what held it up: a stopped process, a disk that hangs; `tandemctl status` tells what is "
    "now",
    true};
inline constexpr Message kLogLinesLost{
    "LOG_LINES_LOST", Level::Warning, "{count} log lines were lost before this one",
    "look at what takes the log: a full disk, a pipe that nobody reads, a stopped syslog; "
    "`tandemctl events` has the state changes",
    false};

// Election. keepalived's phrases are kept: people grep for them.
inline constexpr Message kEnteringActive{"ELECTION_ACTIVE", Level::Info,
                                         "({instance}) Entering MASTER STATE", "", true};
inline constexpr Message kEnteringBackup{"ELECTION_BACKUP", Level::Info,
                                         "({instance}) Entering BACKUP STATE", "", true};
inline constexpr Message kEnteringFault{
    "ELECTION_FAULT", Level::Error, "({instance}) Entering FAULT STATE",
    "see `tandemctl status` for the fault; the node takes part again when it is gone", true};
inline constexpr Message kEnteringInitialize{"ELECTION_STOPPED", Level::Info,
                                             "({instance}) Stopped", "", true};
inline constexpr Message kReceiveTimeout{"ELECTION_PEER_TIMEOUT", Level::Warning,
                                         "({instance}) Receive advertisement timeout", "", true};
inline constexpr Message kSentPriorityZero{"ELECTION_SENT_RELEASE", Level::Info,
                                           "({instance}) sent 0 priority", "", true};
inline constexpr Message kInterfaceUsable{"INTERFACE_USABLE", Level::Info,
                                          "({instance}) interface {interface} is usable", "", true};
inline constexpr Message kInterfaceUnusable{
    "INTERFACE_UNUSABLE", Level::Error, "({instance}) interface {interface} is unusable: {fault}",
    "bring the link up and give it an address of the instance's family", true};
inline constexpr Message kAdvertisementAlarm{
    "ADVERTISEMENT_ALARM", Level::Warning,
    "({instance}) advertisement from {source}, MAC address {mac}: {reason}: {detail}",
    "if this is the other node, make both configurations agree; if not, find that machine", true};
inline constexpr Message kPeerDiffers{
    "ELECTION_PEER_DIFFERS", Level::Warning,
    "({instance}) {source} differs from this node: {reason}: {detail}",
    "make both configurations agree", true};
inline constexpr Message kLowerClaim{
    "ELECTION_LOWER_CLAIM", Level::Warning,
    "({instance}) Received advertisement from {source} with lower "
    "priority {priority}: two nodes were "
    "active; the addresses are announced again",
    "if it repeats, the other node does not hear this one: check link, "
    "multicast and packet filters",
    true};
inline constexpr Message kPriorityChanged{
    "ELECTION_PRIORITY", Level::Info,
    "({instance}) Changing effective priority from {from} to {to}", "", true};
inline constexpr Message kCannotServe{
    "NODE_CANNOT_SERVE", Level::Error, "({instance}) this node cannot serve: {fault}",
    "it takes part again some seconds after the cause is gone", true};
inline constexpr Message kCanServeAgain{"NODE_CAN_SERVE", Level::Info,
                                        "({instance}) this node can serve again", "", true};
inline constexpr Message kNoUpstreamAtAll{
    "NO_UPSTREAM_AT_ALL", Level::Error,
    "({instance}) no upstream of any service can be reached from here: priority 1, so that a peer "
    "that reaches one takes over",
    "look at the upstreams, and at the network between this node and them", true};
inline constexpr Message kUpstreamReachable{
    "UPSTREAM_REACHABLE", Level::Info,
    "({instance}) an upstream can be reached again: the configured priority", "", true};
inline constexpr Message kTrackedChanged{"TRACKED_CHANGED", Level::Info,
                                         "{kind} {name} is now {state}: {detail}", "", true};
inline constexpr Message kTrackingProblem{
    "TRACKING_PROBLEM", Level::Warning, "{kind} {name}: {error}",
    "mend what is named here; until then the object counts as `tandemctl status` says", true};
inline constexpr Message kGivesUpForTracking{
    "ELECTION_GIVES_UP", Level::Warning,
    "({instance}) a tracked object failed and a peer with nopreempt would not take over: gives the "
    "addresses up",
    "remove the weight of the tracked object, so that its failure is a fault", true};
inline constexpr Message kNotifyProblem{
    "NOTIFY_PROBLEM", Level::Warning, "notify {name}: {error}",
    "mend the command or the reader of the FIFO; the election goes on without it", true};
inline constexpr Message kReplayMarksNotKept{
    "REPLAY_MARKS_NOT_KEPT", Level::Warning, "replay marks are not kept: {error}",
    "until then a restart of this node forgets which signed advertisements it has seen", false};
inline constexpr Message kAdvertisementNotSent{"ADVERTISEMENT_NOT_SENT", Level::Warning,
                                               "({instance}) advertisement not sent: {error}", "",
                                               false};

// Virtual addresses
inline constexpr Message kAddressesAdded{"ADDRESSES_ADDED", Level::Info,
                                         "({instance}) virtual addresses added", "", true};
inline constexpr Message kAddressesRemoved{
    "ADDRESSES_REMOVED", Level::Info,
    "({instance}) virtual addresses removed, {connections_reset} connections reset", "", true};
inline constexpr Message kAddressesNotAdded{
    "ADDRESSES_NOT_ADDED", Level::Error, "({instance}) virtual addresses not added: {error}",
    "check that tandemd has CAP_NET_ADMIN and that the interface exists", true};
inline constexpr Message kAddressConflict{
    "ADDRESS_CONFLICT", Level::Error,
    "({instance}) another machine claims virtual address {address} on {interface}: MAC address "
    "{mac}; {error}",
    "find that machine and take the address off it; until then some clients reach it instead of "
    "this node",
    true};
inline constexpr Message kAddressContested{
    "ADDRESS_CONTESTED", Level::Error,
    "({instance}) somebody on this host fights for virtual address {address} on {interface}: "
    "{error}, put back each time",
    "find the program on this host: NetworkManager, systemd-networkd, another keepalived", true};
inline constexpr Message kAddressRepaired{
    "ADDRESS_REPAIRED", Level::Warning,
    "virtual address {address} was removed from {interface} by somebody else and put back",
    "find out who: NetworkManager, systemd-networkd or a person", true};
inline constexpr Message kAddressFailed{"ADDRESS_FAILED", Level::Error,
                                        "virtual address {address} on {interface}: {error}",
                                        "check the interface and CAP_NET_ADMIN", true};
inline constexpr Message kRemoveFailed{
    "ADDRESS_REMOVE_FAILED", Level::Error,
    "virtual address {address} could not be removed from {interface}: {error}",
    "the lease ends it; check that it is gone with `ip address`", true};
inline constexpr Message kStaleRemoved{
    "ADDRESS_STALE_REMOVED", Level::Warning,
    "virtual address {address} of an earlier life removed from {interface}", "", true};
inline constexpr Message kAnnounceFailed{
    "ANNOUNCE_FAILED", Level::Warning, "{address} could not be announced on {interface}: {error}",
    "neighbours may use an old MAC address until their cache expires", true};
inline constexpr Message kAddressesNotFollowed{
    "ADDRESSES_NOT_FOLLOWED", Level::Error,
    "after a reload the kernel's news of some addresses or routes cannot be had: {error}",
    "reload once more; if it stays, restart the node that is not active", true};
inline constexpr Message kNetlinkOverrun{
    "NETLINK_OVERRUN", Level::Warning,
    "the kernel dropped notifications; links and addresses were read again", "", true};
inline constexpr Message kRouteRepaired{
    "ROUTE_REPAIRED", Level::Warning,
    "virtual route {route} was removed by somebody else and put back", "find out who", true};
inline constexpr Message kRouteFailed{"ROUTE_FAILED", Level::Error,
                                      "virtual route {route} could not be added: {error}",
                                      "check gateway and interface of the route", true};
inline constexpr Message kRouteNotRemoved{"ROUTE_REMOVE_FAILED", Level::Error,
                                          "virtual route {route} could not be removed: {error}",
                                          "remove it with `ip route`", true};
inline constexpr Message kStaleRouteRemoved{"ROUTE_STALE_REMOVED", Level::Warning,
                                            "virtual route {route} of an earlier life removed", "",
                                            true};
inline constexpr Message kReleaseLate{
    "RELEASE_LATE", Level::Error,
    "({instance}) the relay did not reset its {connections} connections in time; the addresses go "
    "anyway",
    "clients that saw no reset notice at their next packet; lower the number of connections per "
    "node",
    true};

// Failover by an operator
inline constexpr Message kFailoverRequested{"FAILOVER_REQUESTED", Level::Info,
                                            "failover asked for by user {uid} (process {pid})", "",
                                            true};
inline constexpr Message kFailoverEnded{"FAILOVER_ENDED", Level::Info, "failover: {message}", "",
                                        true};
inline constexpr Message kResumed{
    "FAILOVER_RESUMED", Level::Info,
    "({instance}) hold ended by user {uid} (process {pid}): normal election again", "", true};

// Relay
inline constexpr Message kUpstreamUp{"UPSTREAM_UP", Level::Info,
                                     "upstream {upstream} of {service} is up", "", true};
inline constexpr Message kUpstreamDown{
    "UPSTREAM_DOWN", Level::Warning, "upstream {upstream} of {service} is down: {error}",
    "check the server; it gets no new connections until a check succeeds", true};
inline constexpr Message kUpstreamOrdered{
    "UPSTREAM_ORDERED", Level::Info,
    "upstream {upstream} of {service}: {order}, ordered by user {uid} (process {pid})", "", true};
inline constexpr Message kDisconnected{
    "CONNECTIONS_ENDED", Level::Info,
    "connections ended by order of user {uid} (process {pid}): {count}", "", true};
inline constexpr Message kCheckSkipped{
    "UPSTREAM_CHECK_SKIPPED", Level::Warning,
    "upstream {upstream} of {service} is not checked for now: {error}",
    "the trouble is on this host: link, route, own address or ports", false};
inline constexpr Message kNoUpstream{
    "RELAY_NO_UPSTREAM", Level::Error,
    "{service}: no upstream took a connection, clients are reset: {error}",
    "check the upstream servers and the path to them", false};
inline constexpr Message kBuffersShort{
    "RELAY_BUFFERS_SHORT", Level::Warning,
    "{service}: the buffers of all connections have reached their limit; reading pauses",
    "raise buffer_memory, or look for clients or servers that read slowly", false};
inline constexpr Message kAccessLogFailed{
    "ACCESS_LOG_FAILED", Level::Warning, "the access log cannot be written: {target}: {error}",
    "connections are served all the same; make room or mend the file, it is tried every second",
    false};
inline constexpr Message kAccessLogRecovered{
    "ACCESS_LOG_RECOVERED", Level::Info, "the access log is written again: {target}", "", false};
inline constexpr Message kAccessLogLost{
    "ACCESS_LOG_LOST", Level::Warning, "{count} records of the access log were lost: {target}",
    "they came faster than they could be written; see ACCESS_LOG_FAILED, or a slow disk", false};
inline constexpr Message kAcceptPaused{
    "RELAY_ACCEPT_PAUSED", Level::Warning, "{service}: accepting is paused: {limit}",
    "raise the limit named here if the machine can carry more", false};
inline constexpr Message kAcceptResumed{"RELAY_ACCEPT_RESUMED", Level::Info,
                                        "{service}: accepting again", "", false};

/// Every entry, for the test that ids are unique and for documentation.
inline constexpr std::array kAll{kStarting,
                                 kReady,
                                 kStopping,
                                 kStopped,
                                 kStopTimedOut,
                                 kCannotStart,
                                 kNodeDied,
                                 kNodeHangs,
                                 kWillExecuted,
                                 kWillFailed,
                                 kRestarted,
                                 kGuardianGone,
                                 kReloaded,
                                 kReloadRefused,
                                 kConfigDiagnostic,
                                 kNoRealtime,
                                 kNoMemoryLock,
                                 kReportsLost,
                                 kLogLinesLost,
                                 kEnteringActive,
                                 kEnteringBackup,
                                 kEnteringFault,
                                 kEnteringInitialize,
                                 kReceiveTimeout,
                                 kSentPriorityZero,
                                 kInterfaceUsable,
                                 kInterfaceUnusable,
                                 kAdvertisementAlarm,
                                 kPeerDiffers,
                                 kLowerClaim,
                                 kPriorityChanged,
                                 kCannotServe,
                                 kCanServeAgain,
                                 kNoUpstreamAtAll,
                                 kUpstreamReachable,
                                 kTrackedChanged,
                                 kTrackingProblem,
                                 kGivesUpForTracking,
                                 kNotifyProblem,
                                 kReplayMarksNotKept,
                                 kAdvertisementNotSent,
                                 kAddressesAdded,
                                 kAddressesRemoved,
                                 kAddressesNotAdded,
                                 kAddressConflict,
                                 kAddressContested,
                                 kAddressRepaired,
                                 kAddressFailed,
                                 kRemoveFailed,
                                 kStaleRemoved,
                                 kAnnounceFailed,
                                 kAddressesNotFollowed,
                                 kNetlinkOverrun,
                                 kRouteRepaired,
                                 kRouteFailed,
                                 kRouteNotRemoved,
                                 kStaleRouteRemoved,
                                 kReleaseLate,
                                 kFailoverRequested,
                                 kFailoverEnded,
                                 kResumed,
                                 kUpstreamUp,
                                 kUpstreamDown,
                                 kUpstreamOrdered,
                                 kDisconnected,
                                 kCheckSkipped,
                                 kNoUpstream,
                                 kBuffersShort,
                                 kAccessLogFailed,
                                 kAccessLogRecovered,
                                 kAccessLogLost,
                                 kAcceptPaused,
                                 kAcceptResumed};

}  // namespace messages
}  // namespace tandem::daemon
