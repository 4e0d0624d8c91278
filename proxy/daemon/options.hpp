// Command line of tandemd: keepalived's letters, parsed with Boost.Program_options. Pure.
#pragma once

#include <string>
#include <vector>

namespace tandem::daemon {

struct Options {
    std::string config_path = "/etc/tandem/tandem.conf";
    /// -t: check the configuration and exit.
    bool check_only = false;
    /// --check-format json instead of text.
    bool check_json = false;
    /// --explain: print what is known of this keyword and exit. Empty: not asked for.
    std::string explain;
    /// -i: config id for `@id` lines; empty: the host name up to the first dot.
    std::string config_id;
    /// -n: stay in the foreground.
    bool foreground = false;
    /// -l: log to standard error instead of syslog.
    bool log_to_console = false;
    /// -D: debug messages too.
    bool log_detail = false;
    bool log_json = false;
    std::string run_directory = "/run/tandem";
    /// --no-guardian: one process, for a debugger.
    bool no_guardian = false;
    /// For the guardian's own use: the descriptor on which its node talks to it. -1: this process
    /// is not started by a guardian.
    int guardian_channel = -1;
    /// Times the guardian has started the node before.
    unsigned guardian_restarts = 0;
    bool help = false;
    bool version = false;
};

struct ParsedOptions {
    Options options;
    /// Empty: the command line is right. Else what is wrong, for people.
    std::string error;
};

ParsedOptions parse_options(const std::vector<std::string>& arguments);
std::string usage();

}  // namespace tandem::daemon
