// What instances track: vrrp_script, track_file, vrrp_track_process and the lines that name them.
#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"
#include "proxy/config/keyword_lists.hpp"
#include "proxy/config/read_command.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

using namespace std::chrono_literals;
using vrrp::TrackKind;

constexpr std::size_t kLongestInterface = 15;
constexpr int kMostWeight = 253;
/// A file may count 254, and then -1 in it is a fault.
constexpr int kMostFileWeight = 254;
constexpr auto kLongestDuration = std::chrono::hours{24 * 31};

int most_weight(TrackKind kind) {
    return kind == TrackKind::File || kind == TrackKind::Process ? kMostFileWeight : kMostWeight;
}

/// [weight W [reverse|noreverse]] behind the name.
void read_track_options(TrackDraft& draft, const Statement& line, Reporter& reporter) {
    const int most = most_weight(draft.kind);
    for (std::size_t i = 0; i < line.arguments.size(); ++i) {
        const Word& option = line.arguments[i];
        if (option.text == "weight" && i + 1 < line.arguments.size()) {
            const Word& word = line.arguments[++i];
            const auto number = parse_integer(word.text);
            if (!number || *number < -most || *number > most) {
                reporter.error(word.at, "weight '" + word.text + "' is not possible and is ignored",
                               "allowed: -" + std::to_string(most) + " to " + std::to_string(most));
                continue;
            }
            draft.weight = static_cast<int>(*number);
        } else if (option.text == "reverse" || option.text == "noreverse") {
            draft.reverse = option.text == "reverse";
        } else {
            reporter.error(option.at, "unknown option '" + option.text + "' is ignored",
                           "write NAME weight NUMBER [reverse]");
        }
    }
}

/// weight W [reverse] of an object.
template <class Settings>
void read_weight(Settings& settings, const Value& value) {
    settings.weight = static_cast<int>(value.integer);
    settings.reverse = false;
    if (value.statement.arguments.size() < 2) {
        return;
    }
    const Word& option = value.statement.arguments[1];
    settings.reverse = option.text == "reverse";
    if (!settings.reverse) {
        value.reporter.error(option.at, "unknown option '" + option.text + "' is ignored",
                             "write weight NUMBER [reverse]");
    }
}

void read_script_command(ScriptDraft& script, const Value& value) {
    script.command = {value.word, script.command.user, script.command.group, value.at};
    const auto words = split_script_words(value.statement.rest);
    if (words && words->size() > 1) {
        // Lost in keepalived without a message.
        value.reporter.warning((*words)[1].at,
                               "only '" + value.word + "' is the command; the rest is ignored",
                               "put the command and its arguments in double quotes");
    }
}

void read_script_user(ScriptDraft& script, const Value& value) {
    CommandDraft user = read_owned_word(value);
    script.command.user = std::move(user.text);
    script.command.group = user.user.starts_with(':') ? user.user.substr(1) : std::move(user.user);
}

constexpr Keyword<ScriptDraft> kScriptKeywords[] = {
    {"script", script(), read_script_command},
    {"interval", duration(1us, kLongestDuration),
     [](ScriptDraft& s, const Value& v) { s.settings.interval = v.duration; }},
    {"timeout", duration(0us, kLongestDuration),
     [](ScriptDraft& s, const Value& v) { s.settings.timeout = v.duration; }},
    {"weight", integer(-kMostWeight, kMostWeight),
     [](ScriptDraft& s, const Value& v) { read_weight(s.settings, v); }},
    {"rise", integer(1, 1'000'000),
     [](ScriptDraft& s, const Value& v) { s.settings.rise = static_cast<unsigned>(v.integer); }},
    {"fall", integer(1, 1'000'000),
     [](ScriptDraft& s, const Value& v) { s.settings.fall = static_cast<unsigned>(v.integer); }},
    {"user", word(), read_script_user},
    {"init_fail", flag(), [](ScriptDraft& s, const Value&) { s.settings.init_fail = true; }},
};

constexpr Unused kScriptUnused[] = {{Treatment::Note, "has no effect", "", "debug"}};

/// init_file [VALUE] [overwrite].
void read_initial_value(FileDraft& file, const Value& value) {
    file.settings.initial_value = 0;
    for (const Word& word : value.statement.arguments) {
        constexpr std::int64_t kMost = 1'000'000;
        const auto number = parse_integer(word.text);
        if (word.text == "overwrite") {
            file.settings.overwrite = true;
        } else if (number && *number >= -kMost && *number <= kMost) {
            file.settings.initial_value = static_cast<int>(*number);
        } else {
            value.reporter.error(word.at, "init_file: '" + word.text + "' is ignored",
                                 "write init_file [NUMBER] [overwrite]");
        }
    }
}

