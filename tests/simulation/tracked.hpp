// What the tracked objects of a node mean, computed a second time: short, and from the rules alone,
// so that a defect of vrrp/track does not hide itself.
#pragma once

#include "tests/simulation/random.hpp"
#include "vrrp/track.hpp"

#include <cstdint>
#include <vector>

namespace tandem::simulation {

struct Expectation {
    bool faulty = false;
    std::uint8_t priority = 0;
};

/// The reference: what the instance must advertise and whether it may take part.
Expectation expect(std::uint8_t configured, const std::vector<vrrp::TrackedObject>& objects,
                   const std::vector<vrrp::TrackStatus>& statuses);

std::vector<vrrp::TrackedObject> random_objects(Random& random);
vrrp::TrackStatus random_status(Random& random, const vrrp::TrackedObject& object);
/// Known, and no reason for a fault. Weights may still count.
vrrp::TrackStatus harmless_status(Random& random, const vrrp::TrackedObject& object);

}  // namespace tandem::simulation
