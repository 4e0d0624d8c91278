#include "proxy/daemon/child_process.hpp"

#include "proxy/daemon/spawn.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <poll.h>
#include <sys/wait.h>

namespace tandem::daemon {
namespace {

using Clock = std::chrono::steady_clock;

/// @return false: it has not ended.
bool wait_until(int process_descriptor, Clock::time_point deadline) {
    while (true) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd entry{process_descriptor, POLLIN, 0};
        const int result =
            ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (result != -1 || errno != EINTR) {
            return result == 1;
        }
    }
}

ProgramEnd reap(int process_descriptor) {
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(process_descriptor), &info, WEXITED | WNOHANG) == -1 ||
        info.si_pid == 0) {
        return {ProgramEnd::Kind::Unknown, 0};
    }
    return {info.si_code == CLD_EXITED ? ProgramEnd::Kind::Exited : ProgramEnd::Kind::Signalled,
            info.si_status};
}

}  // namespace

struct ChildProcess::Running {
    Running(boost::asio::io_context& context, const SpawnedProcess& process, Ended on_ended)
        : exit(context, process.descriptor), pid(process.pid), ended(std::move(on_ended)) {}

    /// The program has ended, is not reaped yet and so holds the number of its group.
    void kill_rest() const {
        if (ending) {
            ::kill(-pid, SIGKILL);
        }
    }

    boost::asio::posix::stream_descriptor exit;
    pid_t pid;
    Ended ended;
    bool ending = false;
};

ChildProcess::ChildProcess(boost::asio::io_context& context) : context_(context) {}

ChildProcess::~ChildProcess() {
    if (running_) {
        ChildProcess* const self = this;
        end_all({&self, 1}, std::chrono::milliseconds{0});
    }
}

pid_t ChildProcess::pid() const {
    return running_ ? running_->pid : 0;
}

std::optional<ProgramEnd> ChildProcess::start(const config::Command& command, Ended ended) {
    const auto spawned = spawn(command);
    if (spawned.error != 0) {
        return ProgramEnd{ProgramEnd::Kind::NotStarted, spawned.error};
    }
    running_ = std::make_shared<Running>(context_, spawned, std::move(ended));
    wait_for_end();
    return std::nullopt;
}

void ChildProcess::wait_for_end() {
    running_->exit.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, running = std::weak_ptr<Running>(running_)](boost::system::error_code error) {
            // `running` has gone with this object, or with the program that end_all() ended.
            if (!error && !running.expired()) {
                on_exit();
            }
        });
}

void ChildProcess::on_exit() {
    const auto running = std::exchange(running_, nullptr);
    running->kill_rest();
    const ProgramEnd end = reap(running->exit.native_handle());
    running->ended(end);
}

void ChildProcess::send_signal(int signal) {
    if (running_) {
        running_->ending = true;
        ::kill(-running_->pid, signal);
    }
}

void ChildProcess::end_all(std::span<ChildProcess* const> children,
                           std::chrono::milliseconds patience) {
    const std::array<std::pair<int, std::chrono::milliseconds>, 2> steps{
        {{SIGTERM, patience}, {SIGKILL, kKillPatience}}};
    for (const auto& [signal, step_patience] : steps) {
        for (ChildProcess* child : children) {
            child->send_signal(signal);
        }
        const auto deadline = Clock::now() + step_patience;
        for (ChildProcess* child : children) {
            if (child->running_ && wait_until(child->running_->exit.native_handle(), deadline)) {
                const auto running = std::exchange(child->running_, nullptr);
                running->kill_rest();
                reap(running->exit.native_handle());
            }
        }
    }
    // One that the kernel cannot end now is left to init.
    for (ChildProcess* child : children) {
        child->running_.reset();
    }
}

}  // namespace tandem::daemon
