// tandemctl: asks the daemon on this host through its control socket.
#include "proxy/control/client.hpp"
#include "proxy/control/command_line.hpp"
#include "proxy/control/connection_view.hpp"
#include "proxy/control/status_view.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <unistd.h>

namespace {

namespace json = boost::json;
using namespace tandem::control;

constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";
constexpr std::chrono::seconds kWatchInterval{1};

bool on_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}

std::string text_field(const json::value& body, std::string_view name) {
    const json::value* value = body.as_object().if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

/// `text` or, when the daemon sent none, its message; always ends with a newline.
std::string text_of(const Answer& answer) {
    std::string text = text_field(answer.body, "text");
    if (text.empty()) {
        text = text_field(answer.body, "message");
    }
    return text.empty() || text.back() != '\n' ? text + "\n" : text;
}

ExitCode report(const Failure& failure, bool as_json) {
    if (as_json) {
        std::cout << json::object{{"code", static_cast<unsigned>(failure.code)},
                                  {"message", failure.message}}
                  << std::endl;
    } else {
        std::cerr << "tandemctl: " << failure.message << std::endl;
    }
    return failure.code;
}

/// What was done goes to stdout, why it was not to stderr.
ExitCode print(const Answer& answer, const std::string& text) {
    const bool done = answer.code == ExitCode::Done || answer.code == ExitCode::Degraded;
    (done ? std::cout : std::cerr) << text << std::flush;
    return answer.code;
}

ExitCode report(const Outcome& outcome, const Invocation& invocation) {
    if (const auto* failure = std::get_if<Failure>(&outcome)) {
        return report(*failure, invocation.json);
    }
    const auto& answer = std::get<Answer>(outcome);
    if (invocation.json) {
        std::cout << answer.body << std::endl;
        return answer.code;
    }
    if (answer.code != ExitCode::Done) {
        return print(answer, text_of(answer));
    }
    if (std::holds_alternative<StatusCommand>(invocation.command)) {
        const bool colour = on_terminal() && std::getenv("NO_COLOR") == nullptr;
        return print(answer,
                     render_status(answer.body, {colour, std::chrono::system_clock::now()}));
    }
    if (std::holds_alternative<ConnectionsRequest>(invocation.command)) {
        return print(answer, render_connections(answer.body));
    }
    const json::value* events = answer.body.as_object().if_contains("events");
    if (events != nullptr && events->is_array()) {
        std::string lines;
        for (const json::value& event : events->get_array()) {
            lines += render_event(event) + "\n";
        }
        return print(answer, lines);
    }
    return print(answer, text_of(answer));
}

ExitCode watch(Client& client, const Invocation& invocation) {
    const bool redraw = on_terminal() && !invocation.json;
    while (true) {
        const Outcome outcome = client.request(invocation.command);
        std::cout << (redraw ? kClearScreen : std::string_view());
        const ExitCode code = report(outcome, invocation);
        if (code != ExitCode::Done || !std::cout) {
            return code;
        }
        std::cout << (redraw || invocation.json ? "" : "\n") << std::flush;
        std::this_thread::sleep_for(kWatchInterval);
    }
}

ExitCode follow(Client& client, const EventsCommand& command, const Invocation& invocation) {
    const Outcome outcome = client.follow(command.query, [&](std::string_view line) {
        boost::system::error_code error;
        const json::value event = json::parse({line.data(), line.size()}, error);
        if (invocation.json || error) {
            std::cout << line << std::endl;
        } else {
            std::cout << render_event(event) << std::endl;
        }
    });
    return report(outcome, invocation);
}

/// Success also without a daemon: the client's own version is an answer.
ExitCode version(Client& client, const Invocation& invocation) {
    const Outcome outcome = client.request(invocation.command);
    const auto* answer = std::get_if<Answer>(&outcome);
    if (invocation.json) {
        std::cout << json::object{{"code", 0},
                                  {"message", "ok"},
                                  {"client", {{"version", TANDEM_VERSION}}},
                                  {"daemon", answer == nullptr ? json::value() : answer->body}}
                  << std::endl;
        return ExitCode::Done;
    }
    std::cout << "tandemctl " TANDEM_VERSION << std::endl;
    if (answer != nullptr) {
        return print(*answer, text_of(*answer));
    }
    std::cout << "tandemd: " << std::get<Failure>(outcome).message << std::endl;
    return ExitCode::Done;
}

ExitCode run(Invocation& invocation) {
    Client client(invocation.run_directory);
    if (auto* check = std::get_if<CheckCommand>(&invocation.command)) {
        const std::string given = check->path;
        // The daemon has another working directory.
        check->path = std::filesystem::absolute(given).string();
        Outcome outcome = client.request(invocation.command);
        if (auto* failure = std::get_if<Failure>(&outcome);
            failure != nullptr && failure->code == ExitCode::NoDaemon) {
            failure->message += "; to check without a daemon: tandemd -t -f " + given;
        }
        return report(outcome, invocation);
    }
    if (const auto* events = std::get_if<EventsCommand>(&invocation.command);
        events != nullptr && events->follow) {
        return follow(client, *events, invocation);
    }
    if (std::holds_alternative<VersionCommand>(invocation.command)) {
        return version(client, invocation);
    }
    return invocation.watch ? watch(client, invocation)
                            : report(client.request(invocation.command), invocation);
}

}  // namespace

int main(int argument_count, char** arguments) {
    try {
        const std::vector<std::string> list(arguments + std::min(argument_count, 1),
                                            arguments + argument_count);
        auto parsed = parse_command_line(list, std::chrono::system_clock::now());
        if (const auto* finished = std::get_if<Finished>(&parsed)) {
            (finished->code == ExitCode::Done ? std::cout : std::cerr) << finished->text;
            return static_cast<int>(finished->code);
        }
        return static_cast<int>(run(std::get<Invocation>(parsed)));
    } catch (const std::exception& error) {
        std::cerr << "tandemctl: internal error: " << error.what() << std::endl;
        return static_cast<int>(ExitCode::Internal);
    }
}
