#include "proxy/config/print_diagnostics.hpp"

#include "proxy/config/excerpt.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <ostream>
#include <utility>

namespace tandem::config {

namespace {

/// The lines that are wanted, by file.
using Lines = std::map<std::string, std::map<unsigned, std::string>>;

Lines read_lines(const std::vector<Diagnostic>& diagnostics) {
    Lines wanted;
    for (const Diagnostic& diagnostic : diagnostics) {
        if (diagnostic.line != 0 && !diagnostic.file.empty()) {
            wanted[diagnostic.file].emplace(diagnostic.line, std::string());
        }
    }
    for (auto& [file, lines] : wanted) {
        std::ifstream input(file, std::ios::binary);
        std::string line;
        unsigned number = 0;
        auto next = lines.begin();
        while (next != lines.end() && std::getline(input, line)) {
            if (++number == next->first) {
                // Not the mark that some editors put in front of a file.
                const bool marked = number == 1 && line.starts_with("\xef\xbb\xbf");
                next->second = marked ? "   " + line.substr(3) : line;
                ++next;
            }
        }
        lines.erase(next, lines.end());
    }
    return wanted;
}

/// Null: it could not be read.
const std::string* find_line(const Lines& lines, const Diagnostic& diagnostic) {
    const auto file = lines.find(diagnostic.file);
    if (file == lines.end()) {
        return nullptr;
    }
    const auto line = file->second.find(diagnostic.line);
    return line == file->second.end() ? nullptr : &line->second;
}

std::string counted(std::size_t count, const std::string& what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string verdict(const LoadResult& loaded) {
    constexpr std::array<std::pair<Severity, const char*>, 5> kNames{
        {{Severity::Fatal, "fatal error"},
         {Severity::Security, "security problem"},
         {Severity::Error, "error"},
         {Severity::Warning, "warning"},
         {Severity::Note, "note"}}};
    std::string text;
    for (const auto& [severity, name] : kNames) {
        const auto count = static_cast<std::size_t>(
            std::ranges::count(loaded.diagnostics, severity, &Diagnostic::severity));
        if (count != 0) {
            text += (text.empty() ? "" : ", ") + counted(count, name);
        }
    }
    const int code = loaded.exit_code();
    const char* const meaning = code == 0   ? "it can be used"
                                : code == 4 ? "it cannot be used"
                                : code == 5 ? "it would run without what the errors name"
                                            : "it would run, but others could change what it runs";
    return (text.empty() ? "no problems" : text) + ": " + meaning + " (exit code " +
           std::to_string(code) + ")";
}

void add_sources(std::vector<Diagnostic>& diagnostics) {
    const Lines lines = read_lines(diagnostics);
    for (Diagnostic& diagnostic : diagnostics) {
        const std::string* const line = find_line(lines, diagnostic);
        if (line == nullptr) {
            continue;
        }
        SourceLine source = source_line(*line, diagnostic.column);
        diagnostic.source = std::move(source.text);
        diagnostic.source_column = source.column;
        diagnostic.source_length = source.length;
    }
}

void print_diagnostics(std::ostream& out, const LoadResult& loaded) {
    const Lines lines = read_lines(loaded.diagnostics);
    for (const Diagnostic& diagnostic : loaded.diagnostics) {
        out << to_string(diagnostic) << '\n';
        if (const std::string* const line = find_line(lines, diagnostic)) {
            out << excerpt(*line, diagnostic.line, diagnostic.column);
        }
    }
    out << verdict(loaded) << '\n';
}

}  // namespace tandem::config
