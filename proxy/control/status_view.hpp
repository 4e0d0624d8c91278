// The status answer as text for people, at most 80 columns wide. Pure.
#pragma once

#include <chrono>
#include <string>

#include <boost/json/value.hpp>

namespace tandem::control {

struct ViewOptions {
    /// ANSI colours.
    bool colour = false;
    /// For "since … (5 min ago)".
    std::chrono::system_clock::time_point now;
};

/// Fields that are missing or of another type show as "-", so that client and daemon may differ in
/// version. Control characters in values show as "?".
std::string render_status(const boost::json::value& body, const ViewOptions& options);

/// One event of the list, one line without its newline: time, id, text.
std::string render_event(const boost::json::value& event);

}  // namespace tandem::control
