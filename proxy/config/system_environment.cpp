#include "proxy/config/system_environment.hpp"

#include "proxy/config/load.hpp"
#include "proxy/config/load_from.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::config {
namespace {

constexpr std::size_t kLargestFile = std::size_t{64} << 20U;

class FileDescriptor {
  public:
    explicit FileDescriptor(int value) : value_(value) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (value_ != -1) {
            ::close(value_);
        }
    }
    [[nodiscard]] int get() const { return value_; }

  private:
    int value_;
};

std::string error_text(int error) {
    return std::error_code(error, std::generic_category()).message();
}

FileContent failed(std::string reason) {
    return {std::nullopt, std::move(reason), {}};
}

}  // namespace

FileContent SystemEnvironment::read(const std::string& path) {
    // Non-blocking, so that opening a FIFO cannot hang; regular files ignore it.
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() == -1) {
        return failed(error_text(errno));
    }
    struct stat status {};
    if (::fstat(file.get(), &status) == -1) {
        return failed(error_text(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return failed("not a regular file");
    }
    FileContent result;
    result.text.emplace();
    std::array<char, 65536> buffer;
    while (true) {
        const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        if (count == -1 && errno == EINTR) {
            continue;
        }
        if (count == -1) {
            return failed(error_text(errno));
        }
        if (count == 0) {
            break;
        }
        result.text->append(buffer.data(), static_cast<std::size_t>(count));
        if (result.text->size() > kLargestFile) {
            return failed("larger than 64 MiB");
        }
    }
    if ((status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0) {
        result.remark = "the file is executable; keepalived would not read it";
    }
    return result;
}

std::vector<std::string> SystemEnvironment::match(const std::string& pattern) {
    std::vector<std::string> result;
    glob_t matches{};
    if (::glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
        for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
            result.emplace_back(matches.gl_pathv[i]);
        }
    }
    ::globfree(&matches);
    return result;
}

std::optional<std::string> SystemEnvironment::variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string SystemEnvironment::host_name() {
    std::array<char, 256> buffer{};
    if (::gethostname(buffer.data(), buffer.size() - 1) == -1) {
        return "localhost";
    }
    const std::string name(buffer.data());
    return name.substr(0, name.find('.'));
}

Environment::Interface SystemEnvironment::interface(const std::string& name) {
    struct ifreq request {};
    if (name.size() >= sizeof(request.ifr_name)) {
        return Interface::Missing;
    }
    std::memcpy(request.ifr_name, name.data(), name.size());
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (socket.get() == -1 || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) == -1) {
        return Interface::Missing;
    }
    return (static_cast<unsigned>(request.ifr_flags) & unsigned{IFF_LOOPBACK}) != 0
               ? Interface::Loopback
               : Interface::Usable;
}

LoadResult load(const LoadOptions& options) {
    SystemEnvironment environment;
    return load_from(options, environment);
}

}  // namespace tandem::config
