#include "tests/simulation/tracked.hpp"

#include <algorithm>

namespace tandem::simulation {
namespace {

bool is_file(const vrrp::TrackedObject& object) {
    return object.kind == vrrp::TrackKind::File;
}

/// Weight 0: a fault while down (a file: while not 0), the other way round with reverse.
bool is_fault(const vrrp::TrackedObject& object, const vrrp::TrackStatus& status) {
    if (object.weight == 0) {
        const bool fails = is_file(object) ? status.value != 0 : !status.up.value_or(true);
        return !status.up || fails != object.reverse;
    }
    const std::int64_t sign = object.reverse ? -1 : 1;
    return is_file(object) && status.up && status.value * object.weight * sign <= -254;
}

/// +W while up, -W while down, a file: value times W; reverse turns the sign round.
std::int64_t weight_of(const vrrp::TrackedObject& object, const vrrp::TrackStatus& status) {
    if (!status.up || is_fault(object, status)) {
        return 0;
    }
    const std::int64_t weight = object.reverse ? -object.weight : object.weight;
    if (is_file(object)) {
        return std::min<std::int64_t>(status.value * weight, 253);
    }
    return *status.up == (object.weight > 0) ? weight : 0;
}

}  // namespace

Expectation expect(std::uint8_t configured, const std::vector<vrrp::TrackedObject>& objects,
                   const std::vector<vrrp::TrackStatus>& statuses) {
    Expectation result;
    std::int64_t sum = configured;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        result.faulty = result.faulty || is_fault(objects[i], statuses[i]);
        sum += weight_of(objects[i], statuses[i]);
    }
    result.priority = configured == 255
                          ? configured
                          : static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum, 1, 254));
    return result;
}

std::vector<vrrp::TrackedObject> random_objects(Random& random) {
    std::vector<vrrp::TrackedObject> objects(random.below(4));
    for (std::size_t i = 0; i < objects.size(); ++i) {
        auto& object = objects[i];
        object.kind = static_cast<vrrp::TrackKind>(random.below(4));
        object.name = "object" + std::to_string(i);
        object.weight = random.percent(40) ? 0 : static_cast<int>(random.below(121)) - 60;
        object.reverse = random.percent(20);
    }
    return objects;
}

vrrp::TrackStatus random_status(Random& random, const vrrp::TrackedObject& object) {
    vrrp::TrackStatus status;
    status.up = is_file(object) || random.percent(50);
    if (is_file(object)) {
        status.value = random.percent(40) ? 0 : static_cast<std::int64_t>(random.below(21)) - 10;
    }
    return status;
}

vrrp::TrackStatus harmless_status(Random& random, const vrrp::TrackedObject& object) {
    vrrp::TrackStatus status = random_status(random, object);
    if (is_fault(object, status)) {
        status.up = is_file(object) || !object.reverse;
        status.value = object.reverse && object.weight == 0 ? 1 : 0;
    }
    return status;
}

}  // namespace tandem::simulation
