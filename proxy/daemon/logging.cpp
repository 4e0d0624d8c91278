#include "proxy/daemon/logging.hpp"

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/json/serialize.hpp>
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/syslog_sink.h>

#include <poll.h>

namespace tandem::daemon {
namespace {

using spdlog::log_clock;

/// What a line costs beside its text.
constexpr std::size_t kLineOverhead = 64;

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::Debug:
            return spdlog::level::debug;
        case Level::Info:
            return spdlog::level::info;
        case Level::Warning:
            return spdlog::level::warn;
        case Level::Error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

// A JSON line is passed without its opening brace so that the time comes first in it. syslog adds
// its own time stamp to a text line.
const char* pattern(const LogOptions& options) {
    if (options.json) {
        return R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ",%v)";
    }
    return options.console ? "%Y-%m-%dT%H:%M:%S.%fZ %l %v" : "%v";
}

std::string line_text(const LogOptions& options, const Message& message, const Fields& fields) {
    return options.json ? boost::json::serialize(to_json_object(message, fields)).substr(1)
                        : to_text_line(message, fields);
}

/// Lines to a descriptor, one write() each. Blocks while the descriptor does.
class DescriptorSink {
  public:
    DescriptorSink(int descriptor, const std::string& pattern)
        : descriptor_(descriptor), formatter_(pattern, spdlog::pattern_time_type::utc) {}

    /// False: the line is lost, whole or in part.
    bool write(const spdlog::details::log_msg& message) {
        spdlog::memory_buf_t line;
        if (torn_) {
            line.push_back('\n');  // a disk that was full kept the first half of another line
        }
        formatter_.format(message, line);
        std::string_view rest{line.data(), line.size()};
        while (!rest.empty()) {
            const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
            if (written >= 0) {
                rest.remove_prefix(static_cast<std::size_t>(written));
            } else if (errno == EAGAIN) {
                pollfd writable{descriptor_, POLLOUT, 0};
                ::poll(&writable, 1, -1);
            } else if (errno != EINTR) {
                torn_ = torn_ || rest.size() < line.size();
                return false;
            }
        }
        torn_ = false;
        return true;
    }

  private:
    int descriptor_;
    spdlog::pattern_formatter formatter_;
    bool torn_ = false;
};

}  // namespace

struct Log::Impl {
    explicit Impl(const LogOptions& log_options) : options(log_options) {
        if (options.console) {
            console.emplace(options.descriptor, pattern(options));
        } else {
            constexpr bool kFormatLines = true;
            syslog.emplace("tandemd", LOG_PID, LOG_DAEMON, kFormatLines);
            syslog->set_formatter(std::make_unique<spdlog::pattern_formatter>(
                pattern(options), spdlog::pattern_time_type::utc));
        }
    }

    struct Line {
        log_clock::time_point time;
        Level level;
        std::string text;
        [[nodiscard]] std::size_t size() const { return text.size() + kLineOverhead; }
    };

    void push(Line line) {
        {
            const std::lock_guard lock{mutex};
            bytes += line.size();
            lines.push_back(std::move(line));
            while (bytes > kQueueBytes) {
                bytes -= lines.front().size();
                lines.pop_front();
                ++lost;
                ++lost_ever;
            }
        }
        changed.notify_one();
    }

    /// The writing thread.
    void run() {
        std::unique_lock lock{mutex};
        while (true) {
            changed.wait(lock, [this] { return stopping || !lines.empty(); });
            if (lines.empty()) {
                break;
            }
            const Line line = std::move(lines.front());
            lines.pop_front();
            bytes -= line.size();
            const std::uint64_t lost_before = std::exchange(lost, 0);
            lock.unlock();
            const bool told = lost_before == 0 || write_loss(line.time, lost_before);
            const bool written = told && write(line);
            lock.lock();
            lost += (told ? 0 : lost_before) + (written ? 0 : 1);
            lost_ever += written ? 0 : 1;
        }
        finished = true;
        done.notify_all();
    }

    bool write_loss(log_clock::time_point time, std::uint64_t count) {
        const Message& message = messages::kLogLinesLost;
        const Fields fields{{"count", std::to_string(count)}};
        return write({time, message.level, line_text(options, message, fields)});
    }

    bool write(const Line& line) {
        const spdlog::details::log_msg message{line.time, {}, {}, to_spdlog(line.level), line.text};
        if (console) {
            return console->write(message);
        }
        syslog->log(message);  // syslog() tells no errors
        return true;
    }

    const LogOptions options;
    /// Of the writing thread, one of them.
    std::optional<DescriptorSink> console;
    std::optional<spdlog::sinks::syslog_sink_st> syslog;

    std::mutex mutex;
    std::condition_variable changed;
    std::condition_variable done;
    std::deque<Line> lines;
    std::size_t bytes = 0;
    /// Not told yet, and all.
    std::uint64_t lost = 0;
    std::uint64_t lost_ever = 0;
    bool stopping = false;
    bool finished = false;
    std::thread thread;
};

Log::Log(const LogOptions& options) : impl_(std::make_shared<Impl>(options)) {
    impl_->thread = std::thread{[impl = impl_] { impl->run(); }};
}

Log::~Log() {
    std::unique_lock lock{impl_->mutex};
    impl_->stopping = true;
    impl_->changed.notify_one();
    if (impl_->done.wait_for(lock, kStopPatience, [this] { return impl_->finished; })) {
        lock.unlock();
        impl_->thread.join();
    } else {
        impl_->thread.detach();
    }
}

void Log::write(const Message& message, const Fields& fields) {
    if (message.level == Level::Debug && !impl_->options.detail) {
        return;
    }
    impl_->push({log_clock::now(), message.level, line_text(impl_->options, message, fields)});
}

std::uint64_t Log::lines_lost() const {
    const std::lock_guard lock{impl_->mutex};
    return impl_->lost_ever;
}

}  // namespace tandem::daemon
