// Quoting rules of script keywords (notify*, script, misc_path ...).
#include "proxy/config/syntax.hpp"

#include <cstdint>
#include <optional>

namespace tandem::config {
namespace {

/// Reads C-style escapes one after another.
class EscapeReader {
  public:
    explicit EscapeReader(std::string_view text) : text_(text) {}

    /// The character meant by the escape whose backslash is at `i`; moves `i` behind it.
    char read(std::size_t& i) const {
        const char c = i + 1 < text_.size() ? text_[i + 1] : '\\';
        i += 2;
        constexpr std::string_view kLetters = "abEfnrtv";
        constexpr std::string_view kValues = "\a\b\033\f\n\r\t\v";
        if (const std::size_t letter = kLetters.find(c); letter != std::string_view::npos) {
            return kValues[letter];
        }
        if (c == 'x') {
            return digits(i, 16, 2, c);
        }
        if (c >= '0' && c <= '7') {
            --i;
            return digits(i, 8, 3, c);
        }
        if (c == 'c' && i < text_.size()) {
            return static_cast<char>(static_cast<unsigned char>(text_[i++]) & 0x1fU);
        }
        return c;
    }

  private:
    char digits(std::size_t& i, unsigned base, unsigned most, char otherwise) const {
        unsigned value = 0;
        unsigned count = 0;
        for (; count < most && i < text_.size(); ++count, ++i) {
            const char c = text_[i];
            const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                                   : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                                   : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                          : base;
            if (digit >= base) {
                break;
            }
            value = value * base + digit;
        }
        return count == 0 ? otherwise : static_cast<char>(value & 0xffU);
    }

    std::string_view text_;
};

}  // namespace

// NOLINTNEXTLINE(readability-function-size): quote inside escape inside word, as the grammar has
// it.
std::optional<std::vector<Word>> split_script_words(const Text& text) {
    const std::string& chars = text.chars();
    std::vector<Word> words;
    for (std::size_t i = skip_blanks(chars); i < chars.size(); i = skip_blanks(chars, i)) {
        if (words.size() >= Parser::kMaxWords) {
            break;
        }
        Word word{"", text.position(i)};
        char quote = '\0';
        for (; i < chars.size() && (quote != '\0' || !is_blank(chars[i])); ++i) {
            const char c = chars[i];
            if (quote == '\0' && (c == '"' || c == '\'')) {
                quote = c;
            } else if (quote == c) {
                quote = '\0';
            } else if (c == '\\' && quote != '\'' && i + 1 < chars.size()) {
                // The command is split again, so only a quote loses its backslash here.
                const char next = chars[i + 1];
                if (next != '"' && next != '\'' && next != ' ') {
                    word.text += c;
                }
                word.text += next;
                ++i;
            } else {
                word.text += c;
            }
        }
        if (quote != '\0') {
            return std::nullopt;
        }
        words.push_back(std::move(word));
    }
    return words;
}

std::vector<std::string> split_command(std::string_view command) {
    const EscapeReader escapes(command);
    std::vector<std::string> words;
    for (std::size_t i = skip_blanks(command); i < command.size(); i = skip_blanks(command, i)) {
        std::string word;
        char quote = '\0';
        while (i < command.size() && (quote != '\0' || !is_blank(command[i]))) {
            const char c = command[i];
            if (quote == '\0' && (c == '"' || c == '\'')) {
                quote = c;
                ++i;
            } else if (quote == c) {
                quote = '\0';
                ++i;
            } else if (c == '\\' && quote != '\'') {
                word += escapes.read(i);
            } else {
                word += c;
                ++i;
            }
        }
        words.push_back(std::move(word));
    }
    return words;
}

}  // namespace tandem::config
