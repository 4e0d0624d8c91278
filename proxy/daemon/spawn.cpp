#include "proxy/daemon/spawn.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

/// The kernel's signal set and action, which the C library's wrappers hide (and which they keep
/// from the two signals it uses itself).
constexpr std::size_t kKernelSignalSetSize = 8;
constexpr int kSignals = 64;
using KernelSignalSet = std::uint64_t;
using KernelSignalAction = std::array<std::uint64_t, 4>;

constexpr rlim_t kDescriptorLimit = 1024;

/// What the child needs, made before it exists: it must not allocate. Shared memory, so `error`
/// gets back.
struct Plan {
    const char* path = nullptr;
    char* const* arguments = nullptr;
    char* const* environment = nullptr;
    uid_t uid = 0;
    gid_t gid = 0;
    bool change_user = false;
    pid_t parent = 0;
    rlimit descriptors{};
    KernelSignalAction default_action{};
    KernelSignalSet no_signals = 0;
    sched_param no_priority{};
    /// The first system call that failed and may not.
    volatile int error = 0;
};

// Everything below until child_main() runs in the child, on borrowed memory, while the thread that
// called spawn() waits: system calls only. Not the C library's wrappers where they take locks or
// (setresuid) speak to all threads. A sanitizer would take the child's stack for the thread's.
#define TANDEM_CHILD_CODE __attribute__((no_sanitize("address", "thread", "undefined")))

TANDEM_CHILD_CODE int fresh_descriptors() {
    // Copies the table up to descriptor 2; every other call would copy all of it.
    if (::syscall(SYS_close_range, 3U, UINT_MAX, CLOSE_RANGE_UNSHARE) == -1) {
        // Refused by a container's filter: all our descriptors close at execve anyway.
        if (::syscall(SYS_unshare, CLONE_FILES) == -1) {
            return -1;
        }
    }
    const long null = ::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
    if (null == -1) {
        return -1;
    }
    for (long target = 0; target <= 2; ++target) {
        if (target != null && ::syscall(SYS_dup3, null, target, 0) == -1) {
            return -1;
        }
    }
    if (null > 2) {
        ::syscall(SYS_close, null);
    }
    return 0;
}

TANDEM_CHILD_CODE int change_user(const Plan* plan) {
    if (plan->change_user) {
        if (::syscall(SYS_setgroups, 0L, nullptr) == -1 ||
            ::syscall(SYS_setresgid, plan->gid, plan->gid, plan->gid) == -1 ||
            ::syscall(SYS_setresuid, plan->uid, plan->uid, plan->uid) == -1) {
            return -1;
        }
    }
    // A daemon that is not root got its rights this way; they are not for its scripts.
    ::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L);
    return 0;
}

TANDEM_CHILD_CODE int child_main(void* argument) {
    auto* plan = static_cast<Plan*>(argument);
    // Handlers would run on the parent's memory: gone before any signal can arrive.
    for (long signal = 1; signal <= kSignals; ++signal) {
        ::syscall(SYS_rt_sigaction, signal, &plan->default_action, nullptr, kKernelSignalSetSize);
    }
    ::syscall(SYS_setpgid, 0L, 0L);
    ::syscall(SYS_sched_setscheduler, 0L, SCHED_OTHER, &plan->no_priority);
    ::syscall(SYS_setpriority, PRIO_PROCESS, 0L, 0L);
    ::syscall(SYS_prlimit64, 0L, RLIMIT_NOFILE, &plan->descriptors, nullptr);
    // The signal of the parent's death comes after the change of user, which forgets it.
    if (fresh_descriptors() == -1 || change_user(plan) == -1 ||
        ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM, 0L, 0L, 0L) == -1) {
        plan->error = errno;
        ::_exit(127);
    }
    if (::syscall(SYS_getppid) != plan->parent) {
        ::_exit(127);
    }
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &plan->no_signals, nullptr, kKernelSignalSetSize);
    ::syscall(SYS_execve, plan->path, plan->arguments, plan->environment);
    plan->error = errno;
    ::_exit(127);
}

