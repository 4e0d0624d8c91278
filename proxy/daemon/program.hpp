// How a program that the node runs may end, and for how long it may run. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tandem::daemon {

/// How a program ended.
struct ProgramEnd {
    enum class Kind : std::uint8_t {
        Exited,      ///< code: exit code
        Signalled,   ///< code: number of the signal
        NotStarted,  ///< code: errno
        Unknown,     ///< somebody else took the result from the kernel
    };
    Kind kind{};
    int code = 0;

    [[nodiscard]] bool succeeded() const { return kind == Kind::Exited && code == 0; }
    friend bool operator==(const ProgramEnd&, const ProgramEnd&) = default;
};

/// For people: "exit code 1", "killed by signal 9", "cannot be started: No such file or directory".
std::string to_string(const ProgramEnd& end);

/// "2 s", "0.25 s".
std::string seconds_text(std::chrono::microseconds duration);

/// Time limit of a program that runs: SIGTERM when it is used up, SIGKILL kKillAfter later. One run
/// at a time; calls in any order are harmless.
class RunLimit {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kKillAfter{2};

    void on_start(TimePoint now, std::chrono::microseconds timeout);
    void on_end();
    /// @return the signal to send to the program's process group.
    std::optional<int> on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const { return deadline_; }

    [[nodiscard]] bool running() const { return running_; }
    /// The run in progress has used up its time.
    [[nodiscard]] bool timed_out() const { return timed_out_; }

  private:
    std::optional<TimePoint> deadline_;
    bool running_ = false;
    bool timed_out_ = false;
};

}  // namespace tandem::daemon
