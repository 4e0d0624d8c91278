// Every event in every situation: what is done, where it ends, and how long (in microseconds) until
// the next deadline. All events happen 200 ms after the situation was reached. UPDATE_TABLE=FILE
// writes the table as it is now: review the difference like code.
#include "tests/unit/vrrp/elector_fixture.hpp"

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using test::make_advert;
using test::Subject;
using namespace std::chrono_literals;

/// Startup delay running; preempt delay running.
Subject make_delayed(const std::string& name) {
    InstanceConfig config = test::make_config();
    (name == "deaf" ? config.startup_delay : config.preempt_delay) = 10s;
    Subject subject{Elector(config), test::kStart};
    subject.elector.on_startup(subject.now);
    if (name == "delaying") {
        subject.elector.on_advertisement(make_advert(50), subject.now);
    }
    return subject;
}

/// Of a sync group: wants to be active, is active, or would want to and has a release in flight.
Subject make_member(const std::string& name) {
    InstanceConfig config = test::make_config();
    config.in_sync_group = true;
    Subject subject{Elector(config), test::kStart};
    subject.elector.on_startup(subject.now);
    subject.now = *subject.elector.next_deadline();
    subject.elector.on_deadline(subject.now);
    if (name == "member wants") {
        return subject;
    }
    subject.elector.on_group_claim(subject.now);
    subject.elector.on_addresses_acquired(true, subject.now);
    if (name == "member waits for release") {
        subject.elector.on_group_release(subject.now);
        subject.now = *subject.elector.next_deadline();
        subject.elector.on_deadline(subject.now);
    }
    return subject;
}

Subject in_situation(const std::string& name) {
    if (name == "initialize") {
        return {Elector(test::make_config()), test::kStart};
    }
    if (name == "backup") {
        return test::make_backup();
    }
    if (name == "acquiring") {
        return test::make_acquiring();
    }
    if (name == "deaf" || name == "delaying") {
        return make_delayed(name);
    }
    if (name.rfind("member", 0) == 0) {
        return make_member(name);
    }
    Subject subject = test::make_active();
    if (name == "failing over") {
        subject.elector.on_failover(std::nullopt, subject.now);
    } else if (name == "stopping") {
        subject.elector.on_shutdown(subject.now);
    } else if (name == "gave way" || name == "claim waits") {
        subject.elector.on_advertisement(make_advert(200), subject.now);
        if (name == "claim waits") {
            subject.now = *subject.elector.next_deadline();
            subject.elector.on_deadline(subject.now);
        }
    } else if (name == "holding") {
        subject.elector.on_failover(std::nullopt, subject.now);
        subject.elector.on_addresses_released(subject.now);
    } else if (name == "fault") {
        subject.elector.on_fault(true, subject.now);
        subject.elector.on_addresses_released(subject.now);
    } else if (name == "fault, releasing") {
        subject.elector.on_fault(true, subject.now);
    }
    return subject;
}

constexpr const char* kSituations[] = {
    "initialize",   "backup",       "acquiring",        "active",
    "failing over", "stopping",     "gave way",         "claim waits",
    "holding",      "fault",        "fault, releasing", "deaf",
    "delaying",     "member wants", "member active",    "member waits for release",
};

using Event = std::function<Actions(Elector&, TimePoint)>;

const std::vector<std::pair<std::string, Event>>& events() {
    static const std::vector<std::pair<std::string, Event>> kEvents{
        {"startup", [](Elector& e, TimePoint now) { return e.on_startup(now); }},
        {"shutdown", [](Elector& e, TimePoint now) { return e.on_shutdown(now); }},
        {"advert 0",
         [](Elector& e, TimePoint now) { return e.on_advertisement(make_advert(0), now); }},
        {"advert 99",
         [](Elector& e, TimePoint now) { return e.on_advertisement(make_advert(99), now); }},
        {"advert 100 low",
         [](Elector& e, TimePoint now) {
             return e.on_advertisement(make_advert(100, "198.51.100.10"), now);
         }},
        {"advert 100 high",
         [](Elector& e, TimePoint now) { return e.on_advertisement(make_advert(100), now); }},
        {"advert 101",
         [](Elector& e, TimePoint now) { return e.on_advertisement(make_advert(101), now); }},
        {"early deadline", [](Elector& e, TimePoint now) { return e.on_deadline(now); }},
        {"acquired", [](Elector& e, TimePoint now) { return e.on_addresses_acquired(true, now); }},
        {"not acquired",
         [](Elector& e, TimePoint now) { return e.on_addresses_acquired(false, now); }},
        {"released", [](Elector& e, TimePoint now) { return e.on_addresses_released(now); }},
        {"fault", [](Elector& e, TimePoint now) { return e.on_fault(true, now); }},
        {"no fault", [](Elector& e, TimePoint now) { return e.on_fault(false, now); }},
        {"failover", [](Elector& e, TimePoint now) { return e.on_failover(std::nullopt, now); }},
        {"resume", [](Elector& e, TimePoint now) { return e.on_resume(now); }},
        {"take back", [](Elector& e, TimePoint now) { return e.on_take_back(now); }},
        {"sent", [](Elector& e, TimePoint now) { return e.on_send_result(true, now); }},
        {"not sent", [](Elector& e, TimePoint now) { return e.on_send_result(false, now); }},
        {"priority 90", [](Elector& e, TimePoint now) { return e.on_priority(90, now); }},
        {"priority 110", [](Elector& e, TimePoint now) { return e.on_priority(110, now); }},
        {"group claim", [](Elector& e, TimePoint now) { return e.on_group_claim(now); }},
        {"group release", [](Elector& e, TimePoint now) { return e.on_group_release(now); }},
    };
    return kEvents;
}

struct Row {
    const char* situation;
    const char* event;
    const char* outcome;
};

constexpr Row kTable[] = {
#include "tests/unit/vrrp/elector_table.inc"
};

std::string run(const char* situation, const Event& event) {
    Subject subject = in_situation(situation);
    subject.now += 200ms;
    const Actions actions = event(subject.elector, subject.now);
    return test::outcome(actions, subject);
}

TEST(ElectorTable, EveryEventInEverySituation) {
    std::map<std::pair<std::string, std::string>, std::string> table;
    for (const Row& row : kTable) {
        table[{row.situation, row.event}] = row.outcome;
    }
    std::ofstream update;
    if (const char* path = std::getenv("UPDATE_TABLE")) {
        update.open(path);
    }
    for (const char* situation : kSituations) {
        for (const auto& [name, event] : events()) {
            const std::string outcome = run(situation, event);
            EXPECT_EQ(outcome, (table[{situation, name}])) << situation << " x " << name;
            update << "{\"" << situation << "\", \"" << name << "\", \"" << outcome << "\"},\n";
        }
    }
    EXPECT_EQ(table.size(), std::size(kSituations) * events().size());
}

}  // namespace
}  // namespace tandem::vrrp
