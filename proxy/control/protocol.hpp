// The control protocol without its transport: HTTP request → typed command, answer → HTTP status
// and JSON. Pure; takes bytes from anyone who may open the socket, so every field is checked and
// bounded here. The resources are listed in server.hpp.
#pragma once

#include "proxy/control/backend.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tandem::control {

constexpr std::size_t kMaxInstances = 256;
constexpr std::size_t kMaxNameLength = 128;
constexpr std::size_t kMaxPathLength = 4095;
/// Of an upstream; the field "weight" left out: as configured.
constexpr unsigned kMaxWeight = 65535;
/// In one answer to connections.
constexpr unsigned kMaxConnections = 10'000;
/// In one disconnect.
constexpr std::size_t kMaxIds = 1024;
/// Longest "timeout_ms" of a failover.
constexpr std::chrono::milliseconds kMaxFailoverTimeout = std::chrono::hours(1);
/// Longest "hold_for_ms"; leave the field out to hold until resume.
constexpr std::chrono::milliseconds kMaxHold = std::chrono::days(366);

struct StatusCommand {};
struct VersionCommand {};
struct ReloadCommand {};
struct ResumeCommand {
    /// Empty: all instances.
    std::vector<std::string> instances;
};
struct CheckCommand {
    /// Absolute.
    std::string path;
};
struct EventsCommand {
    EventQuery query;
    bool follow = false;
};
/// The caller of a request is filled in by the server.
using Command = std::variant<StatusCommand, VersionCommand, FailoverRequest, ResumeCommand,
                             CheckCommand, EventsCommand, UpstreamRequest, ConnectionsRequest,
                             DisconnectRequest, ReloadCommand>;

/// "ready", "drain", "down", "weight".
std::string_view name_of(UpstreamRequest::Order order);
std::optional<UpstreamRequest::Order> order_of(std::string_view name);

/// What goes back: a status line and one JSON object, ended by a newline.
struct Response {
    unsigned status = 200;
    std::string body;
    /// For status 405: the method that would be allowed.
    std::string allow;
};

/// `target` is the request target in origin form, such as /v1/events?follow=1. Anything wrong gives
/// the finished Response, whose message names the field and what is allowed. Never throws except
/// std::bad_alloc; the caller bounds the size of `body`.
std::variant<Command, Response> parse_request(std::string_view method, std::string_view target,
                                              std::string_view body);

/// A request as the client sends it; parse_request() of it gives `command` back, caller excepted.
struct Request {
    std::string method;
    std::string target;
    std::string body;
};
Request to_request(const Command& command);

/// 200 done and degraded, 400 usage, 409 refused and rolled back, 504 timed out and unknown,
/// otherwise 500.
unsigned http_status(ExitCode code);

/// {"code", "message", "text", …body…}: "code" is always reply.code; a "message" or "text" in the
/// body stays, else "text" is reply.text and "message" its first line.
Response to_response(const Reply& reply);

/// A refusal by the protocol or the server itself.
Response make_error(unsigned status, ExitCode code, std::string_view message);

}  // namespace tandem::control
