#include "proxy/control/json_text.hpp"

#include "proxy/control/time_text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace tandem::control {

namespace json = boost::json;
using std::chrono::milliseconds;

std::string printable(std::string_view text) {
    std::string result(text);
    std::replace_if(
        result.begin(), result.end(),
        [](char character) { return (character >= 0 && character < ' ') || character == '\x7f'; },
        '?');
    return result;
}

const json::value* member(const json::value& value, std::string_view name) {
    const json::object* object = value.if_object();
    return object == nullptr ? nullptr : object->if_contains(name);
}

std::string text_of(const json::value* value) {
    if (value == nullptr || value->is_null() || value->is_structured()) {
        return std::string(kNothing);
    }
    if (const json::string* text = value->if_string()) {
        return text->empty() ? std::string(kNothing) : printable(*text);
    }
    return json::serialize(*value);
}

std::string text_of(const json::value& value, std::string_view name) {
    return text_of(member(value, name));
}

std::optional<double> number_of(const json::value& value, std::string_view name) {
    const json::value* number = member(value, name);
    if (number == nullptr || !number->is_number()) {
        return std::nullopt;
    }
    return number->to_number<double>();
}

bool true_of(const json::value& value, std::string_view name) {
    const json::value* flag = member(value, name);
    return flag != nullptr && flag->is_bool() && flag->get_bool();
}

const json::array& array_of(const json::value& value, std::string_view name) {
    static const json::array kEmpty;
    const json::value* list = member(value, name);
    return list != nullptr && list->is_array() ? list->get_array() : kEmpty;
}

std::string duration_of(const json::value& value, std::string_view name) {
    constexpr double kLongest = 1e15;
    const auto number = number_of(value, name);
    if (!number || *number < 0 || *number > kLongest) {
        return std::string(kNothing);
    }
    return format_duration(milliseconds(static_cast<milliseconds::rep>(*number)));
}

std::string bytes_of(const json::value& value, std::string_view name) {
    constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    // Counters have 64 bits; beyond that the text would not fit either.
    constexpr double kMost = 18446744073709551615.0;
    auto number = number_of(value, name);
    if (!number || *number < 0 || *number > kMost) {
        return std::string(kNothing);
    }
    std::size_t unit = 0;
    for (; *number >= 1024 && unit + 1 < kUnits.size(); ++unit) {
        *number /= 1024;
    }
    std::array<char, 48> text{};
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    const int length = std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s",
                                     *number, kUnits[unit]);
    return {text.data(), static_cast<std::size_t>(std::max(0, length))};
}

std::string left(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}
std::string right(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
}

}  // namespace tandem::control
