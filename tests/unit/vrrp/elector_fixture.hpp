// Electors brought into every situation that the tables use. Node: version 3, priority 100, 1 s,
// 198.51.100.11.
#pragma once

#include "tests/support/elector_text.hpp"
#include "vrrp/elector.hpp"

#include <string>
#include <vector>

namespace tandem::vrrp::test {

using namespace std::chrono_literals;

inline constexpr TimePoint kStart{1000s};

inline InstanceConfig make_config(std::uint8_t priority = 100) {
    InstanceConfig config;
    config.name = "test";
    config.virtual_router_id = 51;
    config.version = Version::V3;
    config.priority = priority;
    config.source_address = boost::asio::ip::make_address("198.51.100.11");
    return config;
}

inline ReceivedAdvertisement make_advert(std::uint8_t priority,
                                         const char* source = "198.51.100.12") {
    return {priority, boost::asio::ip::make_address(source), 1s};
}

/// An elector and the time of its last event.
struct Subject {
    Elector elector;
    TimePoint now;
};

inline Subject make_backup() {
    Subject subject{Elector(make_config()), kStart};
    subject.elector.on_startup(subject.now);
    return subject;
}

/// Active, acquisition in flight.
inline Subject make_acquiring() {
    Subject subject = make_backup();
    subject.now = *subject.elector.next_deadline();
    subject.elector.on_deadline(subject.now);
    return subject;
}

inline Subject make_active() {
    Subject subject = make_acquiring();
    subject.elector.on_addresses_acquired(true, subject.now);
    return subject;
}

/// One line: the actions, then where the elector ended and how long until its deadline.
inline std::string outcome(const Actions& actions, const Subject& subject) {
    std::string text;
    for (const std::string& line : tandem::test::describe(actions)) {
        text += line + "; ";
    }
    const Elector& elector = subject.elector;
    text += "= " + std::string(to_string(elector.state()));
    text += elector.holding() ? " holding" : "";
    text += elector.releasing() ? " releasing" : "";
    text += elector.wants_active() ? " wanting" : "";
    if (const auto next = elector.next_deadline()) {
        const auto wait = std::chrono::duration_cast<Duration>(*next - subject.now);
        text += " +" + std::to_string(wait.count());
    }
    return text;
}

}  // namespace tandem::vrrp::test
