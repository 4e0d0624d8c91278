#include "tests/lint/rules.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <sstream>

namespace tandem::lint {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kModules{"vrrp",         "netlink",       "proxy/relay",
                                                   "proxy/config", "proxy/control", "proxy/daemon"};
constexpr std::array<std::string_view, 5> kFolders{"proxy", "vrrp", "netlink", "deploy", "tests"};

/// The module a path lies in; empty for tests and others.
std::string_view module_of(std::string_view path) {
    for (const std::string_view module : kModules) {
        if (path.starts_with(module) && path.substr(module.size()).starts_with('/')) {
            return module;
        }
    }
    return {};
}

bool is_leaf_config(std::string_view path) {
    return path == "vrrp/config.hpp" || path == "netlink/config.hpp" ||
           path == "proxy/relay/config.hpp";
}

bool may_include(std::string_view module, std::string_view included) {
    const std::string_view other = module_of(included);
    if (other.empty()) {
        return !included.starts_with("tests/");
    }
    if (other == module || module == "proxy/daemon") {
        return true;
    }
    return module == "proxy/config" && is_leaf_config(included);
}

std::string replace_extension(const std::string& path, const char* extension) {
    return fs::path(path).replace_extension(extension).string();
}

/// End of the literal or comment that starts at `start`; `start` itself if there is none.
std::size_t end_of_blank(std::string_view text, std::size_t start) {
    const auto after = [&](std::string_view ending, std::size_t from) {
        const std::size_t found = text.find(ending, from);
        return found == std::string_view::npos ? text.size() : found + ending.size();
    };
    const std::string_view rest = text.substr(start);
    if (rest.starts_with("//")) {
        return std::min(text.size(), text.find('\n', start));
    }
    if (rest.starts_with("/*")) {
        return after("*/", start + 2);
    }
    if (rest.starts_with("R\"")) {
        const std::size_t open = text.find('(', start);
        if (open == std::string_view::npos) {
            return text.size();
        }
        return after(")" + std::string(text.substr(start + 2, open - start - 2)) + "\"", open);
    }
    // An apostrophe after a digit separates digits.
    const bool separator =
        start > 0 && std::isalnum(static_cast<unsigned char>(text[start - 1])) != 0;
    if (rest.starts_with('"') || (rest.starts_with('\'') && !separator)) {
        std::size_t end = start + 1;
        while (end < text.size() && text[end] != rest.front() && text[end] != '\n') {
            end += text[end] == '\\' ? 2U : 1U;
        }
        return std::min(text.size(), end + 1);
    }
    return start;
}

}  // namespace

Sources read_sources(const fs::path& root) {
    Sources sources;
    for (const std::string_view folder : kFolders) {
        if (!fs::exists(root / folder)) {
            continue;
        }
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const std::string extension = entry.path().extension().string();
            if (entry.is_regular_file() && (extension == ".hpp" || extension == ".cpp")) {
                std::ifstream file(entry.path());
                sources[fs::relative(entry.path(), root).generic_string()] = {
                    std::istreambuf_iterator<char>(file), {}};
            }
        }
    }
    return sources;
}

std::string code_only(std::string_view text) {
    std::string result(text);
    for (std::size_t index = 0; index < text.size();) {
        const std::size_t end = end_of_blank(text, index);
        if (end == index) {
            ++index;
            continue;
        }
        std::replace_if(
            result.begin() + static_cast<std::ptrdiff_t>(index),
            result.begin() + static_cast<std::ptrdiff_t>(end),
            [](char character) { return character != '\n'; }, ' ');
        index = end;
    }
    return result;
}

std::vector<std::string> includes(std::string_view text) {
    static const std::regex kInclude(R"(^\s*#\s*include\s*(["<][^">]*[">]))");
    std::vector<std::string> found;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (std::regex_search(line, match, kInclude)) {
            found.push_back(match[1]);
        }
    }
    return found;
}

Complaints check_includes(const std::string& path, std::string_view text) {
    Complaints complaints;
    const std::string_view module = module_of(path);
    for (const std::string& include : includes(text)) {
        const std::string included = include.substr(1, include.size() - 2);
        if (!module.empty() && !may_include(module, included)) {
            complaints.push_back(path + ": " + std::string(module) + " must not include " +
                                 included);
        }
    }
    return complaints;
}

