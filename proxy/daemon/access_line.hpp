// From an access record to one line of text or JSON. Pure.
#pragma once

#include "proxy/relay/access_record.hpp"
#include "proxy/relay/config.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace tandem::daemon {

/// Only names come from outside (the configuration); they are escaped once, here. Everything else
/// is a number, an address or a word of ours, so no line can hold a control character or break its
/// format.
class AccessLine {
  public:
    explicit AccessLine(const std::vector<relay::ServiceConfig>& services);

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
    std::vector<Names> services_;
};

}  // namespace tandem::daemon
