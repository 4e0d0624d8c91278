#include "proxy/daemon/log_line.hpp"

#include <algorithm>
#include <array>

namespace tandem::daemon {
namespace {

bool names_field(std::string_view text, std::string_view field) {
    std::string placeholder = "{";
    placeholder += field;
    placeholder += '}';
    return text.find(placeholder) != std::string_view::npos;
}

std::string_view to_string(Level level) {
    switch (level) {
        case Level::Debug:
            return "debug";
        case Level::Info:
            return "info";
        case Level::Warning:
            return "warning";
        case Level::Error:
            return "error";
    }
    return "error";
}

}  // namespace

std::string escaped(std::string_view value) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    out.reserve(value.size());
    for (const char character : value) {
        const auto byte = static_cast<unsigned char>(character);
        if (byte < 0x20 || byte == 0x7f) {
            out += "\\x";
            out += kHex[byte >> 4U];
            out += kHex[byte & 0x0fU];
        } else {
            out += character;
        }
    }
    return out;
}

std::string quoted_if_needed(const std::string& value) {
    if (!value.empty() && value.find_first_of(" \"=") == std::string::npos) {
        return value;
    }
    std::string out = "\"";
    for (const char character : value) {
        if (character == '"' || character == '\\') {
            out += '\\';
        }
        out += character;
    }
    return out + '"';
}

std::string expand(const Message& message, const Fields& fields) {
    std::string out;
    std::string_view rest = message.text;
    while (!rest.empty()) {
        const auto open = rest.find('{');
        const auto close = open == std::string_view::npos ? open : rest.find('}', open);
        if (close == std::string_view::npos) {
            out += rest;
            break;
        }
        out += rest.substr(0, open);
        const std::string_view name = rest.substr(open + 1, close - open - 1);
        const auto field = std::find_if(fields.begin(), fields.end(),
                                        [name](const auto& entry) { return entry.first == name; });
        out += field == fields.end() ? std::string{"?"} : escaped(field->second);
        rest.remove_prefix(close + 1);
    }
    return out;
}

std::string to_text_line(const Message& message, const Fields& fields) {
    std::string line{message.id};
    line += ' ';
    line += expand(message, fields);
    for (const auto& [name, value] : fields) {
        if (!names_field(message.text, name)) {
            line += ' ';
            line += name;
            line += '=';
            line += quoted_if_needed(escaped(value));
        }
    }
    if (!message.advice.empty()) {
        line += " (";
        line += message.advice;
        line += ')';
    }
    return line;
}

boost::json::object to_json_object(const Message& message, const Fields& fields) {
    boost::json::object object;
    object["id"] = message.id;
    object["level"] = to_string(message.level);
    object["text"] = expand(message, fields);
    for (const auto& [name, value] : fields) {
        if (!object.contains(name)) {
            object[name] = value;
        }
    }
    if (!message.advice.empty()) {
        object["advice"] = message.advice;
    }
    return object;
}

LogLimiter::Verdict LogLimiter::check(const std::string& key, TimePoint now) {
    auto found = buckets_.find(key);
    if (found == buckets_.end()) {
        if (buckets_.size() >= kKeys) {
            forget_quiet_keys(now);
        }
        if (buckets_.size() >= kKeys) {
            return {};
        }
        found = buckets_.emplace(key, Bucket{now, 0, 0}).first;
    }
    Bucket& bucket = found->second;
    if (now - bucket.window_start >= std::chrono::seconds{1}) {
        bucket.window_start = now;
        bucket.in_window = 0;
    }
    if (bucket.in_window >= kPerSecond) {
        ++bucket.suppressed;
        return {};
    }
    ++bucket.in_window;
    return {true, std::exchange(bucket.suppressed, 0)};
}

void LogLimiter::forget_quiet_keys(TimePoint now) {
    std::erase_if(buckets_, [now](const auto& entry) {
        return now - entry.second.window_start >= std::chrono::seconds{1};
    });
}

}  // namespace tandem::daemon
