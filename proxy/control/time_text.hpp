// Times as text: RFC 3339 instants of the event list, and the TIME arguments of tandemctl. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::control {

/// UTC with milliseconds: 2026-11-22T21:05:09.042Z. Years 0000 to 9999.
std::string format_rfc3339(std::chrono::system_clock::time_point time);

/// Date and time of RFC 3339 section 5.6 with any offset and up to nine decimals (kept to the
/// clock's unit); nullopt for anything else, a day that does not exist and a leap second included.
std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text);

/// A positive decimal number with a unit: 500ms, 90s, 1.5m, 2h, 1d. At most 366 days, at least 1
/// ms. nullopt for anything else.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Two units at most, for people: 90 ms, 12 s, 3 min 5 s, 2 h 10 min, 4 d 1 h.
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace tandem::control
