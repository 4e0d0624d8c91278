// Fields of an answer as text for a terminal. Pure; takes any JSON: what is missing or of another
// type is kNothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace tandem::control {

constexpr std::string_view kNothing = "-";

/// Without control characters.
std::string printable(std::string_view text);

/// Null: not there, or `value` is no object.
const boost::json::value* member(const boost::json::value& value, std::string_view name);
std::string text_of(const boost::json::value* value);
std::string text_of(const boost::json::value& value, std::string_view name);
std::optional<double> number_of(const boost::json::value& value, std::string_view name);
bool true_of(const boost::json::value& value, std::string_view name);
/// Empty: not there.
const boost::json::array& array_of(const boost::json::value& value, std::string_view name);
/// Milliseconds in two units: "3 min 5 s".
std::string duration_of(const boost::json::value& value, std::string_view name);
/// "33.0 MiB".
std::string bytes_of(const boost::json::value& value, std::string_view name);

/// Left or right aligned in `width`, never cut.
std::string left(std::string text, std::size_t width);
std::string right(const std::string& text, std::size_t width);

}  // namespace tandem::control
