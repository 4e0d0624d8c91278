#include "proxy/config/expander.hpp"

#include "proxy/config/keyword_lists.hpp"
#include "proxy/config/secret.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <utility>

namespace tandem::config {
namespace {

constexpr KeywordForm kIncludes[] = {{"include", word()},  {"includer", word()},
                                     {"includem", word()}, {"includew", word()},
                                     {"includeb", word()}, {"includea", word()}};

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// One spelling for "a//b", "a/./b" and "./b", so that a file is recognised in the include stack.
std::string normalised(const std::string& path) {
    std::string result;
    for (std::size_t i = 0; i < path.size();) {
        const bool at_name = i == 0 || path[i - 1] == '/';
        if (at_name && path.compare(i, 2, "./") == 0) {
            i += 2;
        } else if (path[i] == '/' && !result.empty() && result.back() == '/') {
            ++i;
        } else {
            result += path[i++];
        }
    }
    return result;
}

bool has_wildcard(const std::string& pattern) {
    return pattern.find_first_of("*?[") != std::string::npos;
}

std::string unquoted(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), '"'), text.end());
    return text;
}

std::string instance_name(const std::set<std::string>& config_ids) {
    for (const std::string& id : config_ids) {
        if (id != "tandem") {
            return id;
        }
    }
    return config_ids.empty() ? std::string() : *config_ids.begin();
}

}  // namespace

Text without_comment(std::string_view chars, Position start) {
    Text result;
    bool quoted = false;
    std::size_t copied = 0;
    const auto flush = [&](std::size_t end) {
        Position at = start;
        at.column += static_cast<std::uint32_t>(copied);
        result.append(chars.substr(copied, end - copied), at);
    };
    for (std::size_t i = 0; i < chars.size(); ++i) {
        const char c = chars[i];
        if (c == '"') {
            quoted = !quoted;
        } else if (quoted) {
            continue;
        } else if (c == '\\' && i + 1 < chars.size() &&
                   (chars[i + 1] == '#' || chars[i + 1] == '!')) {
            flush(i);
            copied = i + 1;
            ++i;
        } else if (c == '#' || c == '!') {
            flush(i);
            return result;
        }
    }
    flush(chars.size());
    return result;
}

std::vector<std::string> expand_braces(const std::string& pattern, std::size_t limit) {
    std::vector<std::string> pending{pattern};
    std::vector<std::string> done;
    while (!pending.empty() && done.size() + pending.size() <= limit) {
        const std::string current = std::move(pending.back());
        pending.pop_back();
        // The innermost group first: the last '{' before the first '}'.
        const std::size_t close = current.find('}');
        const std::size_t open =
            close == std::string::npos ? std::string::npos : current.rfind('{', close);
        if (open == std::string::npos) {
            done.push_back(current);
            continue;
        }
        std::size_t end = close;
        while (true) {
            const std::size_t comma = current.rfind(',', end - 1);
            const std::size_t begin =
                comma == std::string::npos || comma < open ? open + 1 : comma + 1;
            std::string next = current.substr(0, open);
            next += current.substr(begin, end - begin);
            next += current.substr(close + 1);
            pending.push_back(std::move(next));
            if (begin == open + 1) {
                break;
            }
            end = comma;
        }
    }
    return done;
}

Expander::Expander(Environment& environment, Reporter& reporter, std::set<std::string> config_ids,
                   Sink sink)
    : environment_(environment),
      reporter_(reporter),
      config_ids_(std::move(config_ids)),
      sink_(std::move(sink)),
      budget_(reporter),
      definitions_(environment, reporter, budget_, instance_name(config_ids_)) {}

void Expander::read(const std::string& path) {
    FileContent content = environment_.read(path);
    if (content.text || !has_wildcard(path)) {
        if (!content.text) {
            const Position nowhere{reporter_.add_file(path), 0, 0};
            reporter_.fatal(nowhere, "cannot read the configuration: " + content.reason,
                            "name an existing file with -f");
            return;
        }
        read_file(path, content);
        return;
    }
    const std::vector<std::string> matches = environment_.match(path);
    if (matches.empty()) {
        reporter_.fatal({reporter_.add_file(path), 0, 0}, "no file matches this pattern",
                        "name an existing file with -f");
        return;
    }
    if (matches.size() > 1) {
        reporter_.warning({reporter_.add_file(path), 0, 0},
                          std::to_string(matches.size()) + " files match and are read in order",
                          "use one file with an include line");
    }
    for (const std::string& match : matches) {
        include_file(match, true, {});
    }
}

