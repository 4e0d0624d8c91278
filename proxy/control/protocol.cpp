#include "proxy/control/protocol.hpp"

#include "proxy/control/field_reader.hpp"
#include "proxy/control/time_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

namespace tandem::control {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

/// In the order of UpstreamRequest::Order.
constexpr std::array<std::string_view, 4> kOrders{"ready", "drain", "down", "weight"};

using Parsed = std::variant<Command, Response>;

Response bad_request(std::string_view message) {
    return make_error(400, ExitCode::Usage, message);
}

Parsed finish(FieldReader& reader, Command command) {
    const std::string problem = reader.finish();
    if (!problem.empty()) {
        return bad_request(problem);
    }
    return command;
}

constexpr std::string_view kOrderNames = R"(one of "ready", "drain", "down", "weight")";

Parsed parse_failover(std::string_view body) {
    constexpr std::string_view kDirections = R"(one of "switch", "to-peer", "here")";
    FieldReader reader(body);
    FailoverRequest request;
    reader.names("instances", request.instances);
    if (const auto direction = reader.text("direction", kDirections)) {
        if (*direction == "to-peer") {
            request.direction = FailoverRequest::Direction::ToPeer;
        } else if (*direction == "here") {
            request.direction = FailoverRequest::Direction::Here;
        } else if (*direction != "switch") {
            reader.complain("direction", kDirections, json::value(*direction));
        }
    }
    reader.boolean("dry_run", request.dry_run);
    reader.boolean("force", request.force);
    reader.boolean("no_handover", request.no_handover);
    reader.duration("timeout_ms", kMaxFailoverTimeout, request.timeout);
    reader.duration("hold_for_ms", kMaxHold, request.hold_for);
    return finish(reader, std::move(request));
}

Parsed parse_resume(std::string_view body) {
    FieldReader reader(body);
    ResumeCommand command;
    reader.names("instances", command.instances);
    return finish(reader, std::move(command));
}

Parsed parse_upstream(std::string_view body) {
    using Order = UpstreamRequest::Order;
    FieldReader reader(body);
    UpstreamRequest request;
    reader.name("service", request.service);
    reader.name("upstream", request.upstream);
    const std::string order = reader.text("order", kOrderNames).value_or("");
    if (const auto known = order_of(order)) {
        request.order = *known;
    } else {
        reader.refuse("field \"order\" is required: " + std::string(kOrderNames));
    }
    reader.number("weight", kMaxWeight, request.weight);
    if (request.weight && request.order != Order::Weight) {
        reader.refuse("field \"weight\" belongs to the order \"weight\"");
    }
    return finish(reader, std::move(request));
}

Parsed parse_disconnect(std::string_view body) {
    FieldReader reader(body);
    DisconnectRequest request;
    reader.names("ids", request.ids, kMaxIds);
    if (request.ids.empty()) {
        reader.refuse("field \"ids\" is required: 1 to " + std::to_string(kMaxIds) + " ids");
    }
    return finish(reader, std::move(request));
}

Parsed parse_check(std::string_view body) {
    constexpr std::string_view kAllowed = "the absolute path of a file";
    FieldReader reader(body);
    CheckCommand command{reader.text("path", kAllowed).value_or("")};
    const std::string& path = command.path;
    if (path.empty()) {
        reader.refuse("field \"path\" is required: " + std::string(kAllowed));
    } else if (path.front() != '/' || path.size() > kMaxPathLength ||
               path.find('\0') != std::string::npos) {
        reader.complain("path", kAllowed, json::value(path));
    }
    return finish(reader, std::move(command));
}

Parsed parse_reload(std::string_view body) {
    FieldReader reader(body);
    return finish(reader, ReloadCommand{});
}

/// Undoes percent-encoding; nullopt for a broken escape.
std::optional<std::string> decode(std::string_view text) {
    std::string result;
    for (std::size_t index = 0; index < text.size(); ++index) {
        if (text[index] != '%') {
            result += text[index];
            continue;
        }
        const std::string_view digits = text.substr(index + 1, 2);
        unsigned value = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2) {
            return std::nullopt;
        }
        result += static_cast<char>(value);
        index += 2;
    }
    return result;
}

/// The inverse: everything but letters, digits and what names consist of is escaped.
std::string encode(std::string_view text) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-";
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string result;
    for (const char character : text) {
        if (kPlain.find(character) != std::string_view::npos) {
            result += character;
        } else {
            const auto byte = static_cast<unsigned char>(character);
            result += '%';
            result += kHex[byte >> 4U];
            result += kHex[byte & 0x0fU];
        }
    }
    return result;
}

