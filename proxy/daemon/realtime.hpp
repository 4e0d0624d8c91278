// Real-time priority and memory locking: what keeps the election thread on time.
//
// Timers need nothing more: Asio waits with a timerfd, which has microseconds and no timer slack.
#pragma once

#include <chrono>
#include <string>

namespace tandem::daemon {

/// Makes the calling thread one that runs as soon as it has something to do: SCHED_RR, and its
/// stack and heap are in memory before they are needed. What the thread forks is ordinary again.
/// When SCHED_RR is refused (no CAP_SYS_NICE, or a control group without real-time budget), the
/// thread takes the best nice value that it may have.
/// A thread that never waits again cannot take the machine: the kernel keeps a share of each second
/// for ordinary threads (sched_rt_runtime_us, or the fair server of Linux 6.12), and `limit` ends
/// it.
/// @param priority 1..99; zero: 1, which is above every ordinary thread and below everything that
/// the administrator placed on purpose.
/// @param limit processor time without waiting, after which the kernel ends the process with
/// SIGXCPU, or with SIGKILL after twice as much. Zero: no limit.
/// @return empty, or why the thread has no real-time priority and what it has instead.
std::string use_realtime_priority(unsigned priority,
                                  std::chrono::microseconds limit = std::chrono::microseconds{0});

/// Everything mapped now is read in and stays, code above all: the first failover must not wait for
/// a disk. What is mapped later stays once touched (MCL_ONFAULT). So call it before threads exist:
/// their stacks are large and hardly used.
/// Does nothing without CAP_IPC_LOCK when RLIMIT_MEMLOCK is finite and cannot be raised: with a
/// limit, a later allocation would fail.
/// @return empty, or why not.
std::string lock_memory();

}  // namespace tandem::daemon
