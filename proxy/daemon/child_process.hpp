// Starts a program without a shell, as another user, and says how it ended. Shell.
//
// The node has many threads, locked memory and a thread that may never wait. fork() would copy page
// tables and make every later write of that thread fault; so the child borrows this process's
// memory until it executes the program (clone with CLONE_VM and CLONE_VFORK, as posix_spawn does)
// and its descriptor table, of which it copies three entries however many connections are open.
// Only the calling thread waits, for as long as the kernel needs to load the program.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/program.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include <boost/asio/io_context.hpp>

#include <sys/types.h>

namespace tandem::daemon {

/// One program at a time. Create and use on the thread that runs the io_context.
///
/// The program gets: the command's user and group and, when this process is root, no supplementary
/// group; no ambient capabilities; default signal handlers, none blocked; ordinary scheduling; a
/// process group of its own; standard descriptors on /dev/null and no others; at most 1024
/// descriptors; this process's environment without IFS and LD_*; SIGTERM when the thread that
/// started it ends. As any other user than root, this process can run programs as itself only.
class ChildProcess {
  public:
    using Ended = std::function<void(const ProgramEnd& end)>;

    explicit ChildProcess(boost::asio::io_context& context);
    /// Kills the program's process group if it runs, and waits for it for up to kKillPatience.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /// @param ended called once from the io_context when the program has ended; not after
    /// destruction. It may start the next one.
    /// @return nullopt: it runs. Otherwise NotStarted, and `ended` is not called.
    /// @pre !running()
    std::optional<ProgramEnd> start(const config::Command& command, Ended ended);

    [[nodiscard]] bool running() const { return running_ != nullptr; }
    /// Zero when nothing runs.
    [[nodiscard]] pid_t pid() const;
    /// To the program and what it started in its process group. Once a signal was sent, what is
    /// left of the group when the program ends is killed; without one it lives on, as the service
    /// that a notify program starts must.
    void send_signal(int signal);

    /// SIGTERM to those that run, SIGKILL to those that still do after `patience`. Waits for both;
    /// `ended` is not called for them.
    static void end_all(std::span<ChildProcess* const> children,
                        std::chrono::milliseconds patience);

    /// A killed program is gone within this time unless the kernel cannot end it.
    static constexpr std::chrono::milliseconds kKillPatience{200};

  private:
    struct Running;
    void wait_for_end();
    void on_exit();

    boost::asio::io_context& context_;
    std::shared_ptr<Running> running_;
};

}  // namespace tandem::daemon
