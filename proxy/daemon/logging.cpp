#include "proxy/daemon/logging.hpp"

#include <chrono>
#include <memory>

#include <boost/json/serialize.hpp>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>

namespace tandem::daemon {
namespace {

constexpr std::size_t kQueueLines = 8192;

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

std::shared_ptr<spdlog::sinks::sink> make_sink(const LogOptions& options) {
    if (options.console) {
        return std::make_shared<spdlog::sinks::stderr_sink_mt>();
    }
    constexpr bool kFormatLines = true;
    return std::make_shared<spdlog::sinks::syslog_sink_mt>("tandemd", LOG_PID, LOG_DAEMON,
                                                           kFormatLines);
}

// A JSON line is passed without its opening brace so that the time comes first in it. syslog adds
// its own time stamp to a text line.
const char* pattern(const LogOptions& options) {
    if (options.json) {
        return R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ",%v)";
    }
    return options.console ? "%Y-%m-%dT%H:%M:%S.%fZ %l %v" : "%v";
}

}  // namespace

struct Log::Impl {
    explicit Impl(const LogOptions& log_options)
        : options(log_options),
          pool(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)),
          logger(std::make_shared<spdlog::async_logger>(
              "tandemd", make_sink(log_options), pool,
              spdlog::async_overflow_policy::overrun_oldest)) {
        logger->set_pattern(pattern(options), spdlog::pattern_time_type::utc);
        logger->set_level(options.detail ? spdlog::level::debug : spdlog::level::info);
        logger->flush_on(spdlog::level::info);
    }
    LogOptions options;
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
};

Log::Log(const LogOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Log::~Log() = default;

void Log::write(const Message& message, const Fields& fields) {
    const auto level = to_spdlog(message.level);
    if (!impl_->logger->should_log(level)) {
        return;
    }
    impl_->logger->log(level,
                       impl_->options.json
                           ? boost::json::serialize(to_json_object(message, fields)).substr(1)
                           : to_text_line(message, fields));
}

}  // namespace tandem::daemon
