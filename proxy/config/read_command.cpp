#include "proxy/config/read_command.hpp"

#include <utility>

namespace tandem::config {
namespace {

/// words: the command or path, user, group.
CommandDraft command_of(const std::vector<Word>& words, const Value& value) {
    CommandDraft draft;
    draft.at = words.front().at;
    draft.text = words.front().text;
    if (words.size() > 1) {
        draft.user = words[1].text;
    }
    if (words.size() > 2) {
        draft.group = words[2].text.substr(words[2].text.starts_with(':') ? 1 : 0);
    }
    if (words.size() > 3) {
        value.reporter.warning(
            words[3].at,
            value.statement.keyword.text + ": '" + words[3].text + "' and what follows is ignored",
            "put a command and its arguments in double quotes");
    }
    return draft;
}

}  // namespace

CommandDraft read_command(const Value& value) {
    const auto words = split_script_words(value.statement.rest);
    return words && !words->empty() ? command_of(*words, value) : CommandDraft{};
}

CommandDraft read_owned_word(const Value& value) {
    return command_of(value.statement.arguments, value);
}

void read_notify(NotifyDraft& notify, const Value& value) {
    constexpr struct {
        std::string_view keyword;
        std::optional<CommandDraft> NotifyDraft::*member;
    } kKinds[] = {
        {"notify_master", &NotifyDraft::master},
        {"notify_backup", &NotifyDraft::backup},
        {"notify_fault", &NotifyDraft::fault},
        {"notify_stop", &NotifyDraft::stop},
        {"notify_master_rx_lower_pri", &NotifyDraft::master_rx_lower_priority},
        {"notify", &NotifyDraft::generic},
    };
    for (const auto& kind : kKinds) {
        if (kind.keyword != value.statement.keyword.text) {
            continue;
        }
        std::optional<CommandDraft>& target = notify.*kind.member;
        if (target) {
            value.reporter.error(
                value.at, value.statement.keyword.text + " is set already; this line is ignored",
                "name one program that does everything");
            return;
        }
        target = read_command(value);
    }
}

}  // namespace tandem::config
