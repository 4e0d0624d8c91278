// Descriptors that relayed connections leave to the rest of the process.
#pragma once

#include "proxy/relay/timer_wheel.hpp"

namespace tandem::relay {

/// The control socket, health checks and scripts must get descriptors also when clients take all
/// they can. The kernel hands out the lowest free number, so a new descriptor's number tells how
/// many are in use. RLIMIT_NOFILE is read again from time to time: prlimit(1) may change it while
/// the process runs. One thread.
class DescriptorReserve {
  public:
    /// A connection to an upstream keeps its descriptor only below this number. INT_MAX when the
    /// limit is unknown or larger; zero or less when the limit is smaller than the reserve.
    [[nodiscard]] int connect_bound(TimePoint now);
    /// The same for a client: lower, for whoever is accepted needs a second descriptor.
    [[nodiscard]] int accept_bound(TimePoint now);

  private:
    int connect_bound_ = 0;
    TimePoint next_reading_{};
};

}  // namespace tandem::relay