void Expander::read_file(const std::string& path, const FileContent& content) {
    const std::uint32_t file = reporter_.add_file(path);
    if (!content.remark.empty()) {
        reporter_.warning({file, 0, 0}, content.remark);
    }
    open_files_.push_back(normalised(path));
    definitions_.set_directory(directory_of(path));
    std::string_view rest = *content.text;
    if (rest.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
        rest.remove_prefix(kByteOrderMark.size());
    }
    const FileContent* const outer = std::exchange(exposed_, content.exposed ? &content : nullptr);
    for (std::uint32_t number = 1; !rest.empty() && !budget_.exhausted(); ++number) {
        const std::size_t end = rest.find('\n');
        physical_line(rest.substr(0, end), {file, number, 1});
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    if (unfinished_) {
        reporter_.error(unfinished_->at,
                        "the definition of $" + unfinished_->name + " reaches the end of the file",
                        "remove the backslash at the end of its last line");
        unfinished_.reset();
    }
    exposed_ = outer;
    open_files_.pop_back();
    if (!open_files_.empty()) {
        definitions_.set_directory(directory_of(open_files_.back()));
    }
}

void Expander::physical_line(std::string_view chars, Position start) {
    if (const std::size_t nul = chars.find('\0'); nul != std::string_view::npos) {
        start.column += static_cast<std::uint32_t>(nul);
        reporter_.error(start, "NUL byte; the line is ignored", "save the file as plain text");
        return;
    }
    const Text text = without_comment(chars, start).trimmed();
    if (exposed_ != nullptr) {
        check_secret(text);
    }
    if (unfinished_) {
        continue_definition(text);
        return;
    }
    line(text, 0);
}

void Expander::check_secret(const Text& text) {
    const auto place = find_secret(text.chars());
    if (!place) {
        return;
    }
    std::ostringstream mode;
    mode << std::oct << std::setw(4) << std::setfill('0') << exposed_->mode;
    reporter_.warning(text.position(*place),
                      open_files_.back() + " holds a secret and has mode " + mode.str() +
                          ": others than its owner can read it",
                      "chmod 600 " + open_files_.back());
    exposed_ = nullptr;
}

void Expander::line(const Text& text, unsigned depth) {
    const Text trimmed = text.trimmed();
    if (trimmed.empty() || budget_.exhausted()) {
        return;
    }
    if (depth > kMaxLineDepth) {
        reporter_.error(trimmed.position(0),
                        "expansions are nested more than " + std::to_string(kMaxLineDepth) +
                            " deep; the line is ignored",
                        "a definition must not use itself");
        return;
    }
    if (!conditional(trimmed, depth) && !sequence(trimmed, depth) && !definition(trimmed) &&
        !include(trimmed)) {
        plain(trimmed, depth);
    }
}

/// `@id rest` and `@^id rest`.
bool Expander::conditional(const Text& text, unsigned depth) {
    const std::string& chars = text.chars();
    if (chars.front() != '@') {
        return false;
    }
    const bool negated = chars.size() > 1 && chars[1] == '^';
    const std::size_t start = negated ? 2 : 1;
    std::size_t end = start;
    while (end < chars.size() && !is_blank(chars[end])) {
        ++end;
    }
    if (end == start) {
        reporter_.error(text.position(0), "'@' without a name; the line is ignored",
                        "write @NAME or @^NAME in front of the line");
        return true;
    }
    if (config_ids_.contains(chars.substr(start, end - start)) != negated) {
        line(text.slice(end), depth + 1);
    }
    return true;
}

/// `$NAME=value`; nothing between name and '='.
bool Expander::definition(const Text& text) {
    const std::string& chars = text.chars();
    if (chars.front() != '$') {
        return false;
    }
    const std::size_t length = name_length(chars, 1);
    if (length == 0 || length + 1 >= chars.size() || chars[length + 1] != '=') {
        return false;
    }
    const Text value = text.slice(length + 2).trimmed();
    unfinished_ = Definition{chars.substr(1, length), "", text.position(0)};
    continue_definition(value);
    return true;
}

/// Each line but the last of a definition ends in a backslash.
void Expander::continue_definition(const Text& text) {
    std::string chars = text.chars();
    const bool more = !chars.empty() && chars.back() == '\\';
    if (more) {
        chars.pop_back();
    }
    if (!chars.empty()) {
        if (!unfinished_->value.empty()) {
            unfinished_->value += '\n';
        }
        unfinished_->value += chars;
    }
    if (!more) {
        definitions_.set(unfinished_->name, std::move(unfinished_->value));
        unfinished_.reset();
    }
}

KeywordList include_keywords() {
    return list_keywords(kIncludes);
}

/// include: nothing has to exist. Variants: r readable, m a match, w a match for each wildcard
/// pattern, b a match for each alternative in braces, a all of these.
bool Expander::include(const Text& text) {
    constexpr std::string_view kKeyword = "include";
    const std::string& chars = text.chars();
    if (chars.compare(0, kKeyword.size(), kKeyword) != 0) {
        return false;
    }
    std::size_t end = kKeyword.size();
    while (end < chars.size() && !is_blank(chars[end]) && chars[end] != '"') {
        ++end;
    }
    const auto* const found =
        std::ranges::find(kIncludes, std::string_view(chars).substr(0, end), &KeywordForm::name);
    if (found == std::end(kIncludes)) {
        return false;
    }
    const std::string_view variant = found->name.substr(kKeyword.size());
    const std::string pattern =
        unquoted(definitions_.substitute(text.slice(end).trimmed()).chars());
    if (pattern.empty()) {
        reporter_.error(text.position(0), "include without a file name",
                        "name a file or a pattern such as conf.d/*.conf");
        return true;
    }
    include_pattern(pattern, variant, text.position(0));
    return true;
}

void Expander::include_pattern(const std::string& pattern, std::string_view variant, Position at) {
    const bool all = variant == "a";
    const std::string full = pattern.front() == '/' || open_files_.empty()
                                 ? pattern
                                 : directory_of(open_files_.back()) + '/' + pattern;
    std::size_t found = 0;
    for (const std::string& alternative : expand_braces(full, kMaxFiles)) {
        std::vector<std::string> paths = environment_.match(alternative);
        const bool wildcard = has_wildcard(alternative);
        const bool must_match = all || (wildcard && variant == "w") ||
                                (variant == "b" && pattern.find('{') != std::string::npos);
        if (paths.empty() && must_match) {
            reporter_.fatal(at, "nothing matches " + alternative,
                            "create the file or use plain include");
        } else if (paths.empty() && !wildcard && variant != "m") {
            // Not there: reading it gives the reason.
            paths.push_back(alternative);
        }
        found += paths.size();
        for (const std::string& path : paths) {
            include_file(path, all || variant == "r", at);
        }
    }
    if (found == 0 && variant == "m") {
        reporter_.fatal(at, "nothing matches " + pattern, "create the file or use plain include");
    } else if (found == 0 && variant.empty()) {
        reporter_.note(at, "nothing matches " + pattern);
    }
}

void Expander::include_file(const std::string& path, bool must_be_readable, Position at) {
    if (std::find(open_files_.begin(), open_files_.end(), normalised(path)) != open_files_.end()) {
        reporter_.error(at, path + " includes itself; this include is ignored",
                        "remove one of the include lines");
        return;
    }
    if (open_files_.size() >= kMaxIncludeDepth || files_read_ >= kMaxFiles) {
        reporter_.error(at, path + " is ignored: includes are limited to " +
                                std::to_string(kMaxIncludeDepth) + " levels and " +
                                std::to_string(kMaxFiles) + " files");
        return;
    }
    ++files_read_;
    const FileContent content = environment_.read(path);
    if (!content.text) {
        if (must_be_readable) {
            reporter_.fatal(at, "cannot read " + path + ": " + content.reason);
        } else {
            reporter_.warning(at, "cannot read " + path + ": " + content.reason,
                              "nothing is included here");
        }
        return;
    }
    bytes_read_ += content.text->size();
    if (bytes_read_ > kMaxInputBytes) {
        reporter_.error(at, path + " is ignored: more than " +
                                std::to_string(kMaxInputBytes >> 20U) + " MiB are included");
        return;
    }
    read_file(path, content);
}

void Expander::plain(const Text& text, unsigned depth) {
    const Text substituted = definitions_.substitute(text);
    const std::string& chars = substituted.chars();
    const bool again = !chars.empty() && chars.front() == '~' && chars != text.chars();
    if (!again && chars.find('\n') == std::string::npos) {
        if (!budget_.exhausted()) {
            sink_(substituted);
        }
        return;
    }
    for (std::size_t start = 0; start <= chars.size();) {
        const std::size_t end = std::min(chars.find('\n', start), chars.size());
        line(substituted.slice(start, end - start), depth + 1);
        start = end + 1;
    }
}

}  // namespace tandem::config