/// One "name=value" of the query of /v1/events; returns the complaint.
std::string apply_event_parameter(EventsCommand& command, std::string_view name,
                                  const std::string& value) {
    if (name == "after") {
        const char* const end = value.data() + value.size();
        const auto [parsed, error] =
            std::from_chars(value.data(), end, command.query.after_sequence);
        if (error != std::errc() || parsed != end) {
            return "parameter \"after\": expected a sequence number, got " + quoted(value);
        }
    } else if (name == "since") {
        command.query.since = parse_rfc3339(value);
        if (!command.query.since) {
            return "parameter \"since\": expected a time like 2026-01-31T12:00:00Z, got " +
                   quoted(value);
        }
    } else if (name == "follow") {
        if (value != "0" && value != "1") {
            return "parameter \"follow\": expected 0 or 1, got " + quoted(value);
        }
        command.follow = value == "1";
    } else {
        return "unknown parameter " + quoted(name) + "; allowed: after, since, follow";
    }
    return {};
}

std::string apply_connections_parameter(ConnectionsRequest& request, std::string_view name,
                                        const std::string& value) {
    if (name == "service") {
        if (value.empty() || value.size() > kMaxNameLength) {
            return "parameter \"service\": expected 1 to " + std::to_string(kMaxNameLength) +
                   " characters";
        }
        request.service = value;
    } else if (name == "limit") {
        const char* const end = value.data() + value.size();
        const auto [parsed, error] = std::from_chars(value.data(), end, request.limit);
        if (error != std::errc() || parsed != end || request.limit > kMaxConnections) {
            return "parameter \"limit\": expected 0 to " + std::to_string(kMaxConnections) +
                   ", got " + quoted(value);
        }
    } else {
        return "unknown parameter " + quoted(name) + "; allowed: service, limit";
    }
    return {};
}

/// The command of a query "name=value&…", each given to `apply`.
template <class Wanted>
Parsed parse_query(std::string_view query,
                   std::string (*apply)(Wanted&, std::string_view, const std::string&)) {
    Wanted command;
    while (!query.empty()) {
        const std::string_view parameter = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), parameter.size() + 1));
        const std::size_t equals = parameter.find('=');
        if (equals == std::string_view::npos) {
            return bad_request("parameter " + quoted(parameter) + " has no value");
        }
        const auto value = decode(parameter.substr(equals + 1));
        if (!value) {
            return bad_request("parameter " + quoted(parameter) + ": broken percent-encoding");
        }
        const std::string problem = apply(command, parameter.substr(0, equals), *value);
        if (!problem.empty()) {
            return bad_request(problem);
        }
    }
    return command;
}

Parsed parse_events(std::string_view query) {
    return parse_query(query, apply_event_parameter);
}

Parsed parse_connections(std::string_view query) {
    return parse_query(query, apply_connections_parameter);
}

struct Resource {
    std::string_view path;
    std::string_view method;
    /// Gets the query for GET, the body for POST.
    Parsed (*parse)(std::string_view input);
};

constexpr std::array kResources{
    Resource{"/v1/status", "GET", [](std::string_view) -> Parsed { return StatusCommand{}; }},
    Resource{"/v1/version", "GET", [](std::string_view) -> Parsed { return VersionCommand{}; }},
    Resource{"/v1/events", "GET", parse_events},
    Resource{"/v1/failover", "POST", parse_failover},
    Resource{"/v1/resume", "POST", parse_resume},
    Resource{"/v1/upstream", "POST", parse_upstream},
    Resource{"/v1/connections", "GET", parse_connections},
    Resource{"/v1/disconnect", "POST", parse_disconnect},
    Resource{"/v1/check", "POST", parse_check},
    Resource{"/v1/reload", "POST", parse_reload},
};

json::value optional_milliseconds(const std::optional<milliseconds>& duration) {
    return duration ? json::value(duration->count()) : json::value(nullptr);
}

std::string_view direction_name(FailoverRequest::Direction direction) {
    switch (direction) {
        case FailoverRequest::Direction::Switch:
            return "switch";
        case FailoverRequest::Direction::ToPeer:
            return "to-peer";
        case FailoverRequest::Direction::Here:
            return "here";
    }
    return "switch";
}

