#include "vrrp/track.hpp"

#include "vrrp/config.hpp"

#include <algorithm>

namespace tandem::vrrp {
namespace {

/// A file that takes this much or more is a fault (keepalived).
constexpr std::int64_t kFileFault = -254;
constexpr std::int64_t kMostWeight = 253;

std::string sentence(const TrackedObject& object, const TrackStatus& status) {
    std::string text = std::string{to_string(object.kind)} + " " + object.name;
    if (!status.up) {
        return text + " has no result yet";
    }
    if (object.kind == TrackKind::File) {
        text += " contains " + std::to_string(status.value);
        if (object.weight != 0) {
            text += ", with weight " + std::to_string(object.weight);
        }
        return object.reverse ? text + ", and its track_file line says reverse" : text;
    }
    if (object.reverse) {
        return text + " is well, and its track_" + std::string{to_string(object.kind)} +
               " line says reverse";
    }
    return status.detail.empty() ? text + " failed" : text + " failed: " + status.detail;
}

/// What one file adds.
std::int64_t file_part(const TrackedObject& object, const TrackStatus& status) {
    // Values are bounded first: the product of any two must not overflow.
    const std::int64_t value = std::clamp<std::int64_t>(status.value, -100'000, 100'000);
    return value * object.weight * (object.reverse ? -1 : 1);
}

/// What an object with a weight adds that is not a file.
std::int64_t part(const TrackedObject& object, const TrackStatus& status) {
    if (!status.up) {
        return 0;
    }
    const std::int64_t sign = object.reverse ? -1 : 1;
    const bool counts = object.weight > 0 ? *status.up : !*status.up;
    return counts ? sign * object.weight : 0;
}

}  // namespace

std::string_view to_string(TrackKind kind) {
    switch (kind) {
        case TrackKind::Interface:
            return "interface";
        case TrackKind::Script:
            return "script";
        case TrackKind::File:
            return "file";
        case TrackKind::Process:
            return "process";
    }
    return "object";
}

TrackResult evaluate_tracking(std::uint8_t configured_priority,
                              std::span<const TrackedObject> objects,
                              std::span<const TrackStatus> statuses) {
    TrackResult result;
    std::int64_t priority = configured_priority;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        const TrackedObject& object = objects[i];
        const TrackStatus& status = statuses[i];
        const bool file = object.kind == TrackKind::File;
        if (file && object.weight != 0) {
            const std::int64_t added = status.up ? file_part(object, status) : 0;
            if (added <= kFileFault) {
                result.faults.push_back(sentence(object, status));
            } else {
                priority += std::min(added, kMostWeight);
            }
        } else if (object.weight != 0) {
            priority += part(object, status);
        } else {
            const bool well = file ? status.value == 0 : status.up.value_or(false);
            if (!status.up || well == object.reverse) {
                result.faults.push_back(sentence(object, status));
            }
        }
    }
    result.faulty = !result.faults.empty();
    constexpr std::int64_t kHighest = kOwnerPriority - 1;
    result.effective_priority =
        configured_priority == kOwnerPriority
            ? kOwnerPriority
            : static_cast<std::uint8_t>(std::clamp<std::int64_t>(priority, 1, kHighest));
    return result;
}

}  // namespace tandem::vrrp
