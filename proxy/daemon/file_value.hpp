// The number in a tracked file. Pure.
#pragma once

#include <optional>
#include <string_view>

namespace tandem::daemon {

/// Bytes of a tracked file that are looked at, as in keepalived.
inline constexpr std::size_t kFileValueSize = 127;

/// strtol's rules with base 0, so that both nodes of a pair read the same: blanks, a sign, then
/// decimal, 0x or octal digits; what follows is ignored.
/// @return nullopt: no number, or one that does not fit.
std::optional<int> parse_file_value(std::string_view text);

}  // namespace tandem::daemon
