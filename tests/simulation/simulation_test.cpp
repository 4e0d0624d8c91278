// The simulation with fixed seeds, for every build. Long runs: tandem_simulation.
#include "tests/simulation/world.hpp"

#include <gtest/gtest.h>

namespace tandem::simulation {
namespace {

constexpr std::uint64_t kSeedsPerBlock = 150;
constexpr unsigned kSteps = 400;

class Simulation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Simulation, SafetyAndLivenessHold) {
    for (std::uint64_t seed = GetParam(); seed < GetParam() + kSeedsPerBlock; ++seed) {
        const Result result = run(seed, kSteps);
        std::string history;
        for (const std::string& line : result.history) {
            history += line + "\n";
        }
        ASSERT_EQ(result.failure, "") << history << "again with: tandem_simulation --seed " << seed
                                      << " --seeds 1 --steps " << kSteps;
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::Values(1, 151, 301, 451, 601, 751));

TEST(SimulationItself, SameSeedSameRun) {
    const Result first = run(7, kSteps);
    const Result second = run(7, kSteps);
    EXPECT_EQ(first.counts.claims, second.counts.claims);
    EXPECT_EQ(first.counts.overlaps, second.counts.overlaps);
    EXPECT_EQ(first.counts.longest_silence, second.counts.longest_silence);
}

TEST(SimulationItself, ReachesTheInterestingStates) {
    Counts total;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const Result result = run(seed, kSteps);
        total.add(result.counts);
    }
    EXPECT_GT(total.claims, 400U);
    EXPECT_GT(total.overlaps, 20U);
    EXPECT_GT(total.group_claims, 100U);
    EXPECT_GT(total.faults, 100U);
}

}  // namespace
}  // namespace tandem::simulation
