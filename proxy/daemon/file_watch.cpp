#include "proxy/daemon/file_watch.hpp"

#include "netlink/file_descriptor.hpp"
#include "proxy/daemon/file_content.hpp"
#include "proxy/daemon/file_value.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using netlink::FileDescriptor;

constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR;

std::string errno_text(int error) {
    return std::generic_category().message(error);
}

}  // namespace

FileWatch::FileWatch(boost::asio::io_context& context,
                     const std::vector<config::TrackedFileSettings>& files, Report report,
                     Problem problem)
    : report_(std::move(report)),
      problem_(std::move(problem)),
      inotify_(context),
      timer_(context, [this](auto) { poll(); }) {
    for (const auto& settings : files) {
        files_.push_back(make_file(settings));
    }
}

FileWatch::File FileWatch::make_file(const config::TrackedFileSettings& settings) {
    const std::filesystem::path path{settings.path};
    File file;
    file.settings = settings;
    file.directory = path.has_parent_path() ? path.parent_path().string() : ".";
    file.base_name = path.filename().string();
    return file;
}

void FileWatch::start() {
    if (files_.empty()) {
        return;
    }
    open_inotify();
    for (const File& file : files_) {
        create(file);
    }
    poll();
}

void FileWatch::open_inotify() {
    const int inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (inotify == -1) {
        problem_(files_.front().settings.name,
                 "changes are seen after up to 1 s: inotify: " + errno_text(errno));
        return;
    }
    inotify_.assign(inotify);
    wait_for_events();
}

void FileWatch::reconfigure(const std::vector<config::TrackedFileSettings>& files) {
    std::vector<File> before = std::exchange(files_, {});
    for (const auto& settings : files) {
        const auto same = std::ranges::find(before, settings, &File::settings);
        if (same != before.end()) {
            files_.push_back(std::move(*same));
            before.erase(same);
        } else {
            files_.push_back(make_file(settings));
            create(files_.back());
        }
    }
    for (const File& gone : before) {
        forget_watch(gone.watch);
    }
    if (files_.empty()) {
        stop();
        return;
    }
    if (!inotify_.is_open()) {
        open_inotify();
    }
    poll();
}

void FileWatch::stop() {
    timer_.set(std::nullopt);
    boost::system::error_code ignored;
    inotify_.close(ignored);
}

void FileWatch::create(const File& file) {
    if (!file.settings.initial_value) {
        return;
    }
    const std::string& path = file.settings.path;
    // The path may be in a directory that others write to: no links, and no waiting for a reader.
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
                      (file.settings.overwrite ? 0 : O_EXCL);
    const FileDescriptor created{::open(path.c_str(), flags, 0644)};
    if (!created.is_open()) {
        if (errno != EEXIST) {
            problem_(file.settings.name, "cannot create " + path + ": " + errno_text(errno));
        }
        return;
    }
    struct stat status {};
    const std::string text = std::to_string(*file.settings.initial_value) + '\n';
    if (::fstat(created.get(), &status) == -1 || !S_ISREG(status.st_mode)) {
        problem_(file.settings.name, path + " is not a regular file");
    } else if (::ftruncate(created.get(), 0) == -1 ||
               ::write(created.get(), text.data(), text.size()) == -1) {
        problem_(file.settings.name, "cannot write " + path + ": " + errno_text(errno));
    }
}

/// Adding a watch again is how to learn that the path leads to another directory now.
void FileWatch::update_watch(File& file) {
    if (!inotify_.is_open()) {
        return;
    }
    const int before = file.watch;
    file.watch = ::inotify_add_watch(inotify_.native_handle(), file.directory.c_str(), kEvents);
    forget_watch(before);
}

/// Unless a file is watched by it.
void FileWatch::forget_watch(int watch) {
    const bool in_use = std::ranges::find(files_, watch, &File::watch) != files_.end();
    if (watch != -1 && !in_use && inotify_.is_open()) {
        ::inotify_rm_watch(inotify_.native_handle(), watch);
    }
}

void FileWatch::poll() {
    for (File& file : files_) {
        update_watch(file);
        read(file, Cause::Poll);
    }
    timer_.set(std::chrono::steady_clock::now() + kPollInterval);
}

void FileWatch::wait_for_events() {
    inotify_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, alive = std::weak_ptr<char>(alive_)](boost::system::error_code error) {
            if (!error && !alive.expired() && inotify_.is_open()) {
                read_events();
                wait_for_events();
            }
        });
}

void FileWatch::read_events() {
    alignas(inotify_event) std::array<char, 4096> buffer{};
    const ssize_t length = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
    for (std::size_t offset = 0; length > 0 && offset < static_cast<std::size_t>(length);) {
        inotify_event event{};
        std::memcpy(&event, &buffer[offset], sizeof(event));
        const char* const name = &buffer[offset + sizeof(event)];
        for (File& file : files_) {
            const bool lost = (event.mask & IN_Q_OVERFLOW) != 0;
            if (lost || (event.wd == file.watch && event.len > 0 && file.base_name == name)) {
                read(file, Cause::Event);
            }
        }
        offset += sizeof(event) + event.len;
    }
}

void FileWatch::read(File& file, Cause cause) {
    const std::string& path = file.settings.path;
    const FileContent content = read_file(path);
    const bool empty = content.error == 0 && content.regular && content.text.empty();
    // `echo 5 > file` empties it first. An event comes when the writer has closed it, but a poll
    // may fall between: it believes what it sees twice.
    if (empty && cause == Cause::Poll && file.reported && !std::exchange(file.was_empty, true)) {
        return;
    }
    file.was_empty = empty;
    if (content.error == ENOENT || content.error == ENOTDIR) {
        report(file, 0, {});
    } else if (content.error != 0) {
        report(file, 0, "cannot read " + path + ": " + errno_text(content.error));
    } else if (!content.regular) {
        report(file, 0, path + " is not a regular file");
    } else if (const auto value = parse_file_value(content.text)) {
        report(file, *value, {});
    } else {
        report(file, 0, path + (empty ? " is empty" : " holds no number") + ": taken as 0");
    }
}

void FileWatch::report(File& file, int value, const std::string& problem) {
    if (problem != file.told_problem) {
        file.told_problem = problem;
        if (!problem.empty()) {
            problem_(file.settings.name, problem);
        }
    }
    vrrp::TrackStatus status{.up = true, .value = value, .detail = problem};
    if (file.reported != status) {
        file.reported = status;
        report_(file.settings.name, status);
    }
}

}  // namespace tandem::daemon
