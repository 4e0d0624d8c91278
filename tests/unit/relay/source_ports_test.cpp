#include "proxy/relay/source_ports.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using namespace std::chrono_literals;

constexpr PortRange kRange{.first = 2000, .last = 2009};
const TimePoint kStart{1h};

TEST(SourcePorts, HalvesAreDisjointAndTogetherTheRange) {
    for (const PortRange range :
         {kRange, PortRange{.first = 2000, .last = 2010}, PortRange{.first = 1024, .last = 1025}}) {
        SourcePorts ports{range, 3};
        std::set<std::uint16_t> lower;
        std::set<std::uint16_t> upper;
        while (const auto port = ports.take(PortShare::LowerHalf, kStart)) {
            lower.insert(*port);
        }
        while (const auto port = ports.take(PortShare::UpperHalf, kStart)) {
            upper.insert(*port);
        }
        ASSERT_FALSE(lower.empty());
        ASSERT_FALSE(upper.empty());
        EXPECT_LT(*lower.rbegin(), *upper.begin());
        EXPECT_EQ(lower.size() + upper.size(), range.size());
        EXPECT_EQ(ports.size(PortShare::LowerHalf), lower.size());
        EXPECT_EQ(ports.size(PortShare::Whole), range.size());
        EXPECT_EQ(ports.in_use(), range.size());
    }
}

TEST(SourcePorts, TheWholeRangeIsBothHalves) {
    SourcePorts ports{kRange, 0};
    std::set<std::uint16_t> taken;
    while (const auto port = ports.take(PortShare::Whole, kStart)) {
        taken.insert(*port);
    }
    EXPECT_EQ(taken.size(), 10U);
}

/// What a caller may do in any order, against what must hold.
TEST(SourcePorts, T21_NeverAPortTwiceAndNoneIsLost) {
    for (unsigned seed = 1; seed <= 50; ++seed) {
        std::mt19937 random{seed};
        const PortRange range{.first = static_cast<std::uint16_t>(65535 - 2 - random() % 60),
                              .last = 65535};
        SourcePorts ports{range, random()};
        TimePoint now = kStart;
        std::vector<std::uint16_t> held;
        std::map<std::uint16_t, TimePoint> resting;
        for (int step = 0; step < 2000; ++step) {
            now += std::chrono::milliseconds{random() % 2000};
            if (random() % 2 == 0) {
                const auto share = static_cast<PortShare>(random() % 3);
                if (const auto port = ports.take(share, now)) {
                    ASSERT_GE(*port, range.first);
                    ASSERT_EQ(std::count(held.begin(), held.end(), *port), 0) << "seed " << seed;
                    ASSERT_TRUE(!resting.contains(*port) || resting[*port] <= now);
                    resting.erase(*port);
                    held.push_back(*port);
                }
            } else if (!held.empty()) {
                std::swap(held[random() % held.size()], held.back());
                const bool dirty = random() % 3 == 0;
                ports.give_back(held.back(), dirty ? PortState::Dirty : PortState::Clean, now);
                if (dirty) {
                    resting[held.back()] = now + PortRing::kQuarantine;
                }
                held.pop_back();
            }
            ASSERT_EQ(ports.in_use(), held.size());
        }
        for (const std::uint16_t port : held) {
            ports.give_back(port, PortState::Clean, now);
        }
        std::size_t count = 0;
        while (ports.take(PortShare::Whole, now + PortRing::kQuarantine)) {
            ++count;
        }
        EXPECT_EQ(count, range.size()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace tandem::relay
