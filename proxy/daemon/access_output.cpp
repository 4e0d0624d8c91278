#include "proxy/daemon/access_output.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

using boost::system::error_code;

/// Readable by the group: log readers are not root.
constexpr mode_t kMode = 0640;
/// Smaller: moving what is left to the front costs more than it saves.
constexpr std::size_t kCompactAt = std::size_t{64} * 1024;
constexpr std::string_view kLogger = "/dev/log";

error_code last_error() {
    return {errno, boost::system::system_category()};
}

/// As syslog() writes it: priority, local time, program and process.
std::string logger_prefix() {
    std::array<char, 32> text{};
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    std::strftime(text.data(), text.size(), "%h %e %T", &parts);
    return '<' + std::to_string(LOG_DAEMON | LOG_INFO) + '>' + text.data() + " tandemd[" +
           std::to_string(::getpid()) + "]: ";
}

}  // namespace

AccessOutput::~AccessOutput() {
    close();
}

void AccessOutput::close() {
    if (descriptor_ != -1) {
        ::close(descriptor_);
        descriptor_ = -1;
    }
}

void AccessOutput::add(std::string_view line) {
    if (buffer_.size() - begin_ + line.size() > kBufferBytes) {
        ++lost_;
        return;
    }
    buffer_ += line;
}

void AccessOutput::reopen() {
    close();
    next_attempt_ = {};
    if (torn_) {
        // The other half stays behind in the old file.
        const std::size_t end = buffer_.find('\n', begin_);
        begin_ = end == std::string::npos ? buffer_.size() : end + 1;
        ++lost_;
        torn_ = false;
        compact();
    }
}

void AccessOutput::flush(TimePoint now) {
    if (!has_pending() || now < next_attempt_) {
        return;
    }
    if (descriptor_ != -1 && now >= next_look_) {
        next_look_ = now + kInterval;
        if (is_replaced()) {
            reopen();
        }
    }
    trouble_ = descriptor_ == -1 ? open() : error_code{};
    if (!trouble_) {
        trouble_ = write_pending();
    }
    if (trouble_) {
        next_attempt_ = now + kInterval;
    }
    compact();
}

error_code AccessOutput::open() {
    if (file_.empty()) {
        return open_logger();
    }
    // Not waiting: a FIFO without a reader is an error, and one that is full too.
    descriptor_ = ::open(file_.c_str(),
                         O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, kMode);
    return descriptor_ == -1 ? last_error() : error_code{};
}

error_code AccessOutput::open_logger() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(kLogger.begin(), kLogger.end(), std::begin(address.sun_path));
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface.
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (descriptor_ == -1 || ::connect(descriptor_, generic, sizeof address) == -1) {
        const error_code error = last_error();
        close();
        return error;
    }
    return {};
}

bool AccessOutput::is_replaced() const {
    if (file_.empty()) {
        return false;
    }
    struct stat open_file {};
    struct stat named {};
    return ::fstat(descriptor_, &open_file) == -1 || ::stat(file_.c_str(), &named) == -1 ||
           open_file.st_ino != named.st_ino || open_file.st_dev != named.st_dev;
}

error_code AccessOutput::write_pending() {
    while (has_pending()) {
        const ssize_t count = file_.empty() ? send_to_logger() : write_lines();
        if (count > 0) {
            took(static_cast<std::size_t>(count));
        } else if (count == 0 || errno == EAGAIN) {
            // A reader that is slow is no trouble yet.
            return {};
        } else if (errno != EINTR) {
            const error_code error = last_error();
            // A full disk keeps its file; what else went wrong may be over with another one.
            if (error != boost::system::errc::no_space_on_device) {
                close();
            }
            return error;
        }
    }
    return {};
}

ssize_t AccessOutput::write_lines() const {
    return ::write(descriptor_, buffer_.data() + begin_, buffer_.size() - begin_);
}

ssize_t AccessOutput::send_to_logger() const {
    const std::string_view rest = std::string_view{buffer_}.substr(begin_);
    const std::size_t size = rest.find('\n') + 1;
    const std::string message = logger_prefix() + std::string(rest.substr(0, size - 1));
    return ::send(descriptor_, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) == -1
               ? -1
               : static_cast<ssize_t>(size);
}

void AccessOutput::took(std::size_t bytes) {
    const auto first = buffer_.begin() + static_cast<std::ptrdiff_t>(begin_);
    const auto last = first + static_cast<std::ptrdiff_t>(bytes);
    written_ += static_cast<std::uint64_t>(std::count(first, last, '\n'));
    torn_ = *(last - 1) != '\n';
    begin_ += bytes;
}

void AccessOutput::compact() {
    if (!has_pending()) {
        buffer_.clear();
        begin_ = 0;
    } else if (begin_ >= kCompactAt) {
        buffer_.erase(0, begin_);
        begin_ = 0;
    }
}

std::uint64_t AccessOutput::waiting() const {
    return static_cast<std::uint64_t>(
        std::count(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.end(), '\n'));
}

}  // namespace tandem::daemon
