// What a mail server and its check say to each other: RFC 5321 §3.1, §4.1.1.1, §4.1.1.10, §4.2.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::relay {

/// 220, HELO, 250, QUIT, 221. Drive it: hand over the bytes as they come, in any pieces, send what
/// a step says, and stop at a verdict. Calls after that say nothing new. Not thread-safe.
class SmtpDialogue {
  public:
    /// Bytes of one reply, of all its lines.
    static constexpr std::size_t kMostReply = std::size_t{16} * 1024;

    struct Step {
        /// To be sent; often empty. Two commands when both replies were there already.
        std::string send{};
        struct Verdict {
            bool passed = false;
            /// For people: "greeting 554 go away".
            std::string text{};
        };
        /// Nothing: more has to come.
        std::optional<Verdict> verdict{};
    };

    /// @param helo_name without blanks and line ends.
    explicit SmtpDialogue(std::string helo_name) : helo_name_(std::move(helo_name)) {}
    Step on_bytes(std::string_view bytes);
    /// The server has closed. After QUIT that is an answer.
    Step on_end();

  private:
    enum class Stage : std::uint8_t { Greeting, Helo, Quit, Over };

    void on_line(std::string_view line, Step& step);
    void on_reply(std::string_view last_line, Step& step);
    void finish(bool passed, std::string text, Step& step);

    const std::string helo_name_;
    Stage stage_ = Stage::Greeting;
    /// The line that is not whole yet.
    std::string line_;
    std::size_t reply_size_ = 0;
    /// Of the lines of this reply; zero: none came yet.
    unsigned code_ = 0;
};

}  // namespace tandem::relay
