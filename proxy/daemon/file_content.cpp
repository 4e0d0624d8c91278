#include "proxy/daemon/file_content.hpp"

#include "netlink/file_descriptor.hpp"
#include "proxy/daemon/file_value.hpp"

#include <array>
#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {

FileContent read_file(const std::string& path) {
    const netlink::FileDescriptor file{
        ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
    if (!file.is_open()) {
        return {.error = errno};
    }
    struct stat status {};
    if (::fstat(file.get(), &status) == -1) {
        return {.error = errno};
    }
    if (!S_ISREG(status.st_mode)) {
        return {.regular = false};
    }
    std::array<char, kFileValueSize> buffer{};
    const ssize_t length = ::read(file.get(), buffer.data(), buffer.size());
    if (length == -1) {
        return {.error = errno};
    }
    return {.text = std::string{buffer.data(), static_cast<std::size_t>(length)}};
}

}  // namespace tandem::daemon
