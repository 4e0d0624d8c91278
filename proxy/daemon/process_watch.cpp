#include "proxy/daemon/process_watch.hpp"

#include "netlink/file_descriptor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using netlink::FileDescriptor;

/// Longest part of a command line that is compared.
constexpr std::size_t kCommandLineSize = 4096;

/// @return empty when the process has gone.
std::string read_process_file(int proc, pid_t pid, const char* name) {
    const std::string path = std::to_string(pid) + '/' + name;
    const FileDescriptor file{::openat(proc, path.c_str(), O_RDONLY | O_CLOEXEC)};
    std::array<char, kCommandLineSize> buffer{};
    const ssize_t length =
        file.is_open() ? ::read(file.get(), buffer.data(), buffer.size()) : ssize_t{0};
    return length > 0 ? std::string{buffer.data(), static_cast<std::size_t>(length)}
                      : std::string{};
}

/// glibc 2.36 has a wrapper, but its header clashes with those of other system calls in C++.
int open_process(pid_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

bool has_ended(int process_descriptor) {
    pollfd entry{process_descriptor, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

}  // namespace

struct ProcessWatch::Tracked {
    Tracked(boost::asio::io_context& context, const config::TrackedProcessSettings& from,
            ProcessWatch& watch)
        : settings(from), quorum(from), timer(context, [this, &watch](TimePoint now) {
              watch.tell(*this, quorum.on_deadline(now));
          }) {}

    config::TrackedProcessSettings settings;
    ProcessQuorum quorum;
    DeadlineTimer timer;
};

struct ProcessWatch::Process {
    explicit Process(boost::asio::io_context& context) : exit(context) {}

    /// pidfd; closed for those above kMaxHeld.
    boost::asio::posix::stream_descriptor exit;
    /// What it counts for: indexes of tracked_.
    std::vector<std::size_t> tracked;
    bool seen = true;
};

struct ProcessWatch::Scan {
    struct Close {
        void operator()(DIR* directory) const { ::closedir(directory); }
    };
    std::unique_ptr<DIR, Close> directory;
    std::size_t looked_at = 0;
};

ProcessWatch::ProcessWatch(boost::asio::io_context& context,
                           const std::vector<config::TrackedProcessSettings>& processes,
                           Report report, Problem problem)
    : context_(context),
      report_(std::move(report)),
      problem_(std::move(problem)),
      timer_(context, [this](auto) { begin_scan(); }) {
    for (const auto& settings : processes) {
        tracked_.push_back(std::make_unique<Tracked>(context, settings, *this));
    }
}

ProcessWatch::~ProcessWatch() = default;

void ProcessWatch::start() {
    if (!tracked_.empty()) {
        begin_scan();
    }
}

void ProcessWatch::stop() {
    timer_.set(std::nullopt);
    scan_.reset();
    processes_.clear();
    for (auto& tracked : tracked_) {
        tracked->timer.set(std::nullopt);
    }
}

void ProcessWatch::reconfigure(const std::vector<config::TrackedProcessSettings>& processes) {
    auto before = std::exchange(tracked_, {});
    for (const auto& settings : processes) {
        const auto same = std::ranges::find_if(
            before, [&](const auto& each) { return each && each->settings == settings; });
        tracked_.push_back(same != before.end()
                               ? std::move(*same)
                               : std::make_unique<Tracked>(context_, settings, *this));
    }
    // Those that are held name the objects by position.
    scan_.reset();
    processes_.clear();
    scanned_once_ = false;
    if (tracked_.empty()) {
        stop();
    } else {
        begin_scan();
    }
}

void ProcessWatch::begin_scan() {
    timer_.set(std::chrono::steady_clock::now() + kScanInterval);
    if (scan_) {
        return;
    }
    scan_ = std::make_unique<Scan>();
    scan_->directory.reset(::opendir("/proc"));
    if (!scan_->directory) {
        const std::string text = "cannot read /proc: " + std::generic_category().message(errno);
        if (std::exchange(told_problem_, text) != text) {
            problem_(tracked_.front()->settings.name, text);
        }
        scan_.reset();
        return;
    }
    for (auto& [pid, process] : processes_) {
        process->seen = false;
    }
    continue_scan();
}

void ProcessWatch::continue_scan() {
    for (std::size_t entries = 0; entries < kBatch; ++entries) {
        const dirent* const entry = ::readdir(scan_->directory.get());
        if (entry == nullptr || scan_->looked_at > kMaxProcesses) {
            end_scan();
            return;
        }
        const char* const name = &entry->d_name[0];
        const char* const end = name + std::strlen(name);
        pid_t pid = 0;
        const auto [rest, error] = std::from_chars(name, end, pid);
        if (error == std::errc{} && rest == end && ++scan_->looked_at <= kMaxProcesses) {
            look_at(pid);
        }
    }
    boost::asio::post(context_, [this, alive = std::weak_ptr<char>(alive_)] {
        if (!alive.expired() && scan_) {
            continue_scan();
        }
    });
}

void ProcessWatch::end_scan() {
    std::string problem;
    if (scan_->looked_at > kMaxProcesses) {
        problem = "more than " + std::to_string(kMaxProcesses) + " processes: the rest is not seen";
    }
    if (std::exchange(told_problem_, problem) != problem && !problem.empty()) {
        problem_(tracked_.front()->settings.name, problem);
    }
    scan_.reset();
    std::erase_if(processes_, [](const auto& entry) { return !entry.second->seen; });
    scanned_once_ = true;
    count(std::chrono::steady_clock::now());
}

/// Looks again at processes that are held, too: they may have executed another program.
void ProcessWatch::look_at(pid_t pid) {
    const int proc = ::dirfd(scan_->directory.get());
    std::string name = read_process_file(proc, pid, "comm");
    if (name.ends_with('\n')) {
        name.pop_back();
    }
    std::optional<std::vector<std::string>> command_line;
    std::vector<std::size_t> found;
    for (std::size_t index = 0; index < tracked_.size(); ++index) {
        const auto& settings = tracked_[index]->settings;
        if (!command_line && needs_command_line(settings, name)) {
            command_line = parse_command_line(read_process_file(proc, pid, "cmdline"));
        }
        if (matches(settings, name, command_line.value_or(std::vector<std::string>{}))) {
            found.push_back(index);
        }
    }
    if (!found.empty()) {
        hold(pid, std::move(found));
    }
}

void ProcessWatch::hold(pid_t pid, std::vector<std::size_t> tracked) {
    if (const auto known = processes_.find(pid); known != processes_.end()) {
        known->second->tracked = std::move(tracked);
        known->second->seen = true;
        return;
    }
    FileDescriptor descriptor{open_process(pid)};
    if (descriptor.is_open() ? has_ended(descriptor.get()) : errno == ESRCH) {
        return;
    }
    auto process = std::make_shared<Process>(context_);
    process->tracked = std::move(tracked);
    if (descriptor.is_open() && processes_.size() < kMaxHeld) {
        process->exit.assign(descriptor.release());
        process->exit.async_wait(
            boost::asio::posix::descriptor_base::wait_read,
            [this, pid, held = std::weak_ptr<Process>(process)](boost::system::error_code error) {
                // Held by processes_ only: it is still there, and so is this object.
                if (!error && !held.expired()) {
                    processes_.erase(pid);
                    count(std::chrono::steady_clock::now());
                }
            });
    }
    processes_.emplace(pid, std::move(process));
}

void ProcessWatch::count(TimePoint now) {
    if (!scanned_once_) {
        return;
    }
    std::vector<std::size_t> counts(tracked_.size(), 0);
    for (const auto& [pid, process] : processes_) {
        for (const std::size_t index : process->tracked) {
            ++counts[index];
        }
    }
    for (std::size_t index = 0; index < tracked_.size(); ++index) {
        tell(*tracked_[index], tracked_[index]->quorum.on_count(counts[index], now));
    }
}

void ProcessWatch::tell(Tracked& tracked, const std::optional<vrrp::TrackStatus>& status) {
    tracked.timer.set(tracked.quorum.next_deadline());
    if (status) {
        report_(tracked.settings.name, *status);
    }
}

}  // namespace tandem::daemon
