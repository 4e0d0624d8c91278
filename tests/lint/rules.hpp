// The rules of the source tree as functions over text, so that each can be shown to fail.
// A rule returns its complaints, one line each; none means the text is in order.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::lint {

using Complaints = std::vector<std::string>;

constexpr std::size_t kMaxFileLines = 600;

/// Path relative to the root of the repository → content.
using Sources = std::map<std::string, std::string>;

/// Every *.hpp and *.cpp of the project, generated and hidden folders left out.
Sources read_sources(const std::filesystem::path& root);

/// `text` with comments and the contents of literals blanked, lines kept. Knows raw strings.
std::string code_only(std::string_view text);

/// The targets of #include, with their quotes or brackets: "vrrp/packet.hpp", <thread>.
std::vector<std::string> includes(std::string_view text);

/// Who may include whom between the folders; see "Folders" of the design.
Complaints check_includes(const std::string& path, std::string_view text);

/// No socket, clock, thread or log in a pure file.
Complaints check_purity(const std::string& path, std::string_view text);

/// The .cpp files of the tandem_*_core libraries in one CMakeLists.txt, relative to its folder.
std::vector<std::string> core_sources(std::string_view cmake);

/// All pure files: the sources of the core libraries, their headers, and what these include.
/// Complains about a pure file that includes the header of one that is not.
std::set<std::string> pure_files(const Sources& sources, const std::set<std::string>& core,
                                 Complaints& complaints);

Complaints check_open_ends(const std::string& path, std::string_view text);
Complaints check_length(const std::string& path, std::string_view text);
/// A leading comment that says what the header is for, and #pragma once.
Complaints check_header(const std::string& path, std::string_view text);
/// Every keyword table of a reader is in a list that describes it (proxy/config/keyword_lists.hpp).
Complaints check_keyword_tables(const std::string& path, std::string_view text);
/// `entries` are the names at the top of the tree.
Complaints check_top_level(const std::set<std::string>& entries);

}  // namespace tandem::lint
