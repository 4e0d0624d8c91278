#include "tests/unit/config/memory_environment.hpp"

#include <fnmatch.h>

namespace tandem::config::test {

FileContent MemoryEnvironment::read(const std::string& path) {
    ++reads;
    const auto found = files.find(path);
    if (found == files.end()) {
        return {std::nullopt, "No such file or directory", ""};
    }
    return {found->second, "", ""};
}

std::vector<std::string> MemoryEnvironment::match(const std::string& pattern) {
    std::vector<std::string> result;
    for (const auto& [path, text] : files) {
        if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) {
            result.push_back(path);
        }
    }
    return result;
}

std::optional<std::string> MemoryEnvironment::variable(const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
}

Environment::Interface MemoryEnvironment::interface(const std::string& name) {
    return interfaces.count(name) != 0 ? Interface::Usable : Interface::Missing;
}

LoadResult load_text(const std::string& text) {
    MemoryEnvironment environment;
    environment.files[kMainFile] = text;
    return load_main(environment);
}

LoadResult load_main(MemoryEnvironment& environment) {
    LoadOptions options;
    options.path = kMainFile;
    options.config_ids = {"tandem", "node1"};
    return load_from(options, environment);
}

std::string messages(const LoadResult& result) {
    std::string text;
    for (const Diagnostic& diagnostic : result.diagnostics) {
        text += to_string(diagnostic) + '\n';
    }
    return text;
}

}  // namespace tandem::config::test
