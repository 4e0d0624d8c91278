#include "proxy/config/excerpt.hpp"

#include "proxy/config/text.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace tandem::config {

namespace {

/// Parts of a word, also of a misspelt one, behind which a secret may stand.
constexpr std::array<std::string_view, 2> kSecrets{"pas", "secret"};
/// Whole words likewise.
constexpr std::array<std::string_view, 2> kKeys{"key", "active_key"};
/// A word of so many hexadecimal digits is taken for a key.
constexpr std::size_t kKeyDigits = 16;
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz_";
constexpr std::string_view kHexDigits = "0123456789abcdef";

/// Where the run of these characters ends that begins at `at`.
std::size_t end_of_run(std::string_view text, std::string_view characters, std::size_t at) {
    return std::min(text.find_first_not_of(characters, at), text.size());
}

/// Length of the line's visible part: rather too short than with a secret in it.
std::size_t end_of_visible(std::string_view original) {
    const std::string copy = lower_case(std::string{original});
    const std::string_view line = copy;
    std::size_t end = line.size();
    for (const std::string_view part : kSecrets) {
        if (const auto at = line.find(part); at != std::string_view::npos) {
            end = std::min(end, end_of_run(line, kLetters, at));
        }
    }
    if (const auto at = line.find("hex:"); at != std::string_view::npos) {
        end = std::min(end, at + 4);
    }
    for (std::size_t at = 0; at < end;) {
        const std::size_t behind_word = end_of_run(line, kLetters, at);
        const std::string_view word = line.substr(at, behind_word - at);
        if (std::ranges::find(kKeys, word) != kKeys.end()) {
            end = std::min(end, behind_word);
        }
        const std::size_t behind_digits = end_of_run(line, kHexDigits, at);
        if (behind_digits - at >= kKeyDigits) {
            end = std::min(end, at);
        }
        at = std::max({at + 1, behind_word, behind_digits});
    }
    return end;
}

/// What a terminal may get for one character.
std::string shown(std::string_view character) {
    const auto first = static_cast<unsigned char>(character.front());
    if (character.front() == '\t') {
        return " ";
    }
    const bool alone = character.size() == 1;
    // Control characters, lone bytes of what is no UTF-8, and the C1 controls.
    if (first < 0x20 || first == 0x7f || (alone && first >= 0x80) || first == 0xc2) {
        return "?";
    }
    return std::string{character};
}

/// The line as characters, with the byte at which each begins.
struct Character {
    std::size_t at;
    std::string_view bytes;
};

std::vector<Character> split(std::string_view line) {
    std::vector<Character> characters;
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t length = std::max<std::size_t>(1, utf8_length(line, at));
        characters.push_back({at, line.substr(at, length)});
        at += length;
    }
    return characters;
}

}  // namespace

std::string excerpt(std::string_view line, std::size_t number, std::size_t column) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
        line.remove_suffix(1);
    }
    const std::size_t visible = end_of_visible(line);
    const std::size_t place = std::min(column == 0 ? 0 : column - 1, visible);
    // A line of megabytes is not looked at as a whole: four bytes make one character at most.
    constexpr std::size_t kAround = kExcerptWidth * 4;
    const std::size_t cut = place > kAround ? place - kAround : 0;
    const auto characters = split(line.substr(cut, std::min(visible, place + kAround) - cut));
    const auto marked = std::ranges::find_if(characters, [&](const Character& each) {
        return cut + each.at + each.bytes.size() > place;
    });
    const auto index = static_cast<std::size_t>(marked - characters.begin());
    const std::size_t first = index > kExcerptWidth * 3 / 4 ? index - kExcerptWidth * 3 / 4 : 0;
    const std::size_t last = std::min(characters.size(), first + kExcerptWidth);

    std::string text = cut > 0 || first > 0 ? "..." : "";
    std::string mark(text.size(), ' ');
    bool in_word = true;
    for (std::size_t position = first; position < last; ++position) {
        const std::string_view bytes = characters[position].bytes;
        text += shown(bytes);
        in_word = in_word && (position < index || !is_blank(bytes.front()));
        mark += position < index ? " " : position == index ? "^" : in_word ? "~" : "";
    }
    if (index >= last) {
        mark += '^';
    }
    if (visible < line.size() && last == characters.size()) {
        text += " ...(hidden)";
    } else if (cut + (last < characters.size() ? characters[last].at : visible - cut) < visible) {
        text += "...";
    }
    const std::string label = std::to_string(number);
    const std::size_t width = std::max<std::size_t>(label.size(), 5);
    return std::string(width - label.size(), ' ') + label + " | " + text + '\n' +
           std::string(width, ' ') + " | " + mark + '\n';
}

}  // namespace tandem::config
