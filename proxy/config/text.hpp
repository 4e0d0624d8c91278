// A piece of configuration text that still knows where each character came from.
#pragma once

#include "proxy/config/diagnostic.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::config {

/// Characters with their origin, kept through comment removal and substitution.
class Text {
  public:
    Text() = default;
    /// `chars` stand in one line of a file, the first at `start`.
    Text(std::string_view chars, Position start) { append(chars, start); }

    /// Appends characters that follow each other in one line of a file.
    void append(std::string_view chars, Position start);
    /// Appends characters that all come from one place (the value of a definition).
    void append_substituted(std::string_view chars, Position place);
    /// Appends part of another text with its positions.
    void append(const Text& other, std::size_t offset, std::size_t length);

    [[nodiscard]] const std::string& chars() const { return chars_; }
    [[nodiscard]] bool empty() const { return chars_.empty(); }
    [[nodiscard]] Position position(std::size_t offset) const;
    /// Blanks at both ends are left out.
    [[nodiscard]] Text trimmed() const;
    [[nodiscard]] Text slice(std::size_t offset, std::size_t length = std::string::npos) const;

  private:
    struct Mark {
        std::size_t offset = 0;
        Position position;
        bool advances = true;
    };

    std::string chars_;
    std::vector<Mark> marks_;
};

/// keepalived's blanks: space, tab, form feed, vertical tab, carriage return, line feed.
bool is_blank(char c);
/// Offset of the first character that is no blank, from `offset`; size() when there is none.
std::size_t skip_blanks(std::string_view text, std::size_t offset = 0);
/// Of ASCII letters; others stay.
std::string lower_case(std::string text);
/// Length of the well-formed UTF-8 sequence at `at`; zero: not UTF-8. @pre at < text.size()
std::size_t utf8_length(std::string_view text, std::size_t at);

}  // namespace tandem::config
