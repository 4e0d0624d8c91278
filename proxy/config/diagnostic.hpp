// Positions in the configuration and the collector of everything that is wrong with it.
#pragma once

#include "proxy/config/load.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tandem::config {

/// Place of a character in a physical file. `file` is a number given by Reporter::add_file; zero:
/// no place (a fact about the whole configuration). Line and column count from 1, in bytes.
struct Position {
    std::uint32_t file = 0;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    bool operator==(const Position&) const = default;
};

/// Collects diagnostics in the order of reporting, the same one at the same place once. Bounded:
/// after kMaxDiagnostics only a more severe kind than any before is still recorded, so the exit
/// code stays true.
class Reporter {
  public:
    static constexpr std::size_t kMaxDiagnostics = 1000;

    /// Number to use in Position::file for this path.
    std::uint32_t add_file(std::string path);

    void note(Position at, const std::string& text, const std::string& advice = {});
    void warning(Position at, const std::string& text, const std::string& advice = {});
    void error(Position at, const std::string& text, const std::string& advice = {});
    void security(Position at, const std::string& text, const std::string& advice = {});
    void fatal(Position at, const std::string& text, const std::string& advice = {});

    /// Nothing more of a severity seen before is recorded: explanations are wasted work.
    [[nodiscard]] bool full() const { return entries_.size() >= kMaxDiagnostics; }

    /// Everything reported, ordered by file (in order of reading), line and column; diagnostics
    /// without a position come last. Leaves the reporter empty.
    std::vector<Diagnostic> take();

  private:
    struct Entry {
        Position at;
        Severity severity{};
        std::string text;
        std::string advice;
        bool operator==(const Entry&) const = default;
    };

    void add(Position at, Severity severity, const std::string& text, const std::string& advice);

    std::vector<std::string> files_;
    std::vector<Entry> entries_;
    Severity most_severe_ = Severity::Note;
    std::size_t suppressed_ = 0;
};

}  // namespace tandem::config
