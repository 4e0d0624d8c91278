// The validated configuration: what the daemon runs. Plain data, produced by load().
#pragma once

#include "netlink/config.hpp"
#include "proxy/relay/config.hpp"
#include "vrrp/config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::config {

/// A program to run: no shell is involved.
struct Command {
    /// The program, an absolute path after loading, and its arguments. Never empty.
    std::vector<std::string> arguments;
    /// Names or numbers; resolved when loading, so that a user that does not exist is reported.
    std::string user;
    std::string group;
    /// What user and group mean on this host.
    unsigned uid = 0;
    unsigned gid = 0;
    bool operator==(const Command&) const = default;
};

/// notify_fifo with its script.
struct FifoSettings {
    std::string path;
    unsigned uid = 0;
    unsigned gid = 0;
    /// Started with the path as its last argument; reads the FIFO.
    std::optional<Command> script;
    bool operator==(const FifoSettings&) const = default;
};

/// global_defs that have an effect.
struct GlobalSettings {
    /// Label only; default: host name.
    std::string router_id;
    /// `@tandem workers N`: relay workers; zero: one per core.
    unsigned workers = 0;
    /// `@tandem max_connections N`; zero: derived from the descriptor limit.
    unsigned max_connections = 0;
    /// `@tandem buffer_memory SIZE`: bytes; zero: a quarter of the machine's memory.
    std::size_t buffer_memory = 0;
    /// vrrp_rt_priority 1..99: real-time priority of the election thread; zero: the default.
    unsigned realtime_priority = 0;
    /// vrrp_rlimit_rttime: processor time the election thread may use without waiting, before the
    /// kernel ends the process. Zero: no limit.
    std::chrono::microseconds realtime_limit{0};
    /// notify_fifo, vrrp_notify_fifo: both get every line.
    std::vector<FifoSettings> notify_fifos;
    bool operator==(const GlobalSettings&) const = default;
};

/// vrrp_script.
struct ScriptSettings {
    std::string name;
    Command command;
    std::chrono::microseconds interval = std::chrono::seconds{1};
    /// Resolved: never zero (default: the interval).
    std::chrono::microseconds timeout = std::chrono::seconds{1};
    int weight = 0;
    bool reverse = false;
    /// Consecutive results that change the state; 1 or more.
    unsigned rise = 1;
    unsigned fall = 1;
    bool init_fail = false;
    bool operator==(const ScriptSettings&) const = default;
};

/// track_file (vrrp_track_file).
struct TrackedFileSettings {
    std::string name;
    std::string path;
    int weight = 1;
    bool reverse = false;
    /// init_file: the file is created with this value if it does not exist (or overwritten).
    std::optional<int> initial_value;
    bool overwrite = false;
    bool operator==(const TrackedFileSettings&) const = default;
};

/// vrrp_track_process.
struct TrackedProcessSettings {
    enum class Match : std::uint8_t { Name, Exact, Initial, Partial };

    std::string name;
    /// process: the command's name or path and, unless Match::Name, the parameters compared.
    std::vector<std::string> command;
    /// Name: only the command is compared. Exact: all parameters are equal. Initial: the parameters
    /// begin with these, more may follow (param_match partial). Partial: these and then any
    /// characters (param_match initial).
    Match match = Match::Name;
    /// Compare with the whole command line instead of the kernel's 15 byte name.
    bool full_command = false;
    int weight = 0;
    bool reverse = false;
    /// Up while quorum <= processes <= quorum_max.
    unsigned quorum = 1;
    std::optional<unsigned> quorum_max;
    /// How long the number must hold before it counts.
    std::chrono::microseconds fork_delay{0};
    std::chrono::microseconds terminate_delay{0};
    bool operator==(const TrackedProcessSettings&) const = default;
};

/// notify_* of an instance or a group.
struct NotifySettings {
    std::optional<Command> master;
    std::optional<Command> backup;
    std::optional<Command> fault;
    std::optional<Command> stop;
    std::optional<Command> master_rx_lower_priority;
    /// notify: called after the specific one with INSTANCE|GROUP name state priority.
    std::optional<Command> generic;
    /// notify_priority_changes: *_PRIORITY lines to the FIFO.
    bool priority_changes = false;
    bool operator==(const NotifySettings&) const = default;
};

struct InstanceSettings {
    vrrp::InstanceConfig election;
    /// virtual_ipaddress, then virtual_ipaddress_excluded.
    std::vector<netlink::VirtualAddress> addresses;
    netlink::AnnounceSchedule announce;
    /// `@tandem vip_lease SECONDS`. Default: the shortest active down interval any peer can have,
    /// rounded down to whole seconds, at least 1 s. Zero: no lease.
    std::chrono::seconds lease{3};
    /// track_interface, track_script, track_file, track_process, with the weight that holds here
    /// (the line's own, else the object's). Members of a sync group have weights of zero left out
    /// unless the group has sync_group_tracking_weight; objects tracked by the group are included.
    std::vector<vrrp::TrackedObject> tracked;
    NotifySettings notify;
    /// False with dont_track_primary: the instance does not fail with its own interface's link.
    bool track_primary = true;
    /// virtual_routes.
    std::vector<netlink::VirtualRoute> routes;
    bool operator==(const InstanceSettings&) const = default;
};

/// vrrp_sync_group.
struct SyncGroupSettings {
    std::string name;
    /// Names of instances, at least one, each in one group only. One alone is in a group like any
    /// other, as in keepalived: the group is told of, and the weights of its own lines do not
    /// count.
    std::vector<std::string> members;
    NotifySettings notify;
    bool operator==(const SyncGroupSettings&) const = default;
};

struct Model {
    GlobalSettings global;
    /// Only objects that an instance tracks.
    std::vector<ScriptSettings> scripts;
    std::vector<TrackedFileSettings> files;
    std::vector<TrackedProcessSettings> processes;
    std::vector<InstanceSettings> instances;
    std::vector<SyncGroupSettings> groups;
    std::vector<relay::ServiceConfig> services;
    /// Of MISC_CHECK: relay::ProgramCheck::program is an index into these.
    std::vector<Command> check_programs;
};

}  // namespace tandem::config
