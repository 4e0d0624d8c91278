#include "proxy/relay/maglev.hpp"

#include "proxy/relay/client_hash.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using Members = std::vector<MaglevTable::Member>;

Members members(const std::vector<unsigned>& weights) {
    Members result;
    for (const unsigned weight : weights) {
        result.push_back({"198.51.100." + std::to_string(result.size() + 1) + ":80", weight});
    }
    return result;
}

std::vector<std::size_t> count_slots(const MaglevTable& table, std::size_t size) {
    std::vector<std::size_t> counts(size);
    for (const std::uint16_t owner : table.slots()) {
        ++counts.at(owner);
    }
    return counts;
}

std::vector<std::string> owners(const MaglevTable& table, const Members& of) {
    std::vector<std::string> names;
    for (const std::uint16_t owner : table.slots()) {
        names.push_back(of.at(owner).name);
    }
    return names;
}

TEST(Maglev, WithoutAWeightThereIsNoTable) {
    EXPECT_TRUE(MaglevTable({}).empty());
    EXPECT_TRUE(MaglevTable(members({0, 0})).empty());
    EXPECT_FALSE(MaglevTable(members({0, 1})).empty());
}

TEST(Maglev, EqualMembersOwnEqualParts) {
    for (const std::size_t size : {1U, 2U, 3U, 10U, 100U, 1000U}) {
        const MaglevTable table{members(std::vector<unsigned>(size, 7))};
        ASSERT_EQ(table.slots().size(), MaglevTable::kSlots);
        const auto counts = count_slots(table, size);
        const auto [least, most] = std::ranges::minmax(counts);
        EXPECT_LE(most - least, 1U) << size;
    }
}

TEST(Maglev, WeightsArePartsOfTheTable) {
    std::mt19937 random{1};
    for (int round = 0; round < 20; ++round) {
        std::vector<unsigned> weights;
        double total = 0;
        for (unsigned count = static_cast<unsigned>(1 + random() % 20); count > 0; --count) {
            weights.push_back(static_cast<unsigned>(random() % 100));
            total += weights.back();
        }
        weights.push_back(1);
        total += 1;
        const auto counts = count_slots(MaglevTable{members(weights)}, weights.size());
        for (std::size_t index = 0; index < weights.size(); ++index) {
            EXPECT_NEAR(static_cast<double>(counts[index]),
                        weights[index] * static_cast<double>(MaglevTable::kSlots) / total, 2.0);
        }
    }
}

TEST(Maglev, TheWidestWeightsAreFast) {
    std::vector<unsigned> weights(200, 1);
    weights.push_back(65535);
    const auto counts = count_slots(MaglevTable{members(weights)}, weights.size());
    EXPECT_GT(counts.back(), MaglevTable::kSlots * 99 / 100);
}

// Else it would ask for the same slot again and again.
TEST(Maglev, NobodysStepIsZero) {
    std::string name;
    for (unsigned number = 0; name.empty(); ++number) {
        const std::string candidate = "upstream" + std::to_string(number);
        if (mix(hash_text(candidate) + 1) % MaglevTable::kSlots == 0) {
            name = candidate;
        }
    }
    const auto counts = count_slots(MaglevTable{{{name, 1}, {"other", 1}}}, 2);
    EXPECT_EQ(counts[0] + counts[1], MaglevTable::kSlots);
}

TEST(Maglev, TheOrderOfMembersDoesNotCount) {
    std::mt19937 random{2};
    Members original = members({1, 2, 3, 4, 5, 60, 7});
    const auto expected = owners(MaglevTable{original}, original);
    for (int round = 0; round < 10; ++round) {
        Members shuffled = original;
        std::ranges::shuffle(shuffled, random);
        EXPECT_EQ(owners(MaglevTable{shuffled}, shuffled), expected);
    }
}

// Slots of the others that change hands when one leaves: under 5 % of the table.
TEST(Maglev, OneThatLeavesHardlyDisturbsTheOthers) {
    for (const std::size_t size : {3U, 5U, 10U, 50U}) {
        const Members all = members(std::vector<unsigned>(size, 1));
        const auto before = owners(MaglevTable{all}, all);
        for (std::size_t gone = 0; gone < std::min<std::size_t>(size, 5); ++gone) {
            Members rest = all;
            rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
            const auto after = owners(MaglevTable{rest}, rest);
            std::size_t moved = 0;
            for (std::size_t slot = 0; slot < MaglevTable::kSlots; ++slot) {
                moved += before[slot] != all[gone].name && after[slot] != before[slot] ? 1U : 0U;
            }
            EXPECT_LT(moved, MaglevTable::kSlots / 20) << size << " without " << gone;
        }
    }
}

}  // namespace
}  // namespace tandem::relay
