#include "proxy/config/definitions.hpp"
#include "proxy/config/syntax.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tandem::config {
namespace {

/// Length of "${NAME}" at `at`; zero: none there.
std::size_t reference_length(std::string_view text, std::size_t at) {
    if (at + 1 >= text.size() || text[at + 1] != '{') {
        return 0;
    }
    const std::size_t end = at + 2 + name_length(text, at + 2);
    return end > at + 2 && end < text.size() && text[end] == '}' ? end + 1 - at : 0;
}

}  // namespace

bool split_words(const Text& text, std::vector<Word>& words) {
    const std::string& chars = text.chars();
    for (std::size_t i = skip_blanks(chars); i < chars.size(); i = skip_blanks(chars, i)) {
        if (words.size() > Parser::kMaxWords) {
            return true;
        }
        const Position at = text.position(i);
        if (chars[i] == '"') {
            const std::size_t end = chars.find('"', i + 1);
            if (end == std::string::npos) {
                return false;
            }
            words.push_back({chars.substr(i + 1, end - i - 1), at});
            i = end + 1;
            continue;
        }
        std::size_t end = i;
        while (end < chars.size() && !is_blank(chars[end]) && chars[end] != '"') {
            ++end;
        }
        words.push_back({chars.substr(i, end - i), at});
        i = end;
    }
    return true;
}

Parser::Parser(Reporter& reporter) : reporter_(reporter), open_(1) {}

void Parser::line(const Text& text) {
    const std::string& chars = text.chars();
    bool quoted = false;
    std::size_t start = 0;
    for (std::size_t i = 0; i < chars.size(); ++i) {
        if (chars[i] == '"') {
            quoted = !quoted;
        } else if (chars[i] == '$' && reference_length(chars, i) != 0) {
            // An undefined ${NAME} stays one word, so that the message names it.
            i += reference_length(chars, i) - 1;
        } else if (!quoted && (chars[i] == '{' || chars[i] == '}')) {
            statement(text.slice(start, i - start), chars[i] == '{');
            if (chars[i] == '{') {
                open(text.position(i));
            } else {
                close(text.position(i));
            }
            start = i + 1;
        }
    }
    if (start < chars.size()) {
        statement(text.slice(start), quoted && chars.back() == '{');
        if (quoted && chars.back() == '{') {
            // The brace was meant to open a block: skip that block with the broken statement.
            open(text.position(chars.size() - 1));
        }
    }
}

void Parser::statement(const Text& text, bool opens_block) {
    if (too_deep_ > 0 || skip_blanks(text.chars()) == text.chars().size()) {
        return;
    }
    may_open_ = false;
    Statement result;
    std::vector<Word> words;
    if (!split_words(text, words)) {
        reporter_.error(text.position(skip_blanks(text.chars())),
                        "a double quote is not closed; the statement is ignored",
                        "add the closing quote on the same line");
        result.ignored = true;
        if (!opens_block) {
            return;
        }
    }
    if (statements_++ >= kMaxStatements) {
        if (statements_ == kMaxStatements + 1) {
            reporter_.error(text.position(0), "more than " + std::to_string(kMaxStatements) +
                                                  " statements; the rest is ignored");
        }
        return;
    }
    if (words.size() > kMaxWords) {
        reporter_.error(text.position(0), "more than " + std::to_string(kMaxWords) +
                                              " words in a statement; it is ignored");
        result.ignored = true;
        words.resize(1);
    }
    if (!words.empty()) {
        const std::string& chars = text.chars();
        std::size_t after = skip_blanks(chars);
        if (chars[after] == '"') {
            after = chars.find('"', after + 1) + 1;
        } else {
            after += words.front().text.size();
        }
        if (!result.ignored) {
            result.rest = text.slice(after).trimmed();
        }
        result.keyword = std::move(words.front());
        result.arguments.assign(std::make_move_iterator(words.begin() + 1),
                                std::make_move_iterator(words.end()));
    }
    open_.back().block.push_back(std::move(result));
    may_open_ = true;
}

void Parser::open(Position at) {
    if (too_deep_ > 0 || open_.size() > kMaxDepth) {
        if (too_deep_++ == 0) {
            reporter_.error(at, "blocks are nested more than " + std::to_string(kMaxDepth) +
                                    " deep; this one is ignored");
        }
        return;
    }
    Statement block;
    if (may_open_) {
        block = std::move(open_.back().block.back());
        open_.back().block.pop_back();
    } else {
        if (statements_ < kMaxStatements) {
            reporter_.error(at, "'{' without a keyword; the block is skipped",
                            "write a keyword in front of it or remove the block");
        }
        block.ignored = true;
        block.keyword.at = at;
    }
    block.has_block = true;
    open_.push_back(std::move(block));
    may_open_ = false;
}

void Parser::close(Position at) {
    may_open_ = false;
    if (too_deep_ > 0) {
        --too_deep_;
        return;
    }
    if (open_.size() == 1) {
        reporter_.error(at, "'}' closes nothing", "remove it or look for a missing '{' above");
        return;
    }
    Statement block = std::move(open_.back());
    open_.pop_back();
    open_.back().block.push_back(std::move(block));
}

std::vector<Statement> Parser::finish() {
    if (open_.size() > 1 || too_deep_ > 0) {
        const Word& keyword = open_.back().keyword;
        const std::size_t missing = open_.size() - 1 + too_deep_;
        reporter_.error(keyword.at,
                        "the block '" + keyword.text + "' is not closed: " +
                            std::to_string(missing) + " '}' missing at the end",
                        "add '}' where the block ends");
    }
    too_deep_ = 0;
    while (open_.size() > 1) {
        close({});
    }
    return std::move(open_.front().block);
}

}  // namespace tandem::config
