// One notify FIFO and the program that reads it. Shell.
#pragma once

#include "netlink/file_descriptor.hpp"
#include "proxy/config/model.hpp"
#include "proxy/daemon/child_process.hpp"
#include "proxy/daemon/deadline_timer.hpp"

#include <chrono>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>

namespace tandem::daemon {

/// The FIFO is open for reading and writing, so that it needs no reader: up to 64 KiB wait for one.
/// What does not fit is dropped and reported once. Use on the thread of the io_context.
class NotifyFifo {
  public:
    /// A script that ends is started again after kFirstDelay, doubled each time up to kLongestDelay
    /// until one has run for that long.
    static constexpr std::chrono::seconds kFirstDelay{1};
    static constexpr std::chrono::seconds kLongestDelay{60};

    using Problem = std::function<void(const std::string& path, const std::string& text)>;

    NotifyFifo(boost::asio::io_context& context, config::FifoSettings settings, Problem problem);

    /// Creates the FIFO, mode 0644, unless there is one; anything else at the path is a problem and
    /// stays. Starts the script.
    void start();
    void write(const std::string& line);
    /// No more lines, and no more starts of the script. A reader comes to the end of the file.
    void close(std::function<void()> script_ended);
    /// Removes the FIFO if start() created it.
    void remove();

    ChildProcess& script() { return script_; }

  private:
    bool create();
    void start_script();
    void on_script_end(const ProgramEnd& end);
    void complain(const std::string& text) { problem_(settings_.path, text); }

    config::FifoSettings settings_;
    Problem problem_;
    netlink::FileDescriptor fifo_;
    bool created_ = false;
    bool closed_ = false;
    /// Lines are being dropped.
    bool full_ = false;
    ChildProcess script_;
    DeadlineTimer restart_;
    DeadlineTimer::TimePoint script_started_;
    std::chrono::seconds delay_ = kFirstDelay;
    std::function<void()> script_ended_;
};

}  // namespace tandem::daemon
