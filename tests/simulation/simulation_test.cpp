// The simulation with fixed seeds, for every build. Long runs: tandem_simulation.
#include "tests/simulation/world.hpp"

#include <gtest/gtest.h>

namespace tandem::simulation {
namespace {

constexpr std::uint64_t kSeedsPerBlock = 50;
constexpr unsigned kSteps = 100;

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

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::Values(1, 51, 101, 151, 201, 251));

TEST(SimulationItself, SameSeedSameRun) {
    const Result first = run(7, kSteps);
    const Result second = run(7, kSteps);
    EXPECT_EQ(first.counts.claims, second.counts.claims);
    EXPECT_EQ(first.counts.overlaps, second.counts.overlaps);
    EXPECT_EQ(first.counts.longest_silence, second.counts.longest_silence);
}

TEST(SimulationItself, ReachesTheInterestingStates) {
    std::uint64_t claims = 0;
    std::uint64_t overlaps = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const Result result = run(seed, kSteps);
        claims += result.counts.claims;
        overlaps += result.counts.overlaps;
    }
    EXPECT_GT(claims, 500U);
    EXPECT_GT(overlaps, 20U);
}

}  // namespace
}  // namespace tandem::simulation
