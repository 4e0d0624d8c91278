// Reads a keepalived-style configuration: text → syntax tree → validated model, with every
// problem reported in one run. Reads files, decides nothing about the running node.
#pragma once

#include "proxy/config/model.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace tandem::config {

/// note: accepted, but something else happens than the words say. warning: probably not meant.
/// error: this part is ignored and the rest would run. fatal: cannot run with this file.
/// security: a script or secret that others can change (exit code 6).
enum class Severity : std::uint8_t { Note, Warning, Error, Security, Fatal };

struct Diagnostic {
    std::string file;
    /// From 1; 0: no position (a fact about the whole file or the host).
    unsigned line = 0;
    unsigned column = 0;
    Severity severity{};
    /// What is wrong, with the allowed range or the nearest valid word.
    std::string text;
    /// What to do about it, without a full stop; may be empty.
    std::string advice;
    /// What is shown of the line, without secrets, and the marked word in it: column from 1 and
    /// length in characters. Length zero: not read; add_sources() does.
    std::string source{};
    std::size_t source_column = 0;
    std::size_t source_length = 0;
};

/// `file:line:column: severity: text (advice)`
std::string to_string(const Diagnostic& diagnostic);

/// JSON array of objects with file, line, column, severity, text and advice, and where the line was
/// read, source, source_column and source_length. Bytes that are not UTF-8 become U+FFFD.
std::string to_json(const std::vector<Diagnostic>& diagnostics);

struct LoadOptions {
    std::string path;
    /// `@id` lines are kept for these; tandemd passes {"tandem", -i value or host name}.
    std::set<std::string> config_ids;
    /// Check what depends on this host (interfaces exist, users exist). Missing interfaces are
    /// warnings: they may come later.
    bool check_host = true;
};

struct LoadResult {
    Model model;
    std::vector<Diagnostic> diagnostics;
    /// 0 clean or notes and warnings only, 4 cannot run, 5 errors it would survive, 6 script
    /// security. The most severe wins.
    [[nodiscard]] int exit_code() const;
    /// The model may be used (exit code is not 4).
    [[nodiscard]] bool runnable() const;
};

/// Never throws for any content of the files; std::bad_alloc only.
LoadResult load(const LoadOptions& options);

}  // namespace tandem::config
