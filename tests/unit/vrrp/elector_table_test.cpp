// Every event in every situation: what is done, where it ends, and how long (in microseconds) until
// the next deadline. All events happen 200 ms after the situation was reached.
#include "tests/unit/vrrp/elector_fixture.hpp"

#include <functional>
#include <map>

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using test::make_advert;
using test::Subject;
using namespace std::chrono_literals;

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

using Event = std::function<Actions(Elector&, TimePoint)>;

const std::map<std::string, Event>& events() {
    static const std::map<std::string, Event> kEvents{
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

TEST(ElectorTable, EveryEventInEverySituation) {
    for (const Row& row : kTable) {
        Subject subject = in_situation(row.situation);
        subject.now += 200ms;
        const Actions actions = events().at(row.event)(subject.elector, subject.now);
        EXPECT_EQ(test::outcome(actions, subject), row.outcome)
            << row.situation << " x " << row.event;
    }
}

TEST(ElectorTable, IsComplete) {
    std::map<std::string, std::size_t> rows;
    for (const Row& row : kTable) {
        ++rows[row.situation];
    }
    EXPECT_EQ(rows.size(), 11U);
    for (const auto& [situation, count] : rows) {
        EXPECT_EQ(count, events().size()) << situation;
    }
}

}  // namespace
}  // namespace tandem::vrrp