Request request_of(const StatusCommand&) {
    return {"GET", "/v1/status", {}};
}
Request request_of(const VersionCommand&) {
    return {"GET", "/v1/version", {}};
}
Request request_of(const ReloadCommand&) {
    return {"POST", "/v1/reload", "{}"};
}
Request request_of(const CheckCommand& command) {
    return {"POST", "/v1/check", json::serialize(json::object{{"path", command.path}})};
}
Request request_of(const ResumeCommand& command) {
    const json::object body{{"instances", json::value_from(command.instances)}};
    return {"POST", "/v1/resume", json::serialize(body)};
}
Request request_of(const FailoverRequest& request) {
    const json::object body{{"instances", json::value_from(request.instances)},
                            {"direction", direction_name(request.direction)},
                            {"dry_run", request.dry_run},
                            {"force", request.force},
                            {"no_handover", request.no_handover},
                            {"timeout_ms", optional_milliseconds(request.timeout)},
                            {"hold_for_ms", optional_milliseconds(request.hold_for)}};
    return {"POST", "/v1/failover", json::serialize(body)};
}
Request request_of(const UpstreamRequest& request) {
    json::object body{{"service", request.service},
                      {"upstream", request.upstream},
                      {"order", name_of(request.order)}};
    if (request.weight) {
        body["weight"] = *request.weight;
    }
    return {"POST", "/v1/upstream", json::serialize(body)};
}
Request request_of(const ConnectionsRequest& request) {
    std::string target = "/v1/connections?limit=" + std::to_string(request.limit);
    if (!request.service.empty()) {
        target += "&service=" + encode(request.service);
    }
    return {"GET", target, {}};
}
Request request_of(const DisconnectRequest& request) {
    const json::object body{{"ids", json::value_from(request.ids)}};
    return {"POST", "/v1/disconnect", json::serialize(body)};
}
Request request_of(const EventsCommand& command) {
    std::string target = "/v1/events?after=" + std::to_string(command.query.after_sequence);
    if (command.query.since) {
        target += "&since=" + format_rfc3339(*command.query.since);
    }
    return {"GET", target + (command.follow ? "&follow=1" : ""), {}};
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

std::string_view name_of(UpstreamRequest::Order order) {
    return kOrders.at(static_cast<std::size_t>(order));
}

std::optional<UpstreamRequest::Order> order_of(std::string_view name) {
    const auto* const found = std::find(kOrders.begin(), kOrders.end(), name);
    if (found == kOrders.end()) {
        return std::nullopt;
    }
    return static_cast<UpstreamRequest::Order>(found - kOrders.begin());
}

std::variant<Command, Response> parse_request(std::string_view method, std::string_view target,
                                              std::string_view body) {
    const std::size_t mark = target.find('?');
    const std::string_view path = target.substr(0, mark);
    const std::string_view query =
        mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
    std::string known;
    for (const Resource& resource : kResources) {
        known += (known.empty() ? "" : ", ") + std::string(resource.path);
        if (resource.path != path) {
            continue;
        }
        if (resource.method != method) {
            Response response =
                make_error(405, ExitCode::Usage,
                           std::string(path) + " is for " + std::string(resource.method));
            response.allow = resource.method;
            return response;
        }
        return resource.parse(method == "GET" ? query : body);
    }
    return make_error(404, ExitCode::Usage, "no resource " + quoted(path) + "; there are " + known);
}

Request to_request(const Command& command) {
    return std::visit([](const auto& value) { return request_of(value); }, command);
}

unsigned http_status(ExitCode code) {
    switch (code) {
        case ExitCode::Done:
        case ExitCode::Degraded:
            return 200;
        case ExitCode::Usage:
            return 400;
        case ExitCode::Refused:
        case ExitCode::RolledBack:
            return 409;
        case ExitCode::Unknown:
        case ExitCode::TimedOut:
            return 504;
        case ExitCode::Internal:
        case ExitCode::NoDaemon:
            return 500;
    }
    return 500;
}

Response to_response(const Reply& reply) {
    json::object object;
    object["code"] = static_cast<unsigned>(reply.code);
    object["message"] = first_line(reply.text);
    object["text"] = reply.text;
    if (const json::object* body = reply.body.if_object()) {
        for (const auto& field : *body) {
            if (field.key() != "code") {
                object[field.key()] = field.value();
            }
        }
    }
    return {http_status(reply.code), json::serialize(object) + "\n", {}};
}

Response make_error(unsigned status, ExitCode code, std::string_view message) {
    json::object object;
    object["code"] = static_cast<unsigned>(code);
    object["message"] = message;
    object["text"] = message;
    return {status, json::serialize(object) + "\n", {}};
}

}  // namespace tandem::control
