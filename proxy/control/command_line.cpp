#include "proxy/control/command_line.hpp"

#include "proxy/control/time_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>

namespace tandem::control {
namespace {

namespace po = boost::program_options;
using std::chrono::milliseconds;
using Arguments = std::vector<std::string>;
using TimePoint = std::chrono::system_clock::time_point;

/// What is wrong, for a person; thrown inside this file only, beside Boost's own po::error.
class UsageError : public po::error {
  public:
    using po::error::error;
};

struct CommandHelp {
    const char* name;
    const char* usage;
    const char* summary;
    /// Ends with a newline.
    const char* details;
};

constexpr std::array kCommands{
    CommandHelp{"status", "status [--watch]", "instances, addresses, peer, services, upstreams",
                "Shows what the daemon is doing and why.\n"},
    CommandHelp{"failover",
                "failover [INSTANCE...] [--to-peer|--here] [--dry-run] [--force]\n"
                "                 [--timeout S] [--hold-for TIME] [--no-handover]",
                "move instances (default: all) to the other node",
                "Works on either node. Without --to-peer and --here the instances change sides.\n"
                "The node that gave up then holds: it does not preempt until resume, the end\n"
                "of --hold-for, or the loss of the peer. TIME is a number with a unit: 90s, 5m,\n"
                "2h, 1d.\n"},
    CommandHelp{"resume", "resume [INSTANCE...]", "end a hold; normal election again",
                "Without INSTANCE: all of them.\n"},
    CommandHelp{"events", "events [--follow] [--since TIME]",
                "every transition of the election and its cause",
                "TIME is a moment like 2026-01-31T12:00:00Z, or how long ago: 90s, 5m, 2h, 1d.\n"},
    CommandHelp{"upstream", "upstream SERVICE UPSTREAM drain|ready|down|weight [N|default]",
                "give an upstream no new connections, or another weight",
                "SERVICE and UPSTREAM as status names them. The order holds until the daemon\n"
                "ends. It goes on top of the health checks: ready lets them decide again.\n"
                "  drain   no new connections; it counts as up, and those it has go on\n"
                "  down    as drain, and it counts as down, for the quorum and for backups\n"
                "  ready   the end of drain and down\n"
                "  weight  0 to 65535 from now on; without N the configured one again\n"
                "Open connections go on, but for down with reset_on_down.\n"},
    CommandHelp{"connections", "connections [SERVICE] [--limit N]", "the open connections",
                "Oldest first; all services, or the one named as in status.\n"},
    CommandHelp{"disconnect", "disconnect ID...", "end connections, resetting both sides",
                "IDs are those of connections and of the access log.\n"},
    CommandHelp{"reload", "reload", "read the configuration again and apply the difference",
                "The daemon reads its own file. When that cannot be used, or changes what needs a\n"
                "restart, nothing is changed and the answer says why. Connections go on.\n"},
    CommandHelp{"check", "check FILE", "check a configuration file with the running daemon",
                "Without a daemon use: tandemd -t -f FILE\n"},
    CommandHelp{"version", "version", "versions of tandemctl and of the daemon", ""},
};

constexpr std::array<std::string_view, 1> kLaterCommands{"metrics"};

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 internal error, 2 usage, 3 refused by a pre-check,\n"
    "  4 rolled back (nothing changed), 5 done but connections were lost,\n"
    "  6 outcome unknown, 7 timed out before anything began, 8 no daemon.\n";

po::options_description common_options() {
    po::options_description options("Common options");
    options.add_options()             //
        ("help,h", "show this help")  //
        ("run-dir", po::value<std::string>()->value_name("DIR")->default_value("/run/tandem"),
         "directory of the daemon's control socket")  //
        ("json", "print the daemon's answer as JSON");
    return options;
}

po::options_description command_options(std::string_view name) {
    const auto text = [](const char* value_name) {
        return po::value<std::string>()->value_name(value_name);
    };
    po::options_description options("Options");
    if (name == "status") {
        options.add_options()("watch", "show again each second until interrupted");
    } else if (name == "failover") {
        options.add_options()                                                            //
            ("to-peer", "the peer shall be active")                                      //
            ("here", "this node shall be active")                                        //
            ("dry-run", "only run the pre-checks")                                       //
            ("force", "go on although a pre-check fails that may be forced")             //
            ("timeout", text("S"), "seconds to wait for the other node (at most 3600)")  //
            ("hold-for", text("TIME"), "hold at most this long")                         //
            ("no-handover", "do not move live connections, reset them");
    } else if (name == "connections") {
        options.add_options()("limit", text("N"), "list at most so many (1000)");
    } else if (name == "events") {
        options.add_options()                                   //
            ("follow", "go on with new events as they happen")  //
            ("since", text("TIME"), "only events since then");
    }
    return options;
}

std::string program_help() {
    std::ostringstream text;
    text << "Usage: tandemctl [--run-dir DIR] [--json] COMMAND\n\nCommands:\n";
    for (const CommandHelp& command : kCommands) {
        const std::string name = command.name;
        text << "  " << name << std::string(12 - name.size(), ' ') << command.summary << '\n';
    }
    text << '\n'
         << common_options() << "\nMore about one command: tandemctl COMMAND --help\n"
         << kExitCodes;
    return text.str();
}

std::string command_help(const CommandHelp& command) {
    std::ostringstream text;
    text << "Usage: tandemctl " << command.usage << "\n\n" << command.details;
    const po::options_description options = command_options(command.name);
    if (!options.options().empty()) {
        text << '\n' << options;
    }
    text << '\n' << common_options();
    return text.str();
}

/// Abbreviated options would become ambiguous as soon as a new one is added.
constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;

po::variables_map parse(const Arguments& arguments, const po::options_description& options,
                        bool positional) {
    po::options_description all;
    all.add(options);
    po::positional_options_description positions;
    if (positional) {
        all.add_options()("operand", po::value<Arguments>());
        positions.add("operand", -1);
    }
    po::variables_map values;
    po::store(
        po::command_line_parser(arguments).options(all).positional(positions).style(kStyle).run(),
        values);
    return values;
}

/// Index of the command; the number of arguments if there is none.
std::size_t find_command(const Arguments& arguments) {
    std::size_t index = 0;
    while (index < arguments.size() && arguments[index].starts_with('-')) {
        index += arguments[index] == "--run-dir" ? 2U : 1U;
    }
    return std::min(index, arguments.size());
}

std::optional<std::string> value_of(const po::variables_map& values, const std::string& name) {
    if (values.count(name) == 0) {
        return std::nullopt;
    }
    return values[name].as<std::string>();
}

Arguments operands(const po::variables_map& values) {
    return values.count("operand") == 0 ? Arguments() : values["operand"].as<Arguments>();
}

void expect_no_operands(const po::variables_map& values, std::string_view command) {
    if (!operands(values).empty()) {
        throw UsageError(std::string(command) + " takes no argument, got '" +
                         operands(values).front() + "'");
    }
}

FailoverRequest failover_request(const po::variables_map& values) {
    FailoverRequest request;
    request.instances = operands(values);
    if (values.count("to-peer") != 0 && values.count("here") != 0) {
        throw UsageError("--to-peer and --here exclude each other");
    }
    if (values.count("to-peer") != 0) {
        request.direction = FailoverRequest::Direction::ToPeer;
    } else if (values.count("here") != 0) {
        request.direction = FailoverRequest::Direction::Here;
    }
    request.dry_run = values.count("dry-run") != 0;
    request.force = values.count("force") != 0;
    request.no_handover = values.count("no-handover") != 0;
    if (const auto text = value_of(values, "timeout")) {
        const bool bare = text->find_first_not_of("0123456789.") == std::string::npos;
        request.timeout = parse_duration(bare ? *text + "s" : *text);
        if (!request.timeout || *request.timeout > kMaxFailoverTimeout) {
            throw UsageError("--timeout: expected seconds, at most 3600, got '" + *text + "'");
        }
    }
    if (const auto text = value_of(values, "hold-for")) {
        request.hold_for = parse_duration(*text);
        if (!request.hold_for) {
            throw UsageError("--hold-for: expected a time like 90s, 5m, 2h or 1d, got '" + *text +
                             "'");
        }
    }
    return request;
}

EventsCommand events_command(const po::variables_map& values, TimePoint now) {
    expect_no_operands(values, "events");
    EventsCommand command;
    command.follow = values.count("follow") != 0;
    if (const auto text = value_of(values, "since")) {
        command.query.since = parse_rfc3339(*text);
        if (const auto ago = parse_duration(*text)) {
            command.query.since = now - *ago;
        }
        if (!command.query.since) {
            throw UsageError(
                "--since: expected a time like 2026-01-31T12:00:00Z, or how long ago like 5m, "
                "got '" +
                *text + "'");
        }
    }
    return command;
}

CheckCommand check_command(const po::variables_map& values) {
    const Arguments files = operands(values);
    if (files.size() != 1 || files.front().empty()) {
        throw UsageError("check needs exactly one FILE");
    }
    return {files.front()};
}

/// @param expected what is wrong otherwise.
unsigned number_of(const std::string& text, unsigned most, const std::string& expected) {
    const char* const end = text.data() + text.size();
    unsigned number = 0;
    const auto [parsed, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || parsed != end || number > most) {
        throw UsageError(expected + " from 0 to " + std::to_string(most) + ", got '" + text + "'");
    }
    return number;
}

UpstreamRequest upstream_request(const po::variables_map& values) {
    const Arguments words = operands(values);
    if (words.size() < 3) {
        throw UsageError("upstream needs SERVICE UPSTREAM and drain, ready, down or weight");
    }
    const auto order = order_of(words[2]);
    if (!order) {
        throw UsageError("expected drain, ready, down or weight, got '" + words[2] + "'");
    }
    UpstreamRequest request{words[0], words[1], *order, std::nullopt, {}};
    const bool with_weight = *order == UpstreamRequest::Order::Weight && words.size() > 3;
    if (words.size() > (with_weight ? 4U : 3U)) {
        throw UsageError("nothing may follow here, got '" + words[with_weight ? 4 : 3] + "'");
    }
    if (with_weight && words[3] != "default") {
        request.weight = number_of(words[3], kMaxWeight, "weight: expected default, or a number");
    }
    return request;
}

ConnectionsRequest connections_request(const po::variables_map& values) {
    const Arguments services = operands(values);
    if (services.size() > 1) {
        throw UsageError("connections takes one SERVICE, got '" + services[1] + "' too");
    }
    ConnectionsRequest request;
    if (!services.empty()) {
        request.service = services.front();
    }
    if (const auto text = value_of(values, "limit")) {
        request.limit = number_of(*text, kMaxConnections, "--limit: expected a number");
    }
    return request;
}

DisconnectRequest disconnect_request(const po::variables_map& values) {
    DisconnectRequest request{operands(values), {}};
    if (request.ids.empty() || request.ids.size() > kMaxIds) {
        throw UsageError("disconnect needs 1 to " + std::to_string(kMaxIds) + " IDs");
    }
    return request;
}

Command make_command(std::string_view name, const po::variables_map& values, TimePoint now) {
    if (name == "failover") {
        return failover_request(values);
    }
    if (name == "resume") {
        return ResumeCommand{operands(values)};
    }
    if (name == "events") {
        return events_command(values, now);
    }
    if (name == "upstream") {
        return upstream_request(values);
    }
    if (name == "connections") {
        return connections_request(values);
    }
    if (name == "disconnect") {
        return disconnect_request(values);
    }
    if (name == "check") {
        return check_command(values);
    }
    expect_no_operands(values, name);
    if (name == "reload") {
        return ReloadCommand{};
    }
    return name == "status" ? Command(StatusCommand{}) : Command(VersionCommand{});
}

void apply_common(const po::variables_map& values, Invocation& invocation) {
    if (!values["run-dir"].defaulted()) {
        invocation.run_directory = values["run-dir"].as<std::string>();
    }
    if (invocation.run_directory.empty()) {
        throw UsageError("--run-dir: expected a directory, got nothing");
    }
    invocation.json = invocation.json || values.count("json") != 0;
    invocation.watch = invocation.watch || values.count("watch") != 0;
}

std::variant<Invocation, Finished> parse_all(const Arguments& arguments, TimePoint now) {
    const std::size_t index = find_command(arguments);
    const auto middle = arguments.begin() + static_cast<std::ptrdiff_t>(index);
    Invocation invocation;
    const auto before = parse({arguments.begin(), middle}, common_options(), false);
    if (before.count("help") != 0) {
        return Finished{ExitCode::Done, program_help()};
    }
    apply_common(before, invocation);
    if (middle == arguments.end()) {
        throw UsageError("no command given");
    }
    const std::string& name = *middle;
    if (std::find(kLaterCommands.begin(), kLaterCommands.end(), name) != kLaterCommands.end()) {
        throw UsageError("this version does not have the command '" + name + "'");
    }
    const auto* const command =
        std::find_if(kCommands.begin(), kCommands.end(),
                     [&](const CommandHelp& candidate) { return candidate.name == name; });
    if (command == kCommands.end()) {
        throw UsageError("unknown command '" + name + "'");
    }
    po::options_description options = command_options(name);
    options.add(common_options());
    const auto after = parse({middle + 1, arguments.end()}, options, true);
    if (after.count("help") != 0) {
        return Finished{ExitCode::Done, command_help(*command)};
    }
    apply_common(after, invocation);
    invocation.command = make_command(name, after, now);
    return invocation;
}

}  // namespace

std::variant<Invocation, Finished> parse_command_line(const Arguments& arguments, TimePoint now) {
    try {
        return parse_all(arguments, now);
    } catch (const po::error& error) {
        return Finished{ExitCode::Usage,
                        "tandemctl: " + std::string(error.what()) + "\nSee: tandemctl --help\n"};
    }
}

}  // namespace tandem::control
