// The line that a diagnostic is about, with a mark under the place. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem::config {

/// What is shown of a line: a window around the place if it is long, "..." where something is cut
/// off. What follows a keyword for a secret is hidden; characters are as visible_character() has
/// them.
struct SourceLine {
    std::string text;
    /// Of the marked word in `text`, in characters; the column counts from 1.
    std::size_t column = 1;
    std::size_t length = 0;
    /// The same for a terminal: columns in front of the mark and below it.
    std::size_t indent = 0;
    std::size_t width = 0;
};

/// @param column from 1, in bytes; behind the end of the line: its end.
SourceLine source_line(std::string_view line, std::size_t column);

/// Two lines, each ended by a newline, for a terminal:
///
///      12 |     prioritty 100
///         |     ^~~~~~~~~
///
/// @param number of the line, from 1.
/// @param column as of source_line().
std::string excerpt(std::string_view line, std::size_t number, std::size_t column);

/// Longest part of a line that is shown, in columns of a terminal.
inline constexpr std::size_t kExcerptWidth = 100;

}  // namespace tandem::config