#undef TANDEM_CHILD_CODE

/// Of the calling thread, all signals, for the life of the object.
class BlockedSignals {
  public:
    BlockedSignals() { set(~KernelSignalSet{0}, &before_); }
    ~BlockedSignals() { set(before_, nullptr); }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

  private:
    static void set(KernelSignalSet next, KernelSignalSet* before) {
        ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &next, before, kKernelSignalSetSize);
    }
    KernelSignalSet before_ = 0;
};

/// The child's stack. A page that cannot be written is below it.
class Stack {
  public:
    Stack()
        : base_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
        if (base_ != MAP_FAILED) {
            ::mprotect(base_, kGuardSize, PROT_NONE);
        }
    }
    ~Stack() {
        if (base_ != MAP_FAILED) {
            ::munmap(base_, kSize);
        }
    }
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    [[nodiscard]] bool valid() const { return base_ != MAP_FAILED; }
    /// It grows downwards.
    [[nodiscard]] void* top() const { return static_cast<char*>(base_) + kSize; }

  private:
    static constexpr std::size_t kSize = 65536;
    static constexpr std::size_t kGuardSize = 16384;
    void* base_;
};

/// A parent that ignored SIGCHLD has left us that: the kernel would throw results away.
void keep_results() {
    struct sigaction current {};
    if (::sigaction(SIGCHLD, nullptr, &current) == 0 && current.sa_handler == SIG_IGN) {
        current.sa_handler = SIG_DFL;
        ::sigaction(SIGCHLD, &current, nullptr);
    }
}

/// What would change the meaning of the program's own code is left out.
std::vector<char*> child_environment() {
    std::vector<char*> out;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        if (!text.starts_with("IFS=") && !text.starts_with("LD_")) {
            out.push_back(*entry);
        }
    }
    out.push_back(nullptr);
    return out;
}

/// The limit for connections is for programs that know: those with select() break above 1024.
rlimit descriptor_limit() {
    rlimit out{};
    ::getrlimit(RLIMIT_NOFILE, &out);
    out.rlim_cur = std::min<rlim_t>(out.rlim_cur, kDescriptorLimit);
    return out;
}

SpawnedProcess run_child(Plan& plan) {
    const Stack stack;
    if (!stack.valid()) {
        return {.error = ENOMEM};
    }
    const BlockedSignals blocked;
    constexpr int kFlags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD;
    SpawnedProcess out;
    out.pid = ::clone(child_main, stack.top(), kFlags, &plan, &out.descriptor);
    if (out.pid == -1) {
        return {.error = errno};
    }
    return out;
}

}  // namespace

SpawnedProcess spawn(const config::Command& command) {
    if (command.arguments.empty()) {
        return {.error = EINVAL};
    }
    keep_results();
    std::vector<std::string> words = command.arguments;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    const std::vector<char*> environment = child_environment();

    Plan plan;
    plan.path = arguments.front();
    plan.arguments = arguments.data();
    plan.environment = environment.data();
    plan.uid = command.uid;
    plan.gid = command.gid;
    plan.change_user = ::geteuid() == 0 || plan.uid != ::geteuid() || plan.gid != ::getegid();
    plan.parent = ::getpid();
    plan.descriptors = descriptor_limit();

    // The child's change of user makes the memory it shares with us "not dumpable": no core files
    // of the node any more.
    const int dumpable = ::prctl(PR_GET_DUMPABLE);
    SpawnedProcess out = run_child(plan);
    if (dumpable == 1) {
        ::prctl(PR_SET_DUMPABLE, 1);
    }
    if (out.error == 0 && plan.error != 0) {
        siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<id_t>(out.descriptor), &info, WEXITED);
        ::close(out.descriptor);
        return {.error = plan.error};
    }
    return out;
}

}  // namespace tandem::daemon
