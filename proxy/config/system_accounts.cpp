// Users, groups and programs of this host.
#include "proxy/config/system_environment.hpp"
#include "proxy/config/value.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::config {
namespace {

constexpr std::size_t kLookupBuffer = 65536;
constexpr std::int64_t kLargestId = 0xffff'fffeLL;

std::optional<unsigned> as_id(const std::string& text) {
    const auto number = parse_integer(text);
    if (!number || *number < 0 || *number > kLargestId) {
        return std::nullopt;
    }
    return static_cast<unsigned>(*number);
}

std::string error_text(int error) {
    return std::error_code(error, std::generic_category()).message();
}

/// The directories of a path from the root, then the path itself.
std::vector<std::string> components(const std::string& path) {
    std::vector<std::string> result{"/"};
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        result.push_back(path.substr(0, at));
    }
    result.push_back(path);
    return result;
}

/// Who else than root can write this part of a path; empty: nobody.
std::string writable_by_others(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == -1) {
        return {};
    }
    if (status.st_uid != 0) {
        return path + " belongs to user " + std::to_string(status.st_uid);
    }
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if ((status.st_mode & S_IWOTH) != 0 && !sticky) {
        return path + " is writable by everybody";
    }
    if ((status.st_mode & S_IWGRP) != 0 && status.st_gid != 0 && !sticky) {
        return path + " is writable by group " + std::to_string(status.st_gid);
    }
    return {};
}

/// The path as written and, behind symbolic links, as it is.
std::string insecure_part(const std::string& path) {
    std::string real;
    if (char* resolved = ::realpath(path.c_str(), nullptr); resolved != nullptr) {
        real = resolved;
        std::free(resolved);
    }
    for (const std::string& way : {path, real}) {
        if (way.empty()) {
            continue;
        }
        for (const std::string& part : components(way)) {
            if (std::string problem = writable_by_others(part); !problem.empty()) {
                return problem;
            }
        }
    }
    return {};
}

bool may_execute(const struct stat& status, const Account& account) {
    if (account.uid == 0) {
        return (status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
    }
    if (status.st_uid == account.uid) {
        return (status.st_mode & S_IXUSR) != 0;
    }
    return (status.st_mode & (status.st_gid == account.gid ? S_IXGRP : S_IXOTH)) != 0;
}

/// A file that cannot be read may still be run.
bool has_interpreter(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::array<char, 4> start{};
    if (!file.read(start.data(), 2)) {
        return !file.is_open();
    }
    if (start[0] == '#' && start[1] == '!') {
        return true;
    }
    file.read(start.data() + 2, 2);
    return start == std::array<char, 4>{'\x7f', 'E', 'L', 'F'};
}

}  // namespace

std::optional<Account> SystemEnvironment::user(const std::string& name) {
    std::vector<char> buffer(kLookupBuffer);
    struct passwd entry {};
    struct passwd* found = nullptr;
    ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    const auto id = found == nullptr ? as_id(name) : std::nullopt;
    if (id) {
        ::getpwuid_r(*id, &entry, buffer.data(), buffer.size(), &found);
    }
    if (found == nullptr) {
        return std::nullopt;
    }
    return Account{entry.pw_uid, entry.pw_gid};
}

std::optional<unsigned> SystemEnvironment::group(const std::string& name) {
    std::vector<char> buffer(kLookupBuffer);
    struct group entry {};
    struct group* found = nullptr;
    ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? std::optional<unsigned>(entry.gr_gid) : as_id(name);
}

Account SystemEnvironment::own_account() {
    return {::geteuid(), ::getegid()};
}

std::optional<std::string> SystemEnvironment::find_program(const std::string& name) {
    std::string path =
        variable("PATH").value_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    path += ':';
    for (std::size_t start = 0, end = path.find(':'); end != std::string::npos;
         start = end + 1, end = path.find(':', start)) {
        std::string candidate = path.substr(start, end - start) + '/' + name;
        struct stat status {};
        if (candidate.front() == '/' && ::stat(candidate.c_str(), &status) == 0 &&
            S_ISREG(status.st_mode) && may_execute(status, own_account())) {
            return candidate;
        }
    }
    return std::nullopt;
}

Program SystemEnvironment::program(const std::string& path, const Account& account) {
    Program result;
    for (const std::string& part : components(path)) {
        struct stat status {};
        if (::stat(part.c_str(), &status) == -1) {
            result.reason = error_text(errno);
            return result;
        }
        const bool is_program = part == path;
        if (is_program && !S_ISREG(status.st_mode)) {
            result.reason = "not a regular file";
            return result;
        }
        const bool passable = account.uid == 0 && !is_program;
        if (!passable && !may_execute(status, account)) {
            result.state = Program::State::NotExecutable;
            result.reason = is_program ? "it is not executable" : part + " is closed to it";
            return result;
        }
    }
    result.state = has_interpreter(path) ? Program::State::Usable : Program::State::NoInterpreter;
    result.insecure = insecure_part(path);
    return result;
}

}  // namespace tandem::config