Complaints check_purity(const std::string& path, std::string_view text) {
    static const std::regex kAllowedAsio(
        R"(<boost/asio/ip/(address(_v4|_v6)?|network_v[46]|tcp)\.hpp>)");
    static const std::regex kForbidden(
        R"(<(boost/(asio|beast)|spdlog)[/.].*|<(thread|mutex|condition_variable|future)>)");
    static const std::regex kNow(R"(::\s*now\s*\()");
    Complaints complaints;
    for (const std::string& include : includes(text)) {
        if (std::regex_match(include, kForbidden) && !std::regex_match(include, kAllowedAsio)) {
            complaints.push_back(path + ": a pure file must not include " + include);
        }
    }
    if (std::regex_search(code_only(text), kNow)) {
        complaints.push_back(path + ": a pure file must not read a clock; take `now` as parameter");
    }
    return complaints;
}

std::vector<std::string> core_sources(std::string_view cmake) {
    static const std::regex kLibrary(R"(add_library\s*\(\s*tandem_\w+_core\s+([^)]*)\))");
    static const std::regex kComment("#[^\n]*");
    const std::string text = std::regex_replace(std::string(cmake), kComment, "");
    std::vector<std::string> found;
    for (std::sregex_iterator match(text.begin(), text.end(), kLibrary), end; match != end;
         ++match) {
        std::istringstream words((*match)[1].str());
        for (std::string word; words >> word;) {
            if (word.ends_with(".cpp")) {
                found.push_back(word);
            }
        }
    }
    return found;
}

std::set<std::string> pure_files(const Sources& sources, const std::set<std::string>& core,
                                 Complaints& complaints) {
    std::set<std::string> pure;
    std::deque<std::string> pending;
    const auto add = [&](const std::string& path) {
        if (sources.contains(path) && pure.insert(path).second) {
            pending.push_back(path);
        }
    };
    for (const std::string& path : core) {
        add(path);
        add(replace_extension(path, ".hpp"));
    }
    while (!pending.empty()) {
        const std::string path = pending.front();
        pending.pop_front();
        for (const std::string& include : includes(sources.at(path))) {
            const std::string included = include.substr(1, include.size() - 2);
            const std::string body = replace_extension(included, ".cpp");
            if (sources.contains(body) && !core.contains(body)) {
                complaints.push_back(path + ": pure, but includes " + included +
                                     ", which belongs to a shell");
            } else {
                add(included);
            }
        }
    }
    return pure;
}

Complaints check_open_ends(const std::string& path, std::string_view text) {
    // Written in pieces: this file is checked too.
    static const std::regex kOpenEnd(std::string(R"(\b(TO)") + R"(DO|FIX)" + R"(ME)\b)");
    if (std::regex_search(text.begin(), text.end(), kOpenEnd)) {
        return {path + ": finish it, or say what is so and why"};
    }
    return {};
}

Complaints check_length(const std::string& path, std::string_view text) {
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    if (lines > kMaxFileLines) {
        return {path + ": " + std::to_string(lines) + " lines, at most " +
                std::to_string(kMaxFileLines)};
    }
    return {};
}

Complaints check_header(const std::string& path, std::string_view text) {
    Complaints complaints;
    if (!text.starts_with("//") && !text.starts_with("/*")) {
        complaints.push_back(path + ": must start with a comment that says what it is for");
    }
    if (code_only(text).find("#pragma once") == std::string::npos) {
        complaints.push_back(path + ": #pragma once is missing");
    }
    return complaints;
}

Complaints check_keyword_tables(const std::string& path, std::string_view text) {
    static const std::regex kTable(R"(\bconstexpr\s+\w*Keyword(?:<[\w:]+>)?\s+(\w+)\s*\[\])");
    const std::string source(text);
    Complaints complaints;
    for (std::sregex_iterator match(source.begin(), source.end(), kTable), end; match != end;
         ++match) {
        const std::string table = (*match)[1];
        if (source.find("list_keywords(" + table) == std::string::npos) {
            complaints.push_back(path + ": nobody can look up the keywords of " + table +
                                 "; list them in keyword_lists.hpp and keyword_catalog.cpp");
        }
    }
    return complaints;
}

Complaints check_top_level(const std::set<std::string>& entries) {
    const std::set<std::string> expected{"CMakeLists.txt",
                                         "CMakePresets.json",
                                         "LICENSE",
                                         "README.md",
                                         "deploy",
                                         "netlink",
                                         "proxy",
                                         "tests",
                                         "vrrp"};
    Complaints complaints;
    for (const std::string& entry : entries) {
        if (!expected.contains(entry) && !entry.starts_with('.') && entry != "build") {
            complaints.push_back(entry + ": does not belong to the top of the tree");
        }
    }
    for (const std::string& entry : expected) {
        if (!entries.contains(entry)) {
            complaints.push_back(entry + ": is missing at the top of the tree");
        }
    }
    return complaints;
}

}  // namespace tandem::lint
