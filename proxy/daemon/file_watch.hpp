// Reads tracked files when they change. Shell.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/deadline_timer.hpp"
#include "vrrp/track.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace tandem::daemon {

/// inotify watches the directories, because a file may not exist yet and may be replaced by another
/// of its name. What that cannot see (a symbolic link's target, a network file system, a directory
/// that comes later, a writer that does not close) is seen by reading again every kPollInterval.
///
/// A file that does not exist has the value 0, and so has one without a number, which is reported.
/// Use on the thread of the io_context.
class FileWatch {
  public:
    static constexpr std::chrono::seconds kPollInterval{1};

    using Report = std::function<void(const std::string& name, const vrrp::TrackStatus& status)>;
    using Problem = std::function<void(const std::string& name, const std::string& text)>;

    FileWatch(boost::asio::io_context& context,
              const std::vector<config::TrackedFileSettings>& files, Report report,
              Problem problem);

    /// Creates files with an initial value, then reports each file, before it returns.
    void start();
    void stop();
    /// Other files, after start(). One that is as it was is neither created nor reported again.
    void reconfigure(const std::vector<config::TrackedFileSettings>& files);

  private:
    enum class Cause : std::uint8_t { Event, Poll };
    struct File {
        config::TrackedFileSettings settings;
        std::string directory;
        std::string base_name;
        /// Watch descriptor of the directory; -1: not watched.
        int watch = -1;
        std::optional<vrrp::TrackStatus> reported;
        std::string told_problem;
        bool was_empty = false;
    };
    static File make_file(const config::TrackedFileSettings& settings);
    void open_inotify();
    void forget_watch(int watch);
    void create(const File& file);
    void update_watch(File& file);
    void poll();
    void wait_for_events();
    void read_events();
    void read(File& file, Cause cause);
    void report(File& file, int value, const std::string& problem);

    std::vector<File> files_;
    Report report_;
    Problem problem_;
    boost::asio::posix::stream_descriptor inotify_;
    DeadlineTimer timer_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace tandem::daemon
