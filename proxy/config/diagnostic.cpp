#include "proxy/config/diagnostic.hpp"

#include "proxy/config/text.hpp"
#include "proxy/config/visible.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <utility>

namespace tandem::config {
namespace {

std::string_view name(Severity severity) {
    switch (severity) {
        case Severity::Note:
            return "note";
        case Severity::Warning:
            return "warning";
        case Severity::Error:
            return "error";
        case Severity::Security:
            return "security";
        case Severity::Fatal:
            return "fatal";
    }
    return "unknown";
}

/// Control characters of the file must not reach a terminal or a log.
std::string printable(const std::string& text) {
    constexpr std::size_t kLongest = 400;
    if (text.size() <= kLongest) {
        return visible(text);
    }
    // Not in the middle of a character.
    std::size_t end = kLongest;
    while (end > kLongest - 4 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) {
        --end;
    }
    return visible(text.substr(0, end)) + "...";
}

void append_json_string(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = utf8_length(text, i);
        const auto byte = static_cast<unsigned char>(text[i]);
        if (length == 0) {
            out += "\\ufffd";
        } else if (text[i] == '"' || text[i] == '\\') {
            out += '\\';
            out += text[i];
        } else if (byte < 0x20) {
            out += "\\u00";
            out += kHex[byte >> 4U];
            out += kHex[byte & 0xfU];
        } else {
            out += text.substr(i, length);
        }
        i += std::max<std::size_t>(length, 1);
    }
    out += '"';
}

}  // namespace

std::uint32_t Reporter::add_file(std::string path) {
    files_.push_back(std::move(path));
    return static_cast<std::uint32_t>(files_.size());
}

void Reporter::note(Position at, const std::string& text, const std::string& advice) {
    add(at, Severity::Note, text, advice);
}

void Reporter::warning(Position at, const std::string& text, const std::string& advice) {
    add(at, Severity::Warning, text, advice);
}

void Reporter::error(Position at, const std::string& text, const std::string& advice) {
    add(at, Severity::Error, text, advice);
}

void Reporter::security(Position at, const std::string& text, const std::string& advice) {
    add(at, Severity::Security, text, advice);
}

void Reporter::fatal(Position at, const std::string& text, const std::string& advice) {
    add(at, Severity::Fatal, text, advice);
}

void Reporter::add(Position at, Severity severity, const std::string& text,
                   const std::string& advice) {
    if (full() && severity <= most_severe_) {
        ++suppressed_;
        return;
    }
    Entry entry{at, severity, printable(text), printable(advice)};
    // A block that stands for many services is read once and built many times.
    if (std::ranges::find(entries_, entry) != entries_.end()) {
        return;
    }
    most_severe_ = std::max(most_severe_, severity);
    entries_.push_back(std::move(entry));
}

std::vector<Diagnostic> Reporter::take() {
    std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        return std::tuple(a.at.file == 0, a.at.file, a.at.line, a.at.column) <
               std::tuple(b.at.file == 0, b.at.file, b.at.line, b.at.column);
    });
    std::vector<Diagnostic> result;
    result.reserve(entries_.size() + 1);
    for (Entry& entry : entries_) {
        const std::string path = entry.at.file == 0 ? std::string() : files_.at(entry.at.file - 1);
        result.push_back({path, entry.at.line, entry.at.column, entry.severity,
                          std::move(entry.text), std::move(entry.advice)});
    }
    if (suppressed_ > 0) {
        result.push_back({"", 0, 0, Severity::Note,
                          std::to_string(suppressed_) + " more problems are not shown", ""});
    }
    *this = Reporter();
    return result;
}

std::string to_string(const Diagnostic& diagnostic) {
    std::string result = visible(diagnostic.file);
    if (diagnostic.line != 0) {
        result += ':' + std::to_string(diagnostic.line) + ':' + std::to_string(diagnostic.column);
    }
    if (!result.empty()) {
        result += ": ";
    }
    result += name(diagnostic.severity);
    result += ": " + diagnostic.text;
    if (!diagnostic.advice.empty()) {
        result += " (" + diagnostic.advice + ')';
    }
    return result;
}

std::string to_json(const std::vector<Diagnostic>& diagnostics) {
    std::string out = "[";
    for (const Diagnostic& diagnostic : diagnostics) {
        out += out.size() == 1 ? "\n  {\"file\": " : ",\n  {\"file\": ";
        append_json_string(out, diagnostic.file);
        out += ", \"line\": " + std::to_string(diagnostic.line);
        out += ", \"column\": " + std::to_string(diagnostic.column);
        out += ", \"severity\": ";
        append_json_string(out, name(diagnostic.severity));
        out += ", \"text\": ";
        append_json_string(out, diagnostic.text);
        out += ", \"advice\": ";
        append_json_string(out, diagnostic.advice);
        if (diagnostic.source_length != 0) {
            out += ", \"source\": ";
            append_json_string(out, diagnostic.source);
            out += ", \"source_column\": " + std::to_string(diagnostic.source_column);
            out += ", \"source_length\": " + std::to_string(diagnostic.source_length);
        }
        out += '}';
    }
    out += diagnostics.empty() ? "]\n" : "\n]\n";
    return out;
}

}  // namespace tandem::config
