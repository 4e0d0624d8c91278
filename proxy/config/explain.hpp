// The documentation of keywords for a terminal or a tool: tandemd --explain. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tandem::config {

/// Asks for all blocks with all keywords, and how many are honoured, noted and refused.
inline constexpr std::string_view kExplainAll = "all";

/// @param word a keyword (explained in every block that has it), the name of a block (its keywords,
///        one line each) or kExplainAll.
/// @returns lines of at most 80 columns that end with a newline; nothing: there is no such keyword.
std::optional<std::string> explain(std::string_view word);

/// The same as a JSON array of blocks, each with all that is known of its keywords.
std::optional<std::string> explain_json(std::string_view word);

/// For people: that there is no such keyword, and which are near.
std::string explain_unknown(std::string_view word);

}  // namespace tandem::config
