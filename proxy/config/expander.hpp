// Files in, plain statement lines out: comments, includes, @id lines, definitions and sequences
// are resolved here (keepalived.conf(5)). Pure but for Environment::read and match.
#pragma once

#include "proxy/config/definitions.hpp"
#include "proxy/config/environment.hpp"
#include "proxy/config/text.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::config {

/// Reads a configuration with everything it includes and hands each line with words or braces to
/// the sink, in order. Problems go to the reporter. Call read() once. Not thread-safe.
class Expander {
  public:
    static constexpr std::size_t kMaxIncludeDepth = 16;
    static constexpr std::size_t kMaxFiles = 1000;
    static constexpr std::size_t kMaxInputBytes = std::size_t{64} << 20U;
    static constexpr unsigned kMaxLineDepth = 32;

    using Sink = std::function<void(Text)>;

    Expander(Environment& environment, Reporter& reporter, std::set<std::string> config_ids,
             Sink sink);

    /// `path` may be a pattern: all matches are read in order, with a warning.
    void read(const std::string& path);

  private:
    struct Definition {
        std::string name;
        std::string value;
        Position at;
    };

    void read_file(const std::string& path, const FileContent& content);
    /// Says once for a file that others can read it and what it holds.
    void check_secret(const Text& text);
    void physical_line(std::string_view chars, Position start);
    void line(const Text& text, unsigned depth);
    bool conditional(const Text& text, unsigned depth);
    bool definition(const Text& text);
    void continue_definition(const Text& text);
    bool include(const Text& text);
    void include_pattern(const std::string& pattern, std::string_view variant, Position at);
    void include_file(const std::string& path, bool must_be_readable, Position at);
    bool sequence(const Text& text, unsigned depth);
    void number_sequence(const Text& text, std::size_t open, std::size_t close, unsigned depth);
    void list_sequence(const Text& text, std::size_t open, std::size_t close, unsigned depth);
    void plain(const Text& text, unsigned depth);

    Environment& environment_;
    Reporter& reporter_;
    std::set<std::string> config_ids_;
    Sink sink_;
    ExpansionBudget budget_;
    Definitions definitions_;
    std::vector<std::string> open_files_;
    /// The file being read, while others can read it and no secret was found in it.
    const FileContent* exposed_ = nullptr;
    std::size_t files_read_ = 0;
    std::size_t bytes_read_ = 0;
    /// A definition whose last line so far ended in a backslash.
    std::optional<Definition> unfinished_;
};

/// A physical line up to its comment; \# and \! become # and ! (outside double quotes).
Text without_comment(std::string_view chars, Position start);

/// Shell-style alternatives: "a{b,c}" gives "ab" and "ac"; nested ones too. At most `limit`.
std::vector<std::string> expand_braces(const std::string& pattern, std::size_t limit);

}  // namespace tandem::config
