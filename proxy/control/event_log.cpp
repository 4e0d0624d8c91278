#include "proxy/control/event_log.hpp"

#include "proxy/control/time_text.hpp"

#include <utility>

namespace tandem::control {

boost::json::object to_json(const Event& event) {
    // The free fields go last and never replace the fixed ones.
    boost::json::object object;
    object["sequence"] = event.sequence;
    object["time"] = format_rfc3339(event.time);
    object["id"] = event.id;
    object["text"] = event.text;
    for (const auto& field : event.fields) {
        object.insert(field);
    }
    return object;
}

EventLog::EventLog(std::size_t capacity) : capacity_(capacity) {}

std::uint64_t EventLog::append(WallClock::time_point time, std::string id, std::string text,
                               boost::json::object fields) {
    ++last_sequence_;
    events_.push_back({last_sequence_, time, std::move(id), std::move(text), std::move(fields)});
    while (events_.size() > capacity_) {
        events_.pop_front();
    }
    return last_sequence_;
}

std::vector<Event> EventLog::query(const EventQuery& query) const {
    // A linear pass: the list is short, and the wall clock may have been set back in between.
    std::vector<Event> found;
    for (const Event& event : events_) {
        if (event.sequence > query.after_sequence && (!query.since || event.time >= *query.since)) {
            found.push_back(event);
        }
    }
    return found;
}

std::uint64_t EventLog::last_sequence() const {
    return last_sequence_;
}

}  // namespace tandem::control