constexpr Keyword<FileDraft> kFileKeywords[] = {
    {"file", word(), [](FileDraft& f, const Value& v) { f.settings.path = v.word; }},
    {"weight", integer(-kMostFileWeight, kMostFileWeight),
     [](FileDraft& f, const Value& v) { read_weight(f.settings, v); }},
    {"init_file", flag(), read_initial_value},
};

constexpr Unused kFileUnused[] = {{Treatment::Note, "has no effect", "", "debug"}};

void read_process(ProcessDraft& process, const Value& value) {
    process.settings.command.clear();
    const auto words = split_script_words(value.statement.rest);
    if (!words) {
        return;
    }
    for (const Word& word : *words) {
        process.settings.command.push_back(word.text);
    }
}

/// keepalived's words: `partial` compares the first parameters and allows more, `initial` allows
/// the last one to be longer. Without parameters either says that the process must have none.
void read_match(ProcessDraft& process, const Value& value) {
    using Match = TrackedProcessSettings::Match;
    if (value.word == "initial" || value.word == "partial") {
        process.settings.match = value.word == "partial" ? Match::Initial : Match::Partial;
    } else {
        value.reporter.error(value.at, "unknown param_match '" + value.word + "' is ignored",
                             "allowed: initial, partial");
    }
}

constexpr Keyword<ProcessDraft> kProcessKeywords[] = {
    {"process", script(), read_process},
    {"param_match", word(), read_match},
    {"weight", integer(-kMostFileWeight, kMostFileWeight),
     [](ProcessDraft& p, const Value& v) { read_weight(p.settings, v); }},
    {"quorum", integer(1, 65535),
     [](ProcessDraft& p, const Value& v) { p.settings.quorum = static_cast<unsigned>(v.integer); }},
    {"quorum_max", integer(0, 65535),
     [](ProcessDraft& p, const Value& v) {
         p.settings.quorum_max = static_cast<unsigned>(v.integer);
     }},
    {"fork_delay", duration(1us, 1h),
     [](ProcessDraft& p, const Value& v) { p.settings.fork_delay = v.duration; }},
    {"terminate_delay", duration(1us, 1h),
     [](ProcessDraft& p, const Value& v) { p.settings.terminate_delay = v.duration; }},
    {"delay", duration(1us, 1h),
     [](ProcessDraft& p, const Value& v) {
         p.settings.fork_delay = v.duration;
         p.settings.terminate_delay = v.duration;
     }},
    {"full_command", flag(), [](ProcessDraft& p, const Value&) { p.settings.full_command = true; }},
};

constexpr Unused kProcessUnused[] = {{Treatment::Note, "has no effect", "", "debug"}};

}  // namespace

void read_tracked(std::vector<TrackDraft>& tracked, vrrp::TrackKind kind,
                  const std::vector<Statement>& block, Reporter& reporter) {
    for (const Statement& line : block) {
        if (line.ignored) {
            continue;
        }
        TrackDraft draft{kind, line.keyword.text, {}, {}, line.keyword.at};
        if (kind == TrackKind::Interface && draft.name.size() > kLongestInterface) {
            reporter.error(draft.at,
                           "'" + draft.name + "' is no interface name; the line is ignored",
                           "interface names have at most 15 characters");
            continue;
        }
        read_track_options(draft, line, reporter);
        tracked.push_back(std::move(draft));
    }
}

KeywordList script_keywords() {
    return list_keywords(kScriptKeywords, kScriptUnused);
}

KeywordList track_file_keywords() {
    return list_keywords(kFileKeywords, kFileUnused);
}

KeywordList track_process_keywords() {
    return list_keywords(kProcessKeywords, kProcessUnused);
}

void read_script(ScriptDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    draft.settings.timeout = 0us;
    read_block(draft, block, "in vrrp_script", kScriptKeywords, kScriptUnused, reporter);
}

void read_track_file(FileDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    read_block(draft, block, "in track_file", kFileKeywords, kFileUnused, reporter);
}

void read_track_process(ProcessDraft& draft, const std::vector<Statement>& block,
                        Reporter& reporter) {
    read_block(draft, block, "in vrrp_track_process", kProcessKeywords, kProcessUnused, reporter);
    using Match = TrackedProcessSettings::Match;
    TrackedProcessSettings& settings = draft.settings;
    const bool has_parameters = settings.command.size() > 1;
    if (has_parameters && settings.match == Match::Name) {
        settings.match = Match::Exact;
    } else if (!has_parameters && settings.match != Match::Name) {
        settings.match = Match::Exact;
    }
}

}  // namespace tandem::config
