#include "proxy/daemon/notify_fifo.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr mode_t kMode = 0644;

std::string errno_text() {
    return std::generic_category().message(errno);
}

}  // namespace

NotifyFifo::NotifyFifo(boost::asio::io_context& context, config::FifoSettings settings,
                       Problem problem)
    : settings_(std::move(settings)),
      problem_(std::move(problem)),
      script_(context),
      restart_(context, [this](auto) { start_script(); }) {}

void NotifyFifo::start() {
    if (create()) {
        start_script();
    }
}

bool NotifyFifo::create() {
    const char* const path = settings_.path.c_str();
    created_ = ::mkfifo(path, kMode) == 0;
    if (!created_ && errno != EEXIST) {
        complain("cannot create the FIFO: " + errno_text());
        return false;
    }
    // Opening a device may have effects: look first, and at what was opened.
    struct stat status {};
    if (::lstat(path, &status) == -1 || !S_ISFIFO(status.st_mode)) {
        complain("something that is not a FIFO is at this path; remove it or use another path");
        return false;
    }
    fifo_.reset(::open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
    if (!fifo_.is_open() || ::fstat(fifo_.get(), &status) == -1 || !S_ISFIFO(status.st_mode)) {
        complain("cannot open the FIFO: " + errno_text());
        fifo_.reset();
        return false;
    }
    // The file creation mask does not count for what others are to read.
    if (created_ && (::fchmod(fifo_.get(), kMode) == -1 ||
                     ::fchown(fifo_.get(), settings_.uid, settings_.gid) == -1)) {
        complain("cannot give the FIFO to its user: " + errno_text());
    }
    return true;
}

void NotifyFifo::start_script() {
    if (!settings_.script || closed_ || script_.running()) {
        return;
    }
    config::Command command = *settings_.script;
    command.arguments.push_back(settings_.path);
    script_started_ = Clock::now();
    if (const auto end =
            script_.start(command, [this](const ProgramEnd& result) { on_script_end(result); })) {
        on_script_end(*end);
    }
}

void NotifyFifo::on_script_end(const ProgramEnd& end) {
    if (closed_) {
        if (const auto ended = std::exchange(script_ended_, nullptr)) {
            ended();
        }
        return;
    }
    const auto now = Clock::now();
    if (now - script_started_ >= kLongestDelay) {
        delay_ = kFirstDelay;
    }
    complain("its script " + settings_.script->arguments.front() + ": " + to_string(end) +
             "; next start in " + std::to_string(delay_.count()) + " s");
    restart_.set(now + delay_);
    delay_ = std::min(delay_ * 2, kLongestDelay);
}

void NotifyFifo::write(const std::string& line) {
    if (!fifo_.is_open()) {
        return;
    }
    // At most PIPE_BUF bytes: all of them or none.
    if (::write(fifo_.get(), line.data(), line.size()) != -1) {
        full_ = false;
    } else if (!std::exchange(full_, true)) {
        complain(errno == EAGAIN ? "nobody reads the FIFO, it is full: lines are dropped"
                                 : "cannot write to the FIFO: " + errno_text());
    }
}

void NotifyFifo::close(std::function<void()> script_ended) {
    closed_ = true;
    script_ended_ = std::move(script_ended);
    restart_.set(std::nullopt);
    fifo_.reset();
}

void NotifyFifo::remove() {
    if (std::exchange(created_, false)) {
        ::unlink(settings_.path.c_str());
    }
}

}  // namespace tandem::daemon
