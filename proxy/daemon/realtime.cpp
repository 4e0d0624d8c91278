#include "proxy/daemon/realtime.hpp"

#include <cerrno>
#include <system_error>

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

namespace tandem::daemon {

std::string use_realtime_priority(unsigned priority) {
    sched_param parameters{};
    parameters.sched_priority = priority == 0 ? 1 : static_cast<int>(priority);
    const int error = pthread_setschedparam(pthread_self(), SCHED_RR, &parameters);
    return error == 0 ? std::string{} : std::generic_category().message(error);
}

std::string lock_memory() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    rlimit current{};
    if (getrlimit(RLIMIT_MEMLOCK, &current) == -1) {
        return std::generic_category().message(errno);
    }
    if (current.rlim_cur != RLIM_INFINITY && setrlimit(RLIMIT_MEMLOCK, &unlimited) == -1) {
        return "RLIMIT_MEMLOCK is " + std::to_string(current.rlim_cur) + " bytes";
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == -1) {
        return std::generic_category().message(errno);
    }
    return {};
}

}  // namespace tandem::daemon
