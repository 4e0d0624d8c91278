// Creates the process of a program; see child_process.hpp for how and what the program gets.
#pragma once

#include "proxy/config/model.hpp"

#include <sys/types.h>

namespace tandem::daemon {

struct SpawnedProcess {
    /// errno; zero: the program runs.
    int error = 0;
    pid_t pid = 0;
    /// pidfd, owned by the caller; -1 with an error. Readable when the program has ended.
    int descriptor = -1;
};

/// Returns when the kernel has loaded the program or said why not. The caller must reap it.
SpawnedProcess spawn(const config::Command& command);

}  // namespace tandem::daemon
