// The rules of tests/lint/rules.hpp hold for the whole tree.
#include "tests/lint/rules.hpp"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace tandem::lint {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TANDEM_SOURCE_DIR;

const Sources& sources() {
    static const Sources kSources = read_sources(kRoot);
    return kSources;
}

void expect_none(const Complaints& complaints) {
    for (const std::string& complaint : complaints) {
        ADD_FAILURE() << complaint;
    }
}

std::set<std::string> core_of(const std::string& folder) {
    std::ifstream file(kRoot / folder / "CMakeLists.txt");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::set<std::string> result;
    for (const std::string& source : core_sources(text)) {
        result.insert((fs::path(folder) / source).lexically_normal().generic_string());
    }
    return result;
}

TEST(LintTree, HasSources) {
    EXPECT_GT(sources().size(), 10U);
}

TEST(LintTree, FoldersIncludeOnlyWhatTheyMay) {
    for (const auto& [path, text] : sources()) {
        expect_none(check_includes(path, text));
    }
}

TEST(LintTree, PureFilesArePure) {
    std::set<std::string> core;
    for (const char* folder :
         {"vrrp", "netlink", "proxy/relay", "proxy/config", "proxy/control", "proxy/daemon"}) {
        core.merge(core_of(folder));
    }
    EXPECT_TRUE(core.contains("proxy/control/protocol.cpp"));
    Complaints complaints;
    for (const std::string& path : pure_files(sources(), core, complaints)) {
        expect_none(check_purity(path, sources().at(path)));
    }
    expect_none(complaints);
}

TEST(LintTree, NothingIsLeftOpen) {
    for (const auto& [path, text] : sources()) {
        expect_none(check_open_ends(path, text));
    }
}

TEST(LintTree, FilesAreShort) {
    for (const auto& [path, text] : sources()) {
        expect_none(check_length(path, text));
    }
}

TEST(LintTree, HeadersExplainThemselves) {
    for (const auto& [path, text] : sources()) {
        if (path.ends_with(".hpp")) {
            expect_none(check_header(path, text));
        }
    }
}

TEST(LintTree, KeywordTablesAreListed) {
    for (const auto& [path, text] : sources()) {
        if (path.starts_with("proxy/config/")) {
            expect_none(check_keyword_tables(path, text));
        }
    }
}

TEST(LintTree, TopLevelIsAsDesigned) {
    std::set<std::string> entries;
    for (const auto& entry : fs::directory_iterator(kRoot)) {
        entries.insert(entry.path().filename().string());
    }
    expect_none(check_top_level(entries));
}

}  // namespace
}  // namespace tandem::lint
