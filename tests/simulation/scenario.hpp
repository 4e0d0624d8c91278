// What one seed sets up: two nodes, their virtual routers, and which faults happen.
#pragma once

#include "tests/simulation/checkers.hpp"

#include <array>
#include <string>

namespace tandem::simulation {

// Each seed uses a random subset of the faults: few together find other things than all together.
inline constexpr unsigned kLoss = 1;
inline constexpr unsigned kCut = 2;
inline constexpr unsigned kKill = 4;
inline constexpr unsigned kPause = 8;
inline constexpr unsigned kLink = 16;
inline constexpr unsigned kOperator = 32;
inline constexpr unsigned kAddress = 64;
inline constexpr unsigned kTrack = 128;
inline constexpr unsigned kSend = 256;
inline constexpr unsigned kForge = 512;
inline constexpr unsigned kAllFaults = 1023;

struct Scenario {
    std::array<NodeSettings, 2> nodes;
    Bounds bounds;
    unsigned faults = 0;
};

Scenario random_scenario(Random& random);
/// One line for each instance, for people.
std::string describe(const NodeSettings& node, std::size_t router);

}  // namespace tandem::simulation
