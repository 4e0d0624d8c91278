// From a catalogue entry and its fields to one line of text or JSON. Pure.
#pragma once

#include "proxy/daemon/messages.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

namespace tandem::daemon {

/// Named values of one message, in the order in which they are printed.
using Fields = std::vector<std::pair<std::string, std::string>>;

/// Control characters as \xNN.
std::string escaped(std::string_view value);
/// In quotes if there is a blank, a quote or an equals sign in it, or nothing.
std::string quoted_if_needed(const std::string& value);

/// `{name}` replaced by the fields. Control characters of values are escaped: values may come from
/// the network.
std::string expand(const Message& message, const Fields& fields);

/// `ID text key=value… (advice)`; fields that the text names are not repeated.
std::string to_text_line(const Message& message, const Fields& fields);

/// {"id","level","text", fields…, "advice"}
boost::json::object to_json_object(const Message& message, const Fields& fields);

/// Bounds repeated messages: per key, `kPerSecond` lines in a second; the rest is counted and
/// told with the next line that passes. Bounded to kKeys keys; beyond them everything is refused
/// until a key has been quiet for a second.
class LogLimiter {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr unsigned kPerSecond = 5;
    static constexpr std::size_t kKeys = 1024;

    struct Verdict {
        bool pass = false;
        /// Lines of this key suppressed since the last one that passed.
        std::uint64_t suppressed = 0;
    };
    Verdict check(const std::string& key, TimePoint now);

  private:
    struct Bucket {
        TimePoint window_start;
        unsigned in_window = 0;
        std::uint64_t suppressed = 0;
    };
    void forget_quiet_keys(TimePoint now);
    std::map<std::string, Bucket> buckets_;
};

}  // namespace tandem::daemon
