#include "proxy/config/excerpt.hpp"

#include "proxy/config/text.hpp"
#include "proxy/config/visible.hpp"

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

struct Character {
    /// Byte of the line at which it begins.
    std::size_t at = 0;
    VisibleCharacter shown;
    bool blank = false;
};

/// The part of the line from `begin` to `end`.
std::vector<Character> split(std::string_view line, std::size_t begin, std::size_t end) {
    std::vector<Character> characters;
    for (std::size_t at = begin; at < end;) {
        const std::size_t length = std::min(character_length(line, at), end - at);
        const std::string_view bytes = line.substr(at, length);
        characters.push_back({at, visible_character(bytes), is_blank(bytes.front())});
        at += length;
    }
    return characters;
}

/// Characters shown: from three quarters of the width in front of the place, no further than the
/// width.
struct Window {
    std::size_t first = 0;
    std::size_t last = 0;
};

Window choose_window(const std::vector<Character>& characters, std::size_t place) {
    Window window{place, place};
    std::size_t width = 0;
    while (window.first > 0) {
        width += characters[window.first - 1].shown.width;
        if (width > kExcerptWidth * 3 / 4) {
            break;
        }
        --window.first;
    }
    width = 0;
    for (window.last = window.first; window.last < characters.size(); ++window.last) {
        width += characters[window.last].shown.width;
        if (width > kExcerptWidth && window.last > place) {
            break;
        }
    }
    return window;
}

/// The characters that a text of UTF-8 has.
std::size_t count_characters(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace

SourceLine source_line(std::string_view line, std::size_t column) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
        line.remove_suffix(1);
    }
    const std::size_t visible = end_of_visible(line);
    const std::size_t place = std::min(column == 0 ? 0 : column - 1, visible);
    // A line of megabytes is not looked at as a whole: four bytes make one character at most.
    constexpr std::size_t kAround = kExcerptWidth * 4;
    const std::size_t cut = place > kAround ? place - kAround : 0;
    const auto characters = split(line, cut, std::min(visible, place + kAround));
    const auto marked =
        std::ranges::find_if(characters, [&](const Character& each) { return each.at > place; });
    // The last one that does not begin behind the place.
    auto index = static_cast<std::size_t>(marked - characters.begin());
    if (index > 0 && place < visible) {
        --index;
    }
    const Window window = choose_window(characters, index);

    SourceLine result;
    result.text = cut > 0 || window.first > 0 ? "..." : "";
    std::size_t column_width = result.text.size();
    bool in_word = true;
    for (std::size_t i = window.first; i < window.last; ++i) {
        const Character& each = characters[i];
        if (i == index) {
            result.column = count_characters(result.text) + 1;
            result.indent = column_width;
        }
        in_word = in_word && (i < index || !each.blank);
        if (i == index || (i > index && in_word)) {
            result.length += count_characters(each.shown.text);
            result.width += each.shown.width;
        }
        result.text += each.shown.text;
        column_width += each.shown.width;
    }
    if (index >= window.last) {
        result.column = count_characters(result.text) + 1;
        result.indent = column_width;
    }
    result.length = std::max<std::size_t>(result.length, 1);
    result.width = std::max<std::size_t>(result.width, 1);
    const std::size_t end = window.last < characters.size() ? characters[window.last].at
                                                            : std::min(visible, place + kAround);
    if (visible < line.size() && end == visible) {
        result.text += " ...(hidden)";
    } else if (end < visible) {
        result.text += "...";
    }
    return result;
}

std::string excerpt(std::string_view line, std::size_t number, std::size_t column) {
    const SourceLine source = source_line(line, column);
    const std::string label = std::to_string(number);
    const std::size_t width = std::max<std::size_t>(label.size(), 5);
    return std::string(width - label.size(), ' ') + label + " | " + source.text + '\n' +
           std::string(width, ' ') + " | " + std::string(source.indent, ' ') + '^' +
           std::string(source.width - 1, '~') + '\n';
}

}  // namespace tandem::config
