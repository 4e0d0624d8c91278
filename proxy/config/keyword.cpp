#include "proxy/config/keyword.hpp"

#include <algorithm>

namespace tandem::config {
namespace {

/// Words that open a block at the top level; met elsewhere, a '}' is probably missing above.
constexpr std::string_view kRootBlocks[] = {"global_defs",    "vrrp_instance",   "vrrp_script",
                                            "virtual_server", "vrrp_sync_group", "peer_link"};

std::string quoted(const std::string& word) {
    constexpr std::size_t kLongest = 60;
    return '\'' + (word.size() > kLongest ? word.substr(0, kLongest) + "..." : word) + '\'';
}

std::string format_bound(const ValueSpec& spec, std::int64_t bound) {
    return spec.kind == Kind::Duration ? format_seconds(std::chrono::microseconds{bound})
                                       : std::to_string(bound);
}

void reject(const Value& value, const std::string& problem, const std::string& advice) {
    value.reporter.error(
        value.at, value.statement.keyword.text + ": " + problem + "; the line is ignored", advice);
}

bool read_number(const ValueSpec& spec, Value& value) {
    std::optional<std::int64_t> number;
    if (spec.kind == Kind::Integer) {
        number = parse_integer(value.word);
    } else if (const auto seconds = parse_seconds(value.word)) {
        number = seconds->count();
    }
    if (!number) {
        reject(value, quoted(value.word) + " is not a number",
               "allowed: " + format_range(spec) +
                   (spec.kind == Kind::Duration ? " with at most six decimal places" : ""));
        return false;
    }
    if (*number < spec.least || *number > spec.most) {
        reject(value, value.word + " is out of range", "allowed: " + format_range(spec));
        return false;
    }
    value.integer = *number;
    value.duration = std::chrono::microseconds{*number};
    return true;
}

bool read_script(Value& value) {
    const auto words = split_script_words(value.statement.rest);
    if (!words) {
        reject(value, "a quote is not closed", "put the whole command in double quotes");
        return false;
    }
    if (words->empty() || words->front().text.empty()) {
        reject(value, "a command is missing", "name the program with its full path");
        return false;
    }
    value.word = words->front().text;
    return true;
}

/// Levenshtein's distance, or `limit` as soon as it cannot be less: most names are far off, and
/// their lengths alone tell.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    const std::size_t difference = std::max(a.size(), b.size()) - std::min(a.size(), b.size());
    if (difference >= limit) {
        return limit;
    }
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = i;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        std::size_t least = i;
        for (std::size_t k = 1; k <= b.size(); ++k) {
            const std::size_t substitution = diagonal + (a[i - 1] == b[k - 1] ? 0 : 1);
            diagonal = row[k];
            row[k] = std::min({row[k] + 1, row[k - 1] + 1, substitution});
            least = std::min(least, row[k]);
        }
        if (least >= limit) {
            return limit;
        }
    }
    return row.back();
}

}  // namespace

std::string format_range(const ValueSpec& spec) {
    const std::string unit = spec.kind == Kind::Duration ? " seconds" : "";
    return format_bound(spec, spec.least) + " to " + format_bound(spec, spec.most) + unit;
}

std::chrono::milliseconds Value::milliseconds() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

bool read_value(const ValueSpec& spec, Value& value) {
    const Statement& statement = value.statement;
    const bool has_word = !statement.arguments.empty();
    value.at = has_word ? statement.arguments.front().at : statement.keyword.at;
    value.word = has_word ? statement.arguments.front().text : std::string();
    if (statement.has_block != (spec.kind == Kind::Block) && spec.kind != Kind::Any) {
        value.at = statement.keyword.at;
        if (statement.has_block) {
            value.reporter.error(
                value.at,
                quoted(statement.keyword.text) + " takes no block; it is skipped with its block",
                "write the value on the same line, without braces");
        } else {
            reject(value, "a block { ... } is missing", "write the entries between braces");
        }
        return false;
    }
    const bool optional = spec.kind == Kind::Flag || spec.kind == Kind::Boolean ||
                          spec.kind == Kind::Block || spec.kind == Kind::Any;
    if (!has_word && !optional) {
        reject(value, "a value is missing",
               spec.kind == Kind::Integer || spec.kind == Kind::Duration
                   ? "allowed: " + format_range(spec)
                   : std::string());
        return false;
    }
    switch (spec.kind) {
        case Kind::Integer:
        case Kind::Duration:
            return read_number(spec, value);
        case Kind::Boolean:
            if (has_word) {
                const auto parsed = parse_boolean(value.word);
                if (!parsed) {
                    reject(value, quoted(value.word) + " is neither on nor off",
                           "allowed: on, true, yes, off, false, no");
                    return false;
                }
                value.flag = *parsed;
            }
            return true;
        case Kind::Address: {
            const auto parsed = parse_address(value.word);
            if (!parsed) {
                reject(value, quoted(value.word) + " is not an address",
                       "write a numeric IPv4 or IPv6 address without brackets");
                return false;
            }
            value.address = *parsed;
            return true;
        }
        case Kind::Script:
            return read_script(value);
        case Kind::Flag:
        case Kind::Word:
        case Kind::Block:
        case Kind::Any:
            return true;
    }
    return true;
}

