// Syntax tree: statements with words and blocks, nothing known about keywords.
#pragma once

#include "proxy/config/text.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::config {

struct Word {
    std::string text;
    Position at;
};

/// keyword word word ... [{ block }]. One statement ends at a line end or a brace.
struct Statement {
    Word keyword;
    std::vector<Word> arguments;
    /// Everything after the keyword as written; scripts have their own quoting rules.
    Text rest;
    bool has_block = false;
    std::vector<Statement> block;
    /// Opened without a keyword: skipped as a unit.
    bool ignored = false;
};

/// Builds the tree from lines without comments. Not thread-safe.
class Parser {
  public:
    static constexpr std::size_t kMaxDepth = 64;
    static constexpr std::size_t kMaxStatements = 200'000;
    static constexpr std::size_t kMaxWords = 4096;

    explicit Parser(Reporter& reporter);

    void line(const Text& text);
    /// Reports blocks that were not closed and returns the statements at the top level.
    std::vector<Statement> finish();

  private:
    void statement(const Text& text, bool opens_block);
    void open(Position at);
    void close(Position at);

    Reporter& reporter_;
    /// The root and every open block, outermost first.
    std::vector<Statement> open_;
    /// The next '{' belongs to the last statement.
    bool may_open_ = false;
    std::size_t statements_ = 0;
    /// Open blocks below kMaxDepth; they are skipped.
    std::size_t too_deep_ = 0;
};

/// Words of an ordinary statement: "..." is one word, a quote also ends a word. False: a quote is
/// not closed.
bool split_words(const Text& text, std::vector<Word>& words);

/// Words of a script statement: both kinds of quotes, adjoining pieces join, a backslash takes the
/// next character as it is. Unset: a quote is not closed.
std::optional<std::vector<Word>> split_script_words(const Text& text);

/// Splits the command of a script into program and arguments: quotes and C-style escapes.
std::vector<std::string> split_command(std::string_view command);

}  // namespace tandem::config
