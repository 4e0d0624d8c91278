#include "proxy/config/system_environment.hpp"

#include "proxy/config/load.hpp"
#include "proxy/config/load_from.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
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

template <class Bytes>
std::uint8_t mask_length(const Bytes& mask) {
    unsigned length = 0;
    for (const std::uint8_t byte : mask) {
        length += static_cast<unsigned>(std::popcount(byte));
    }
    return static_cast<std::uint8_t>(length);
}

/// Unset for other families.
std::optional<HostAddress> host_address(const ifaddrs& entry) {
    using boost::asio::ip::address_v4;
    using boost::asio::ip::address_v6;
    if (entry.ifa_addr == nullptr || entry.ifa_netmask == nullptr) {
        return std::nullopt;
    }
    HostAddress result;
    // The label of an address is not the name of its interface: "eth0:1" is on eth0.
    result.interface = entry.ifa_name;
    result.interface.resize(std::min(result.interface.find(':'), result.interface.size()));
    if (entry.ifa_addr->sa_family == AF_INET) {
        struct sockaddr_in address {};
        struct sockaddr_in mask {};
        std::memcpy(&address, entry.ifa_addr, sizeof(address));
        std::memcpy(&mask, entry.ifa_netmask, sizeof(mask));
        result.address = address_v4(std::bit_cast<address_v4::bytes_type>(address.sin_addr));
        result.prefix_length = mask_length(std::bit_cast<address_v4::bytes_type>(mask.sin_addr));
        return result;
    }
    if (entry.ifa_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 address {};
        struct sockaddr_in6 mask {};
        std::memcpy(&address, entry.ifa_addr, sizeof(address));
        std::memcpy(&mask, entry.ifa_netmask, sizeof(mask));
        result.address = address_v6(std::bit_cast<address_v6::bytes_type>(address.sin6_addr));
        result.prefix_length = mask_length(std::bit_cast<address_v6::bytes_type>(mask.sin6_addr));
        return result;
    }
    return std::nullopt;
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
    std::array<char, 65536> buffer{};
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
    result.mode = status.st_mode & 07777U;
    result.exposed = (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
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

std::vector<HostAddress> SystemEnvironment::addresses() {
    std::vector<HostAddress> result;
    struct ifaddrs* list = nullptr;
    if (::getifaddrs(&list) == -1) {
        return result;
    }
    for (const struct ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (auto address = host_address(*entry)) {
            result.push_back(*std::move(address));
        }
    }
    ::freeifaddrs(list);
    return result;
}

std::chrono::microseconds SystemEnvironment::uptime() {
    struct timespec now {};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::duration_cast<std::chrono::microseconds>(
                                                  std::chrono::nanoseconds{now.tv_nsec});
}

LoadResult load(const LoadOptions& options) {
    SystemEnvironment environment;
    return load_from(options, environment);
}

}  // namespace tandem::config
