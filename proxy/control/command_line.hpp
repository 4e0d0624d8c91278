// tandemctl's command line: arguments → command, help text or usage error. Pure.
#pragma once

#include "proxy/control/protocol.hpp"

#include <chrono>
#include <string>
#include <variant>
#include <vector>

namespace tandem::control {

struct Invocation {
    std::string run_directory = "/run/tandem";
    /// Print the daemon's JSON instead of text.
    bool json = false;
    /// status again each second.
    bool watch = false;
    /// CheckCommand::path is as given, perhaps relative to the working directory.
    Command command;
};

/// Nothing to do any more than to print: help on stdout with code Done, an error on stderr with
/// code Usage.
struct Finished {
    ExitCode code = ExitCode::Done;
    std::string text;
};

/// `arguments` without the program's name. `now` turns "--since 5m" into a moment.
std::variant<Invocation, Finished> parse_command_line(const std::vector<std::string>& arguments,
                                                      std::chrono::system_clock::time_point now);

}  // namespace tandem::control
