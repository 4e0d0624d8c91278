// What `tandemd -t` shows: every diagnostic with its line, and what it comes to.
#pragma once

#include "proxy/config/load.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace tandem::config {

/// Each diagnostic, with the line of the file that it is about where that can be read once more,
/// and a last line with the verdict.
void print_diagnostics(std::ostream& out, const LoadResult& loaded);

/// Reads the lines once more and sets the source of every diagnostic whose line can be read.
void add_sources(std::vector<Diagnostic>& diagnostics);

/// "2 errors, 1 warning: it would run without what the errors name (exit code 5)". Pure.
std::string verdict(const LoadResult& loaded);

}  // namespace tandem::config
