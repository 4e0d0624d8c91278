// Where one record per connection goes. Plain data: filled by proxy/config.
#pragma once

#include <cstdint>
#include <string>

namespace tandem::relay {

struct AccessLogConfig {
    enum class Target : std::uint8_t { Off, File, Syslog };
    enum class Format : std::uint8_t { Text, Json };

    Target target = Target::Off;
    /// Absolute path; Target::File only.
    std::string file;
    Format format = Format::Text;

    /// The relay looks at nothing else.
    [[nodiscard]] bool enabled() const { return target != Target::Off; }
    bool operator==(const AccessLogConfig&) const = default;
};

}  // namespace tandem::relay
