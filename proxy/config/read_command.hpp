// Commands as keepalived writes them: "PROGRAM ARGUMENTS" [USER [[:]GROUP]].
#pragma once

#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"

namespace tandem::config {

/// The value is of Kind::Script. Words that are lost are reported.
CommandDraft read_command(const Value& value);
/// The value is of Kind::Word: a word with a user and a group.
CommandDraft read_owned_word(const Value& value);

/// notify and notify_*; a second one of a kind is reported and ignored.
void read_notify(NotifyDraft& notify, const Value& value);

template <class Target>
void apply_notify(Target& target, const Value& value) {
    read_notify(target.notify, value);
}

template <class Target>
void apply_priority_changes(Target& target, const Value& value) {
    target.notify.priority_changes = value.flag;
}

}  // namespace tandem::config