void collect_names(std::string_view names, std::vector<std::string_view>& out) {
    while (!names.empty()) {
        const std::size_t end = names.find(' ');
        out.push_back(names.substr(0, end));
        names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
    }
}

bool has_name(std::string_view names, std::string_view word) {
    for (std::size_t at = names.find(word); at != std::string_view::npos && !word.empty();
         at = names.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || names[at - 1] == ' ') && (end == names.size() || names[end] == ' ')) {
            return true;
        }
    }
    return false;
}

bool report_unused(const Statement& statement, const Unused* unused, std::size_t count,
                   Reporter& reporter) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!has_name(unused[i].names, statement.keyword.text)) {
            continue;
        }
        const std::string text = quoted(statement.keyword.text) + ' ' + std::string(unused[i].text);
        const std::string advice(unused[i].advice);
        switch (unused[i].treatment) {
            case Treatment::Note:
                reporter.note(statement.keyword.at, text, advice);
                break;
            case Treatment::Warning:
                reporter.warning(statement.keyword.at, text, advice);
                break;
            case Treatment::Error:
                reporter.error(statement.keyword.at, text, advice);
                break;
        }
        return true;
    }
    return false;
}

void report_unknown(const Statement& statement, std::string_view context,
                    const std::vector<std::string_view>& known, Reporter& reporter) {
    const std::string& keyword = statement.keyword.text;
    const bool misplaced =
        std::find(std::begin(kRootBlocks), std::end(kRootBlocks), keyword) != std::end(kRootBlocks);
    const std::string_view near =
        misplaced || reporter.full() ? std::string_view() : nearest(keyword, known);
    std::string advice;
    if (misplaced) {
        advice = "it belongs at the top level; is a '}' missing above?";
    } else if (!near.empty()) {
        advice = "did you mean '" + std::string(near) + "'?";
    }
    reporter.error(
        statement.keyword.at,
        "unknown keyword " + quoted(keyword) + ' ' + std::string(context) +
            (statement.has_block ? "; it is skipped with its block" : "; the line is ignored"),
        advice);
}

void report_lost_statement(const ValueSpec& spec, const Statement& statement,
                           const std::vector<std::string_view>& known, Reporter& reporter) {
    if (spec.kind == Kind::Script || spec.kind == Kind::Block || spec.kind == Kind::Any) {
        return;
    }
    const std::size_t first = spec.kind == Kind::Flag ? 0 : 1;
    for (std::size_t i = first; i < statement.arguments.size(); ++i) {
        const Word& lost = statement.arguments[i];
        if (std::find(known.begin(), known.end(), lost.text) != known.end()) {
            reporter.warning(lost.at,
                             "only one statement per line: " + quoted(lost.text) + " is ignored",
                             "write it on a line of its own");
            return;
        }
    }
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& names) {
    constexpr std::size_t kLongest = 40;
    if (word.empty() || word.size() > kLongest) {
        return {};
    }
    std::string_view best;
    // One mistake per three letters is still the same word.
    std::size_t best_distance = word.size() / 3 + 1;
    for (const std::string_view name : names) {
        constexpr std::size_t kMeaningful = 5;
        if (std::min(word.size(), name.size()) >= kMeaningful &&
            word.substr(0, name.size()) == name.substr(0, word.size())) {
            return name;
        }
        const std::size_t distance = edit_distance(word, name, best_distance);
        if (distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    }
    return best;
}

}  // namespace tandem::config
