// From an access record to one line of text or JSON. Pure.
#pragma once

#include "proxy/relay/access_record.hpp"
#include "proxy/relay/config.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tandem::daemon {

/// Only names come from outside (the configuration); they are escaped once, here. Everything else
/// is a number, an address or a word of ours, so no line can hold a control character or break its
/// format.
class AccessLine {
  public:
    /// @param services by the number that records have of them.
    explicit AccessLine(const std::map<std::uint16_t, relay::ServiceConfig>& services);

    /// Whether append() knows the record's service.
    [[nodiscard]] bool knows(const relay::AccessRecord& record) const {
        return services_.contains(record.service);
    }

    /// Appends the line and its newline.
    /// @param started the record's start on the wall clock.
    void append(std::string& out, const relay::AccessRecord& record,
                std::chrono::system_clock::time_point started) const;

  private:
    struct Names {
        relay::AccessLogConfig::Format format;
        std::string service;
        std::vector<std::string> upstreams;
    };
    std::map<std::uint16_t, Names> services_;
};

}  // namespace tandem::daemon
