#include "proxy/relay/balancer.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

std::vector<UpstreamConfig> upstreams(const std::vector<unsigned>& weights) {
    std::vector<UpstreamConfig> result;
    for (const unsigned weight : weights) {
        UpstreamConfig upstream;
        upstream.weight = weight;
        result.push_back(upstream);
    }
    return result;
}

/// Letters for indices, '-' for nobody.
std::string picks(Balancer& balancer, int count, const std::vector<std::uint16_t>& tried = {}) {
    std::string result;
    for (int pick = 0; pick < count; ++pick) {
        const auto index = balancer.pick(tried);
        result += index ? static_cast<char>('a' + *index) : '-';
    }
    return result;
}

struct Case {
    const char* name;
    Algorithm algorithm;
    std::vector<unsigned> weights;
    std::vector<std::size_t> down;
    std::vector<std::uint16_t> tried;
    std::string expected;
};

class BalancerTable : public testing::TestWithParam<Case> {};

TEST_P(BalancerTable, Picks) {
    const Case& test = GetParam();
    Balancer balancer{test.algorithm, upstreams(test.weights)};
    for (const std::size_t index : test.down) {
        balancer.set_up(index, false);
    }
    EXPECT_EQ(picks(balancer, static_cast<int>(test.expected.size()), test.tried), test.expected);
}

constexpr auto kRr = Algorithm::RoundRobin;
constexpr auto kWrr = Algorithm::WeightedRoundRobin;

INSTANTIATE_TEST_SUITE_P(
    Tables, BalancerTable,
    testing::Values(Case{"RoundRobin", kRr, {1, 1, 1}, {}, {}, "abcabc"},
                    Case{"RoundRobinIgnoresWeights", kRr, {5, 1}, {}, {}, "abab"},
                    Case{"RoundRobinZeroDrains", kRr, {1, 0, 1}, {}, {}, "acac"},
                    Case{"RoundRobinSkipsDown", kRr, {1, 1, 1}, {1}, {}, "acac"},
                    Case{"RoundRobinSkipsTried", kRr, {1, 1, 1}, {}, {0, 2}, "bbb"},
                    Case{"RoundRobinAllTried", kRr, {1, 1}, {}, {0, 1}, "--"},
                    Case{"RoundRobinAllDownRefuses", kRr, {1, 1}, {0, 1}, {}, "--"},
                    Case{"NobodyConfigured", kRr, {}, {}, {}, "-"},
                    Case{"NobodyConfiguredWeighted", kWrr, {}, {}, {}, "-"},
                    Case{"WeightedIsSmooth", kWrr, {5, 1, 1}, {}, {}, "aabacaaaabacaa"},
                    Case{"WeightedEqual", kWrr, {3, 3}, {}, {}, "abab"},
                    Case{"WeightedZeroDrains", kWrr, {0, 1}, {}, {}, "bbb"},
                    Case{"WeightedSkipsDown", kWrr, {5, 1}, {0}, {}, "bbb"},
                    Case{"WeightedSkipsTried", kWrr, {5, 1}, {}, {0}, "bbb"},
                    Case{"WeightedAllDownRefuses", kWrr, {5, 1}, {0, 1}, {}, "--"}),
    [](const auto& test) { return test.param.name; });

TEST(Balancer, StartDownIsDownUntilSetUp) {
    auto configs = upstreams({1, 1});
    configs[0].check = HealthCheckConfig{};
    configs[0].check->start_down = true;
    Balancer balancer{kRr, configs};
    EXPECT_EQ(picks(balancer, 3), "bbb");
    balancer.set_up(0, true);
    EXPECT_EQ(picks(balancer, 4), "abab");
}

TEST(Balancer, ReturnOfAnUpstreamMakesNoBurst) {
    Balancer balancer{kWrr, upstreams({1, 1})};
    EXPECT_EQ(picks(balancer, 1), "a");
    balancer.set_up(0, false);
    EXPECT_EQ(picks(balancer, 5), "bbbbb");
    balancer.set_up(0, true);
    const std::string after = picks(balancer, 6);
    EXPECT_EQ(std::count(after.begin(), after.end(), 'a'), 3) << after;
}

// Over one sum of the weights everybody is picked as often as its weight says.
TEST(Balancer, RandomWeightsAreKeptExactly) {
    std::mt19937 random{1};
    for (int round = 0; round < 200; ++round) {
        std::vector<unsigned> weights;
        unsigned total = 0;
        for (unsigned count = static_cast<unsigned>(1 + random() % 6); count > 0; --count) {
            weights.push_back(static_cast<unsigned>(random() % 20));
            total += weights.back();
        }
        Balancer balancer{kWrr, upstreams(weights)};
        std::map<std::size_t, unsigned> counts;
        for (unsigned pick = 0; pick < total; ++pick) {
            const auto index = balancer.pick({});
            ASSERT_TRUE(index);
            ++counts[*index];
        }
        for (std::size_t index = 0; index < weights.size(); ++index) {
            EXPECT_EQ(counts[index], weights[index]);
        }
    }
}

}  // namespace
}  // namespace tandem::relay
