// Real-time priority and memory locking: what keeps the election thread on time.
#pragma once

#include <string>

namespace tandem::daemon {

/// SCHED_RR for the calling thread. @param priority 1..99; zero: 1, which is above every ordinary
/// thread and below everything that the administrator placed on purpose.
/// @return empty, or why not.
std::string use_realtime_priority(unsigned priority);

/// Pages of this process stay in memory once touched (mlockall with MCL_ONFAULT). Does nothing when
/// RLIMIT_MEMLOCK is finite and cannot be raised: with a limit, a later allocation would fail.
/// @return empty, or why not.
std::string lock_memory();

}  // namespace tandem::daemon
