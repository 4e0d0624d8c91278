#include "proxy/control/field_reader.hpp"

#include <cstdint>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/error_code.hpp>

namespace tandem::control {

namespace json = boost::json;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMaxNesting = 8;
constexpr std::size_t kMaxQuoted = 64;

std::string describe(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
            return "the integer " + json::serialize(value);
        case json::kind::double_:
            return "a number that is not an integer";
        case json::kind::string:
            return "the string " + quoted(value.get_string());
        case json::kind::array:
            return "an array";
        case json::kind::object:
            return "an object";
    }
    return "something else";
}

}  // namespace

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char character : text.substr(0, kMaxQuoted)) {
        const bool printable = character >= ' ' && character <= '~' && character != '"';
        result += printable ? character : '?';
    }
    return result + (text.size() > kMaxQuoted ? "…\"" : "\"");
}

FieldReader::FieldReader(std::string_view body) {
    if (body.empty()) {
        return;
    }
    json::parse_options options;
    options.max_depth = kMaxNesting;
    boost::system::error_code error;
    json::value value = json::parse({body.data(), body.size()}, error, {}, options);
    if (error) {
        problem_ = "the request body is not valid JSON: " + error.message();
    } else if (!value.is_object()) {
        problem_ = "the request body must be a JSON object, got " + describe(value);
    } else {
        fields_ = std::move(value.get_object());
    }
}

void FieldReader::boolean(std::string_view name, bool& target) {
    if (const json::value* value = find(name)) {
        if (value->is_bool()) {
            target = value->get_bool();
        } else {
            complain(name, "true or false", *value);
        }
    }
}

void FieldReader::duration(std::string_view name, milliseconds longest,
                           std::optional<milliseconds>& target) {
    const json::value* value = find(name);
    if (value == nullptr || value->is_null()) {
        return;
    }
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    if (!value->is_double() && !error && number >= 1 && number <= longest.count()) {
        target = milliseconds(number);
    } else {
        complain(name,
                 "an integer from 1 to " + std::to_string(longest.count()) + " (milliseconds)",
                 *value);
    }
}

void FieldReader::number(std::string_view name, unsigned largest, std::optional<unsigned>& target) {
    const json::value* value = find(name);
    if (value == nullptr || value->is_null()) {
        return;
    }
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    if (!value->is_double() && !error && number >= 0 && number <= largest) {
        target = static_cast<unsigned>(number);
    } else {
        complain(name, "an integer from 0 to " + std::to_string(largest), *value);
    }
}

void FieldReader::name(std::string_view field, std::string& target) {
    const std::string allowed = "1 to " + std::to_string(kMaxNameLength) + " characters";
    const auto value = text(field, allowed);
    if (!value || value->empty() || value->size() > kMaxNameLength) {
        refuse("field " + quoted(field) + " is required: " + allowed);
    } else {
        target = *value;
    }
}

void FieldReader::names(std::string_view name, std::vector<std::string>& target, std::size_t most) {
    const json::value* value = find(name);
    if (value == nullptr) {
        return;
    }
    if (!value->is_array() || value->get_array().size() > most) {
        complain(name, "an array of at most " + std::to_string(most) + " names", *value);
        return;
    }
    for (const json::value& item : value->get_array()) {
        if (!item.is_string() || item.get_string().empty() ||
            item.get_string().size() > kMaxNameLength) {
            complain(name, "names of 1 to " + std::to_string(kMaxNameLength) + " characters", item);
            return;
        }
        target.emplace_back(item.get_string());
    }
}

std::optional<std::string> FieldReader::text(std::string_view name, std::string_view allowed) {
    const json::value* value = find(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (!value->is_string()) {
        complain(name, allowed, *value);
        return std::nullopt;
    }
    return std::string(value->get_string());
}

void FieldReader::refuse(std::string message) {
    if (problem_.empty()) {
        problem_ = std::move(message);
    }
}

void FieldReader::complain(std::string_view name, std::string_view allowed,
                           const json::value& got) {
    refuse("field " + quoted(name) + ": expected " + std::string(allowed) + ", got " +
           describe(got));
}

std::string FieldReader::finish() {
    for (const auto& field : fields_) {
        bool asked = false;
        for (const std::string_view name : asked_) {
            asked = asked || name == field.key();
        }
        if (!asked) {
            refuse("unknown field " + quoted(field.key()) + "; allowed: " + allowed_names());
        }
    }
    return problem_;
}

const json::value* FieldReader::find(std::string_view name) {
    asked_.push_back(name);
    return fields_.if_contains(name);
}

std::string FieldReader::allowed_names() const {
    std::string list;
    for (const std::string_view name : asked_) {
        list += (list.empty() ? "" : ", ") + std::string(name);
    }
    return list.empty() ? "none" : list;
}

}  // namespace tandem::control
