// What the control server asks of the node. Implemented by proxy/daemon; the server knows HTTP and
// JSON and nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace tandem::control {

/// Exit codes of tandemctl; part of the stable command line.
enum class ExitCode : std::uint8_t {
    Done = 0,
    Internal = 1,
    Usage = 2,
    Refused = 3,
    RolledBack = 4,
    Degraded = 5,
    Unknown = 6,
    TimedOut = 7,
    NoDaemon = 8,
};

/// Who asked, from SO_PEERCRED; for the audit line.
struct Caller {
    std::uint32_t user_id = 0;
    std::int32_t process_id = 0;
};

struct FailoverRequest {
    /// Empty: all instances.
    std::vector<std::string> instances;
    enum class Direction : std::uint8_t { Switch, ToPeer, Here };
    Direction direction = Direction::Switch;
    bool dry_run = false;
    bool force = false;
    bool no_handover = false;
    /// How long to wait for the peer; nullopt: the daemon's own bound.
    std::optional<std::chrono::milliseconds> timeout;
    /// nullopt: until resume.
    std::optional<std::chrono::milliseconds> hold_for;
    Caller caller;
};

/// What shall become of one upstream of one service, until the daemon ends.
struct UpstreamRequest {
    std::string service;
    std::string upstream;
    enum class Order : std::uint8_t { Ready, Drain, Down, Weight };
    Order order = Order::Ready;
    /// For Order::Weight; nullopt: as configured.
    std::optional<unsigned> weight;
    Caller caller;
};

struct ConnectionsRequest {
    /// Empty: of all services.
    std::string service;
    /// Connections in the answer; further ones are only counted.
    unsigned limit = 1000;
};

struct DisconnectRequest {
    /// As listed.
    std::vector<std::string> ids;
    Caller caller;
};

/// Answer to a command: `code` becomes tandemctl's exit code, `body` is printed with --json,
/// `text` (lines) without. `body` always has "code" and "message".
struct Reply {
    ExitCode code = ExitCode::Done;
    std::string text;
    boost::json::value body;
};
using ReplyHandler = std::function<void(Reply)>;

/// Event list entry as JSON object: {"sequence", "time" (RFC 3339 UTC, ms), "id", "text", ...}.
struct EventQuery {
    /// Only events with a sequence number above this.
    std::uint64_t after_sequence = 0;
    /// Only events at or after this moment.
    std::optional<std::chrono::system_clock::time_point> since;
};

/// Every call and every answer on the control thread. A handler is called exactly once.
class Backend {
  public:
    virtual ~Backend() = default;
    virtual void status(ReplyHandler handler) = 0;
    virtual void failover(const FailoverRequest& request, ReplyHandler handler) = 0;
    virtual void resume(const std::vector<std::string>& instances, const Caller& caller,
                        ReplyHandler handler) = 0;
    virtual void upstream(const UpstreamRequest& request, ReplyHandler handler) = 0;
    /// body: {"connections": [...], "total": N}
    virtual void connections(const ConnectionsRequest& request, ReplyHandler handler) = 0;
    virtual void disconnect(const DisconnectRequest& request, ReplyHandler handler) = 0;
    /// Check a configuration file on the daemon's host with the daemon's config ids.
    virtual void check(const std::string& path, ReplyHandler handler) = 0;
    /// Reads the daemon's own file again and applies the difference, or nothing.
    virtual void reload(const Caller& caller, ReplyHandler handler) = 0;
    virtual void version(ReplyHandler handler) = 0;
    /// body: {"events": [...], "last_sequence": N}
    virtual void events(const EventQuery& query, ReplyHandler handler) = 0;
};

}  // namespace tandem::control
