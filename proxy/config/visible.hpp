// What a terminal shows for a character, and how many columns it takes. Pure: a small table of our
// own, because the C library's depends on the locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem::config {

struct VisibleCharacter {
    /// The character, or an escape for what a terminal must not get or nobody can see: controls
    /// (\x1b, \u009b), bytes that are no UTF-8 (\xff), characters that change the direction
    /// (\u202e), invisible ones and blanks that are none in this grammar (\u200b, \u00a0). A tab is
    /// one blank.
    std::string text;
    /// Columns of a terminal: zero for combining marks, two for wide ones of East Asia and emoji.
    std::size_t width = 1;
};

/// Bytes of the character at `at`: of UTF-8, else one. @pre at < text.size()
std::size_t character_length(std::string_view text, std::size_t at);
/// @param character of exactly one character_length().
VisibleCharacter visible_character(std::string_view character);

/// Every character of the text so.
std::string visible(std::string_view text);

}  // namespace tandem::config
