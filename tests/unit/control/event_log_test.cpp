#include "proxy/control/event_log.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using std::chrono::seconds;

const WallClock::time_point kStart{seconds(1'700'000'000)};

std::vector<std::uint64_t> sequences(const std::vector<Event>& events) {
    std::vector<std::uint64_t> result;
    for (const Event& event : events) {
        result.push_back(event.sequence);
    }
    return result;
}

EventLog log_of(std::size_t capacity, int count) {
    EventLog log(capacity);
    for (int index = 0; index < count; ++index) {
        log.append(kStart + seconds(index), "ID", "text", {});
    }
    return log;
}

TEST(EventLog, NumbersFromOneWithoutGap) {
    EventLog log;
    EXPECT_EQ(log.last_sequence(), 0U);
    EXPECT_EQ(log.append(kStart, "A", "a", {}), 1U);
    EXPECT_EQ(log.append(kStart, "B", "b", {}), 2U);
    EXPECT_EQ(log.last_sequence(), 2U);
}

TEST(EventLog, KeepsTheNewestUpToItsCapacity) {
    EXPECT_EQ(sequences(log_of(3, 5).query({})), (std::vector<std::uint64_t>{3, 4, 5}));
    EXPECT_EQ(sequences(log_of(3, 3).query({})), (std::vector<std::uint64_t>{1, 2, 3}));
    EXPECT_EQ(log_of(3, 5).last_sequence(), 5U);
}

TEST(EventLog, CapacityZeroKeepsNothingButCounts) {
    EXPECT_TRUE(log_of(0, 2).query({}).empty());
    EXPECT_EQ(log_of(0, 2).last_sequence(), 2U);
}

TEST(EventLog, QueryAfterASequenceExcludesIt) {
    const EventLog log = log_of(10, 4);
    EXPECT_EQ(sequences(log.query({2, {}})), (std::vector<std::uint64_t>{3, 4}));
    EXPECT_TRUE(log.query({4, {}}).empty());
    EXPECT_TRUE(log.query({99, {}}).empty());
}

TEST(EventLog, QuerySinceIncludesTheMoment) {
    const EventLog log = log_of(10, 4);
    EXPECT_EQ(sequences(log.query({0, kStart + seconds(2)})), (std::vector<std::uint64_t>{3, 4}));
    EXPECT_EQ(sequences(log.query({3, kStart + seconds(2)})), (std::vector<std::uint64_t>{4}));
}

TEST(EventLog, QuerySinceSurvivesAClockSetBack) {
    EventLog log;
    log.append(kStart + seconds(100), "A", "a", {});
    log.append(kStart, "B", "b", {});
    log.append(kStart + seconds(100), "C", "c", {});
    EXPECT_EQ(sequences(log.query({0, kStart + seconds(50)})), (std::vector<std::uint64_t>{1, 3}));
}

TEST(EventLog, JsonHasTheFixedFieldsFirstAndCannotLoseThem) {
    const Event event{7,
                      kStart,
                      "ELECTION_ACTIVE",
                      "Entering MASTER STATE",
                      {{"instance", "VI_1"}, {"id", "forged"}}};
    EXPECT_EQ(boost::json::serialize(to_json(event)),
              R"({"sequence":7,"time":"2023-11-14T22:13:20.000Z","id":"ELECTION_ACTIVE",)"
              R"("text":"Entering MASTER STATE","instance":"VI_1"})");
}

}  // namespace
}  // namespace tandem::control
