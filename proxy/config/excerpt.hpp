// The line that a diagnostic is about, with a mark under the place. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem::config {

/// Two lines, each ended by a newline, for a terminal:
///
///      12 |     prioritty 100
///         |     ^~~~~~~~~
///
/// Of a long line a window around the place is shown; bytes that no terminal should get are '?', a
/// tab is one blank. What follows a keyword for a secret is hidden.
/// @param number of the line, from 1.
/// @param column from 1, in bytes; behind the end of the line: its end.
std::string excerpt(std::string_view line, std::size_t number, std::size_t column);

/// Longest part of a line that is shown, in characters.
inline constexpr std::size_t kExcerptWidth = 100;

}  // namespace tandem::config
