// Reads the beginning of a tracked file. Shell.
#pragma once

#include <string>

namespace tandem::daemon {

struct FileContent {
    /// errno; zero: read.
    int error = 0;
    /// False: neither a device nor a pipe is read.
    bool regular = true;
    /// kFileValueSize bytes at most.
    std::string text{};
};

/// Never waits for a writer.
FileContent read_file(const std::string& path);

}  // namespace tandem::daemon
