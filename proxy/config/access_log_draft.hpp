// What one block says of the access log.
#pragma once

#include "proxy/config/syntax.hpp"
#include "proxy/relay/config.hpp"

#include <optional>
#include <string>

namespace tandem::config {

struct AccessLogDraft {
    /// Of access_log.
    Position at;
    std::optional<relay::AccessLogConfig::Target> target;
    std::string file;
    std::optional<relay::AccessLogConfig::Format> format;
};

/// The service's words, else the global ones, else the defaults.
relay::AccessLogConfig build_access_log(const AccessLogDraft& global,
                                        const AccessLogDraft& service);

}  // namespace tandem::config
