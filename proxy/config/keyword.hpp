// Keyword tables: what each block may contain, how values are checked, what happens with them.
#pragma once

#include "proxy/config/syntax.hpp"
#include "proxy/config/value.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::config {

/// What the first word after a keyword must be.
enum class Kind : std::uint8_t {
    Flag,      ///< nothing; words are ignored as keepalived does
    Boolean,   ///< nothing (true) or on/off/true/false/yes/no
    Integer,   ///< decimal within the range
    Duration,  ///< decimal seconds within the range (which is in microseconds)
    Word,      ///< one word
    Address,   ///< numeric address
    Script,    ///< command with shell quoting
    Block,     ///< { ... }; words in front are allowed
    Any,       ///< not looked at
};

struct ValueSpec {
    Kind kind = Kind::Any;
    std::int64_t least = 0;
    std::int64_t most = 0;
};

constexpr ValueSpec flag() {
    return {Kind::Flag};
}
constexpr ValueSpec boolean() {
    return {Kind::Boolean};
}
constexpr ValueSpec word() {
    return {Kind::Word};
}
constexpr ValueSpec address() {
    return {Kind::Address};
}
constexpr ValueSpec script() {
    return {Kind::Script};
}
constexpr ValueSpec block() {
    return {Kind::Block};
}
/// With or without a block.
constexpr ValueSpec any() {
    return {Kind::Any};
}
constexpr ValueSpec integer(std::int64_t least, std::int64_t most) {
    return {Kind::Integer, least, most};
}
constexpr ValueSpec duration(std::chrono::microseconds least, std::chrono::microseconds most) {
    return {Kind::Duration, least.count(), most.count()};
}

/// A checked value; the member that belongs to the kind is set.
struct Value {
    const Statement& statement;
    Reporter& reporter;
    std::int64_t integer = 0;
    std::chrono::microseconds duration{0};
    bool flag = true;
    std::string word;
    IpAddress address;
    /// Of the first word, or of the keyword when there is none.
    Position at;

    [[nodiscard]] std::chrono::milliseconds milliseconds() const;
};

/// A keyword that has an effect on a `Target`.
template <class Target>
struct Keyword {
    std::string_view name;
    ValueSpec value;
    void (*apply)(Target&, const Value&);
};

/// How keywords of keepalived that have no effect are treated.
enum class Treatment : std::uint8_t { Note, Warning, Error };

/// Keywords without an effect that share what is said about them.
struct Unused {
    Treatment treatment{};
    /// Follows "'keyword' ".
    std::string_view text;
    std::string_view advice;
    /// Separated by single spaces.
    std::string_view names;
};

/// A table without what its keywords do; for those who describe it.
struct KeywordForm {
    std::string_view name;
    ValueSpec value;
};
struct KeywordList {
    std::vector<KeywordForm> keywords;
    std::vector<Unused> unused;
};

/// Of any table whose entries have a name and the kind of the value.
template <class Entry, std::size_t N>
KeywordList list_keywords(const Entry (&keywords)[N]) {
    KeywordList list;
    for (const Entry& keyword : keywords) {
        list.keywords.push_back({keyword.name, keyword.value});
    }
    return list;
}

template <class Entry, std::size_t N, std::size_t M>
KeywordList list_keywords(const Entry (&keywords)[N], const Unused (&unused)[M]) {
    KeywordList list = list_keywords(keywords);
    list.unused.assign(std::begin(unused), std::end(unused));
    return list;
}

/// "1 to 255", "0.01 to 255 seconds". @pre a kind with a range.
std::string format_range(const ValueSpec& spec);

/// Checks the words of a statement against the kind; reports and gives false when they are wrong.
bool read_value(const ValueSpec& spec, Value& value);

/// True when the keyword is one of `unused`; says what happens instead.
bool report_unused(const Statement& statement, const Unused* unused, std::size_t count,
                   Reporter& reporter);

/// Reports an unknown keyword with the nearest of `known`.
void report_unknown(const Statement& statement, std::string_view context,
                    const std::vector<std::string_view>& known, Reporter& reporter);

/// Words behind the value are lost, as in keepalived; says so when one looks like a statement.
void report_lost_statement(const ValueSpec& spec, const Statement& statement,
                           const std::vector<std::string_view>& known, Reporter& reporter);

/// The name nearest to `word` by edit distance; empty when none is near.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& names);

/// True when the list, separated by spaces, has exactly this word.
bool has_name(std::string_view names, std::string_view word);

/// Appends the names of an Unused list.
void collect_names(std::string_view names, std::vector<std::string_view>& out);

/// Everything a block may contain.
template <class Target, std::size_t N, std::size_t M>
std::vector<std::string_view> known_names(const Keyword<Target> (&keywords)[N],
                                          const Unused (&unused)[M]) {
    std::vector<std::string_view> known;
    for (const Keyword<Target>& keyword : keywords) {
        known.push_back(keyword.name);
    }
    for (const Unused& entry : unused) {
        collect_names(entry.names, known);
    }
    return known;
}

/// Reads the statements of one block into `target`. `context` names the block in messages.
template <class Target, std::size_t N, std::size_t M>
// NOLINTNEXTLINE(readability-function-size): one call per kind of block, each with all of these.
void read_block(Target& target, const std::vector<Statement>& statements, std::string_view context,
                const Keyword<Target> (&keywords)[N], const Unused (&unused)[M],
                Reporter& reporter) {
    for (const Statement& statement : statements) {
        if (statement.ignored) {
            continue;
        }
        const Keyword<Target>* found = nullptr;
        for (const Keyword<Target>& keyword : keywords) {
            if (keyword.name == statement.keyword.text) {
                found = &keyword;
                break;
            }
        }
        if (found != nullptr) {
            Value value{statement, reporter, 0, {}, true, {}, {}, {}};
            if (read_value(found->value, value)) {
                found->apply(target, value);
                const std::size_t used = found->value.kind == Kind::Flag ? 0 : 1;
                if (statement.arguments.size() > used && !statement.has_block && !reporter.full()) {
                    report_lost_statement(found->value, statement, known_names(keywords, unused),
                                          reporter);
                }
            }
        } else if (!report_unused(statement, unused, M, reporter)) {
            // A full reporter needs no advice.
            report_unknown(
                statement, context,
                reporter.full() ? std::vector<std::string_view>() : known_names(keywords, unused),
                reporter);
        }
    }
}

}  // namespace tandem::config
