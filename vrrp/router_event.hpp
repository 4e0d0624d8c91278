// What a router hands to its elector, as data: nothing is allocated for an event while the election
// thread is at work. Private to router.cpp.
#pragma once

#include "vrrp/elector.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace tandem::vrrp {

struct Startup {};
struct Shutdown {};
struct Deadline {};
struct Acquired {
    bool ok;
};
struct Released {};
struct SendResult {
    bool sent;
};
struct FailoverOrder {
    std::optional<TimePoint> hold_until;
};
struct Resume {};
struct TakeBack {};
struct Fault {};  // whether faulty is read when its turn comes
struct Priority {
    std::uint8_t priority;
};
struct Reconfigured {};  // the router has the configuration
struct GroupClaim {};
struct GroupRelease {};
using Event = std::variant<Startup, Shutdown, Deadline, Acquired, Released, SendResult,
                           ReceivedAdvertisement, FailoverOrder, Resume, TakeBack, Fault, Priority,
                           Reconfigured, GroupClaim, GroupRelease>;

}  // namespace tandem::vrrp
