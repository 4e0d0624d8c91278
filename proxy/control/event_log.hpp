// Bounded list of what happened, newest kept. Pure: time is a parameter.
#pragma once

#include "proxy/control/backend.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace tandem::control {

using WallClock = std::chrono::system_clock;

struct Event {
    std::uint64_t sequence = 0;
    WallClock::time_point time;
    /// Stable id of the message catalogue, such as ELECTION_ACTIVE.
    std::string id;
    /// The log line's text.
    std::string text;
    /// Further fields: instance, from, to, reason, peer…
    boost::json::object fields;
};

boost::json::object to_json(const Event& event);

/// Not thread-safe; lives on the control thread. Holds at most `capacity` events; older ones go.
class EventLog {
  public:
    explicit EventLog(std::size_t capacity = 1000);
    std::uint64_t append(WallClock::time_point time, std::string id, std::string text,
                         boost::json::object fields);
    [[nodiscard]] std::vector<Event> query(const EventQuery& query) const;
    [[nodiscard]] std::uint64_t last_sequence() const;

  private:
    std::size_t capacity_;
    std::uint64_t last_sequence_ = 0;
    std::deque<Event> events_;
};

}  // namespace tandem::control
