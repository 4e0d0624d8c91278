#include "proxy/daemon/realtime.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

constexpr std::size_t kPageSize = 4096;
/// More than the deepest call chain of the election uses (a netlink dump with its buffer).
constexpr std::size_t kStackInUse = std::size_t{256} * 1024;
/// Below M_TRIM_THRESHOLD (128 KiB), so that free() does not give it back to the kernel.
constexpr std::size_t kHeapInUse = std::size_t{96} * 1024;
/// Below M_MMAP_THRESHOLD, so that it comes from the thread's own arena.
constexpr std::size_t kHeapChunk = std::size_t{16} * 1024;

std::string error_text() {
    return std::generic_category().message(errno);
}

void touch(volatile char* memory, std::size_t size) {
    for (std::size_t offset = 0; offset < size; offset += kPageSize) {
        memory[offset] = 0;
    }
}

[[gnu::noinline]] void touch_stack() {
    std::array<char, kStackInUse> room;  // NOLINT(*-member-init): it is touched, not read
    touch(room.data(), room.size());
}

/// Also gives the thread an arena of its own (glibc makes one at a thread's first allocation), so
/// that no relay worker holds a lock that it waits for.
void touch_heap() {
    std::array<std::unique_ptr<char[]>, kHeapInUse / kHeapChunk> chunks;
    for (auto& chunk : chunks) {
        chunk.reset(new char[kHeapChunk]);
        touch(chunk.get(), kHeapChunk);
    }
}

/// The best nice value that RLIMIT_NICE and the capabilities allow, of this thread only.
std::string use_best_nice() {
    constexpr int kBest = -20;
    constexpr rlim_t kNiceOffset = 20;  // RLIMIT_NICE is 20 - nice
    if (setpriority(PRIO_PROCESS, 0, kBest) == 0) {
        return "it has nice -20 instead";
    }
    rlimit limit{};
    if (getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur > kNiceOffset) {
        const int nice = static_cast<int>(kNiceOffset) - static_cast<int>(limit.rlim_cur);
        if (setpriority(PRIO_PROCESS, 0, nice) == 0) {
            return "it has nice " + std::to_string(nice) + " instead";
        }
    }
    return "nor may it have a better nice value";
}

std::string limit_time_without_waiting(std::chrono::microseconds limit) {
    const auto wanted = static_cast<rlim_t>(limit.count());
    const rlimit both{wanted, 2 * wanted};
    return setrlimit(RLIMIT_RTTIME, &both) == 0 ? std::string{}
                                                : "its time limit was refused: " + error_text();
}

/// CAP_IPC_LOCK: RLIMIT_MEMLOCK does not apply. (capget() without libcap: glibc has no wrapper.)
bool may_lock_any_memory() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
    return syscall(SYS_capget, &header, data.data()) == 0 &&
           (data[0].effective & (1U << CAP_IPC_LOCK)) != 0;
}

}  // namespace

std::string use_realtime_priority(unsigned priority, std::chrono::microseconds limit) {
    touch_stack();
    touch_heap();
    sched_param parameters{};
    parameters.sched_priority = priority == 0 ? 1 : static_cast<int>(priority);
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == -1) {
        const std::string problem = error_text();
        return problem + "; " + use_best_nice();
    }
    return limit.count() > 0 ? limit_time_without_waiting(limit) : std::string{};
}

std::string lock_memory() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    rlimit current{};
    if (getrlimit(RLIMIT_MEMLOCK, &current) == -1) {
        return error_text();
    }
    if (current.rlim_cur != RLIM_INFINITY && !may_lock_any_memory() &&
        setrlimit(RLIMIT_MEMLOCK, &unlimited) == -1) {
        return "RLIMIT_MEMLOCK is " + std::to_string(current.rlim_cur) + " bytes";
    }
    // Two calls: MCL_ONFAULT beside MCL_CURRENT would leave what was never used on the disk.
    if (mlockall(MCL_CURRENT) == -1 || mlockall(MCL_FUTURE | MCL_ONFAULT) == -1) {
        return error_text();
    }
    return {};
}

}  // namespace tandem::daemon
