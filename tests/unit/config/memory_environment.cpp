#include "tests/unit/config/memory_environment.hpp"

#include <fnmatch.h>

namespace tandem::config::test {

FileContent MemoryEnvironment::read(const std::string& path) {
    ++reads;
    const auto found = files.find(path);
    if (found == files.end()) {
        return {std::nullopt, "No such file or directory", ""};
    }
    const bool open = exposed.contains(path);
    return {found->second, "", "", open, open ? 0644U : 0600U};
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

std::optional<Account> MemoryEnvironment::user(const std::string& name) {
    constexpr struct {
        const char* name;
        Account account;
    } kUsers[] = {{"root", {0, 0}}, {"nobody", {65534, 65534}}, {"haproxy", {101, 102}}};
    for (const auto& user : kUsers) {
        if (name == user.name || name == std::to_string(user.account.uid)) {
            return user.account;
        }
    }
    return std::nullopt;
}

std::optional<unsigned> MemoryEnvironment::group(const std::string& name) {
    const auto found = user(name);
    return found ? std::optional(found->gid) : std::nullopt;
}

std::optional<std::string> MemoryEnvironment::find_program(const std::string& name) {
    return name.starts_with("missing") ? std::nullopt : std::optional("/usr/bin/" + name);
}

Program MemoryEnvironment::program(const std::string& path, const Account&) {
    if (path.starts_with("/missing/")) {
        return {Program::State::Missing, "No such file or directory", ""};
    }
    if (path.starts_with("/closed/")) {
        return {Program::State::NotExecutable, "it is not executable", ""};
    }
    if (path.starts_with("/text/")) {
        return {Program::State::NoInterpreter, "", ""};
    }
    return {Program::State::Usable, "",
            path.starts_with("/open/") ? "/open is writable by everybody" : ""};
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
