// What a command of the file means on this host: program, arguments, account, and whether others
// could change what runs.
#pragma once

#include "proxy/config/draft.hpp"

#include <optional>
#include <string>

namespace tandem::config {

class CommandResolver {
  public:
    explicit CommandResolver(const BuildContext& context);

    /// `what` names the command in messages ("vrrp_script 'web'", "(A) notify_master").
    /// @returns nothing when it cannot or must not be run; that is reported.
    std::optional<Command> resolve(const CommandDraft& draft, const std::string& what);
    /// The account of a draft; nothing when it does not exist, which is reported.
    std::optional<Account> account(const CommandDraft& draft, const std::string& what);

  private:
    bool find_program(Command& command, const CommandDraft& draft, const std::string& what);
    bool check_program(const Command& command, Position at, const std::string& what);
    void set_default_account(Position at);

    const BuildContext& context_;
    Reporter& reporter_;
    /// Of commands that name no user; nothing: script_user does not exist, which was reported.
    std::optional<Account> default_account_;
    bool default_known_ = false;
    std::string default_user_;
    std::string default_group_;
};

}  // namespace tandem::config
