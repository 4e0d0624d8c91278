#include "proxy/daemon/file_value.hpp"

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <string>

namespace tandem::daemon {

std::optional<int> parse_file_value(std::string_view text) {
    // Of its own, because strtol needs the end of the string.
    const std::string copy{text.substr(0, kFileValueSize)};
    char* end = nullptr;
    errno = 0;
    const long value = std::strtol(copy.c_str(), &end, 0);
    if (end == copy.c_str() || errno != 0 || value < std::numeric_limits<int>::min() ||
        value > std::numeric_limits<int>::max()) {
        return std::nullopt;
    }
    return static_cast<int>(value);
}

}  // namespace tandem::daemon
