#include "proxy/config/resolve_command.hpp"

#include <utility>

namespace tandem::config {
namespace {

constexpr const char* kDefaultUser = "keepalived_script";
constexpr const char* kScriptUser = "script_user";

}  // namespace

CommandResolver::CommandResolver(const BuildContext& context)
    : context_(context), reporter_(context.reporter) {}

std::optional<Command> CommandResolver::resolve(const CommandDraft& draft,
                                                const std::string& what) {
    Command command;
    command.arguments = split_command(draft.text);
    if (command.arguments.empty() || command.arguments.front().empty()) {
        reporter_.error(draft.at, what + ": a command is missing; it is not run",
                        "name the program with its full path");
        return std::nullopt;
    }
    const auto account = this->account(draft, what);
    if (!account) {
        return std::nullopt;
    }
    command.uid = account->uid;
    command.gid = account->gid;
    command.user = draft.user.empty() ? default_user_ : draft.user;
    command.group = draft.user.empty() ? default_group_ : draft.group;
    if (!find_program(command, draft, what) || !check_program(command, draft.at, what)) {
        return std::nullopt;
    }
    return command;
}

std::optional<Account> CommandResolver::account(const CommandDraft& draft,
                                                const std::string& what) {
    if (draft.user.empty()) {
        if (!default_known_) {
            default_known_ = true;
            set_default_account(draft.at);
        }
        return default_account_;
    }
    auto account = context_.environment.user(draft.user);
    if (account && !draft.group.empty()) {
        const auto group = context_.environment.group(draft.group);
        if (!group) {
            account.reset();
        } else {
            account->gid = *group;
        }
    }
    if (account) {
        return account;
    }
    if (!context_.check_host) {
        return context_.environment.own_account();
    }
    const bool for_all = what == kScriptUser;
    reporter_.error(
        draft.at,
        what + ": user '" + draft.user + "'" +
            (draft.group.empty() ? "" : " or group '" + draft.group + "'") + " does not exist; " +
            (for_all ? "commands without a user of their own are not run" : "it is not run"),
        for_all ? "create it" : "create it; a command with arguments goes into double quotes");
    return std::nullopt;
}

void CommandResolver::set_default_account(Position at) {
    const auto& script_user = context_.drafts.global.script_user;
    if (script_user) {
        default_user_ = script_user->user;
        default_group_ = script_user->group;
        default_account_ = account(*script_user, kScriptUser);
        return;
    }
    if (const auto account = context_.environment.user(kDefaultUser)) {
        default_user_ = kDefaultUser;
        default_account_ = account;
        return;
    }
    default_account_ = context_.environment.own_account();
    if (default_account_->uid == 0 && context_.check_host) {
        reporter_.note(at, "scripts run as root: script_user is not set",
                       "write script_user NAME in global_defs, or create the user " +
                           std::string(kDefaultUser));
    }
}

bool CommandResolver::find_program(Command& command, const CommandDraft& draft,
                                   const std::string& what) {
    std::string& program = command.arguments.front();
    if (program.starts_with('<')) {
        reporter_.error(draft.at,
                        what + ": '" + program +
                            "' is shell syntax, and no shell is involved; it "
                            "is not run",
                        "write a script that begins with #!/bin/sh and name it here");
        return false;
    }
    if (program.starts_with('/')) {
        return true;
    }
    if (program.find('/') != std::string::npos) {
        reporter_.error(draft.at, what + ": '" + program + "' is no full path; it is not run",
                        "begin it with /");
        return false;
    }
    const auto found = context_.environment.find_program(program);
    if (!found) {
        if (context_.check_host) {
            reporter_.error(draft.at,
                            what + ": there is no program '" + program + "'; it is not run",
                            "install it, or name the program with its full path");
        }
        return !context_.check_host;
    }
    reporter_.warning(draft.at, what + ": '" + program + "' has no path; " + *found + " is run",
                      "name the program with its full path");
    program = *found;
    return true;
}

bool CommandResolver::check_program(const Command& command, Position at, const std::string& what) {
    if (!context_.check_host) {
        return true;
    }
    const std::string& path = command.arguments.front();
    const Program program = context_.environment.program(path, {command.uid, command.gid});
    switch (program.state) {
        case Program::State::Missing:
            reporter_.error(at, what + ": " + path + ": " + program.reason + "; it is not run",
                            "check the path");
            return false;
        case Program::State::NotExecutable:
            reporter_.error(
                at,
                what + ": " + path + " cannot be run by user " +
                    (command.user.empty() ? std::to_string(command.uid) : command.user) + ": " +
                    program.reason + "; it is not run",
                "chmod +x " + path);
            return false;
        case Program::State::NoInterpreter:
            reporter_.error(
                at,
                what + ": " + path + " is neither a program nor a script with #!; it is not run",
                "begin the file with #!/bin/sh");
            return false;
        case Program::State::Usable:
            break;
    }
    const bool as_root = command.uid == 0 || command.gid == 0;
    if (program.insecure.empty() || !as_root) {
        return true;
    }
    const bool refused = context_.drafts.global.script_security;
    reporter_.security(at,
                       what + ": others than root can change what runs as root: " +
                           program.insecure + (refused ? "; it is not run" : ""),
                       refused ? "correct the permissions, or run it as another user"
                               : "correct the permissions; enable_script_security refuses such "
                                 "scripts");
    return !refused;
}

}  // namespace tandem::config
