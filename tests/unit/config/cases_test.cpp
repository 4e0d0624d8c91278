// Golden files: cases/NAME.conf is loaded; NAME.diag holds the exit code and the diagnostics,
// NAME.model every field of the model. UPDATE_GOLDEN=1 writes them anew.
#include "tests/unit/config/memory_environment.hpp"
#include "tests/unit/config/print_model.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The folder as /cases/, so that messages do not depend on where the project lies.
MemoryEnvironment case_files() {
    MemoryEnvironment environment;
    for (const auto& entry : fs::recursive_directory_iterator(CONFIG_CASES)) {
        if (entry.path().extension() == ".conf" || entry.path().extension() == ".inc" ||
            entry.path().extension() == ".key") {
            const std::string name = "/cases/" + fs::relative(entry.path(), CONFIG_CASES).string();
            environment.files[name] = read_text(entry.path());
            if (name.find("exposed") != std::string::npos) {
                environment.exposed.insert(name);
            }
        }
    }
    return environment;
}

void expect_golden(const fs::path& path, const std::string& actual) {
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path, std::ios::binary) << actual;
        return;
    }
    EXPECT_EQ(actual, read_text(path)) << path;
}

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(CONFIG_CASES)) {
        if (entry.path().extension() == ".conf") {
            names.push_back(entry.path().stem().string());
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

class Cases : public testing::TestWithParam<std::string> {};

TEST_P(Cases, GiveTheirGoldenModelAndDiagnostics) {
    MemoryEnvironment environment = case_files();
    LoadOptions options;
    options.path = "/cases/" + GetParam() + ".conf";
    options.config_ids = {"tandem", "node1"};
    const LoadResult result = load_from(options, environment);
    const fs::path base = fs::path(CONFIG_CASES) / GetParam();
    expect_golden(base.string() + ".diag",
                  "exit " + std::to_string(result.exit_code()) + "\n" + messages(result));
    expect_golden(base.string() + ".model", print_model(result.model));
}

INSTANTIATE_TEST_SUITE_P(Config, Cases, testing::ValuesIn(case_names()), [](const auto& param) {
    std::string name = param.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

TEST(CaseFiles, AreEnough) {
    EXPECT_GE(case_names().size(), 60U);
}

}  // namespace
}  // namespace tandem::config::test
