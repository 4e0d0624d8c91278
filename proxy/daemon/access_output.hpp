// Where lines of the access log go: one file, FIFO or device, or the system's logger.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>

#include <sys/types.h>

namespace tandem::daemon {

/// add() lines, flush() now and then. For one thread, which must block SIGPIPE and SIGXFSZ. Only a
/// disk that hangs makes flush() wait; a FIFO or a logger that takes nothing does not.
///
/// Lines that cannot be written wait in a bounded buffer; beyond that they are lost and counted. A
/// line is never left in halves: what a full disk has taken of it is completed when there is space.
/// A file that was removed, renamed or replaced is noticed within a second of the next line and
/// opened anew.
class AccessOutput {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;
    /// Between attempts while it cannot be written, and between looks for another file.
    static constexpr std::chrono::seconds kInterval{1};

    /// @param file absolute path; empty: the system's logger.
    explicit AccessOutput(std::string file) : file_(std::move(file)) {}
    ~AccessOutput();
    AccessOutput(const AccessOutput&) = delete;
    AccessOutput& operator=(const AccessOutput&) = delete;

    /// @param line ends with a newline.
    void add(std::string_view line);
    /// Writes what can be written now.
    void flush(TimePoint now);
    /// The next flush() opens the file again and tries at once.
    void reopen();

    [[nodiscard]] bool has_pending() const { return begin_ < buffer_.size(); }
    /// Why nothing can be written; no error: all is well.
    [[nodiscard]] const boost::system::error_code& trouble() const { return trouble_; }
    /// Lines lost since the start. Those that wait still are not.
    [[nodiscard]] std::uint64_t lost() const { return lost_; }
    [[nodiscard]] std::uint64_t written() const { return written_; }
    /// Lines that wait.
    [[nodiscard]] std::uint64_t waiting() const;
    [[nodiscard]] const std::string& file() const { return file_; }

  private:
    boost::system::error_code open();
    boost::system::error_code open_logger();
    /// Another file has the name now, or none.
    [[nodiscard]] bool is_replaced() const;
    boost::system::error_code write_pending();
    [[nodiscard]] ssize_t write_lines() const;
    [[nodiscard]] ssize_t send_to_logger() const;
    void took(std::size_t bytes);
    void close();
    void compact();

    const std::string file_;
    int descriptor_ = -1;
    std::string buffer_;
    std::size_t begin_ = 0;
    /// The first half of the line at begin_ is in the file already.
    bool torn_ = false;
    boost::system::error_code trouble_;
    TimePoint next_attempt_{};
    TimePoint next_look_{};
    std::uint64_t lost_ = 0;
    std::uint64_t written_ = 0;
};

}  // namespace tandem::daemon
