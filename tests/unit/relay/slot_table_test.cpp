#include "proxy/relay/slot_table.hpp"

#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

TEST(SlotTable, T32_AnErasedTokenIsNeverFoundAgain) {
    SlotTable<int> table;
    int first = 1;
    int second = 2;
    const auto old = table.insert(first);
    table.erase(old);
    EXPECT_EQ(table.find(old), nullptr);
    const auto fresh = table.insert(second);
    EXPECT_EQ(static_cast<std::uint32_t>(old), static_cast<std::uint32_t>(fresh)) << "same slot";
    EXPECT_EQ(table.find(old), nullptr);
    EXPECT_EQ(table.find(fresh), &second);
    table.erase(old);
    EXPECT_EQ(table.find(fresh), &second) << "a stale erase must not hit the new owner";
}

TEST(SlotTable, UnknownTokensAreHarmless) {
    SlotTable<int> table;
    EXPECT_EQ(table.find(0), nullptr);
    EXPECT_EQ(table.find(~std::uint64_t{0}), nullptr);
    table.erase(7);
    int item = 0;
    const auto token = table.insert(item);
    table.erase(token);
    table.erase(token);
    EXPECT_NE(table.insert(item), table.insert(item));
}

TEST(SlotTable, RandomUseAgainstAMap) {
    std::mt19937_64 random{3};
    SlotTable<int> table;
    std::vector<int> items(100);
    std::unordered_map<std::uint64_t, int*> live;
    std::vector<std::uint64_t> dead;
    for (int step = 0; step < 20000; ++step) {
        if (random() % 2 == 0 || live.empty()) {
            int& item = items[random() % items.size()];
            const auto token = table.insert(item);
            ASSERT_TRUE(live.emplace(token, &item).second);
        } else {
            const auto entry = live.begin();
            table.erase(entry->first);
            dead.push_back(entry->first);
            live.erase(entry);
        }
        for (const auto& [token, item] : live) {
            ASSERT_EQ(table.find(token), item);
            break;
        }
        if (!dead.empty()) {
            ASSERT_EQ(table.find(dead[random() % dead.size()]), nullptr);
        }
    }
}

}  // namespace
}  // namespace tandem::relay
