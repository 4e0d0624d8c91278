#include "proxy/config/secret.hpp"

#include "proxy/config/text.hpp"
#include "proxy/config/value.hpp"

#include <algorithm>
#include <string>

namespace tandem::config {
namespace {

struct Piece {
    std::string_view text;
    std::size_t at = 0;
};

bool ends_word(char c) {
    return is_blank(c) || c == '{' || c == '}' || c == '"';
}

/// The next word from `at`: quotes and braces only part words here. Empty: there is none.
Piece next_word(std::string_view line, std::size_t at) {
    while (at < line.size() && ends_word(line[at])) {
        ++at;
    }
    std::size_t end = at;
    while (end < line.size() && !ends_word(line[end])) {
        ++end;
    }
    return {line.substr(at, end - at), at};
}

bool is_secret(std::string_view word) {
    return !word.empty() && word.front() != '$' && !word.starts_with("file:");
}

/// $NAME=VALUE with a name that tells.
bool defines_secret(std::string_view word, std::string_view rest) {
    const std::size_t equals = word.find('=');
    if (word.front() != '$' || equals == std::string_view::npos) {
        return false;
    }
    const std::string name = lower_case(std::string(word.substr(0, equals)));
    const bool tells =
        name.find("pass") != std::string::npos || name.find("secret") != std::string::npos;
    const std::string_view value = word.substr(equals + 1);
    return tells && is_secret(value.empty() ? next_word(rest, 0).text : value);
}

}  // namespace

std::optional<std::size_t> find_secret(std::string_view line) {
    for (Piece word = next_word(line, 0); !word.text.empty();) {
        const std::size_t behind = word.at + word.text.size();
        const Piece next = next_word(line, behind);
        const bool keyword = word.text == "auth_pass" || word.text == "password";
        const bool key = word.text == "key" && parse_integer(next.text) &&
                         is_secret(next_word(line, next.at + next.text.size()).text);
        if ((keyword && is_secret(next.text)) || key ||
            defines_secret(word.text, line.substr(behind))) {
            return word.at;
        }
        word = next;
    }
    return std::nullopt;
}

}  // namespace tandem::config
