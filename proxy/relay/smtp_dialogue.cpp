#include "proxy/relay/smtp_dialogue.hpp"

#include <algorithm>
#include <utility>

namespace tandem::relay {

namespace {

/// Characters of a reply that a verdict repeats.
constexpr std::size_t kMostShown = 80;

std::string shown(std::string_view line) {
    std::string result{line.substr(0, kMostShown)};
    std::ranges::replace_if(
        result, [](unsigned char byte) { return byte < ' ' || byte > '~'; }, '?');
    return result;
}

bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

/// 200 to 599 in front of the end, a blank or a hyphen; zero: it is no line of a reply.
unsigned code_of(std::string_view line) {
    if (line.size() < 3 || !std::all_of(line.begin(), line.begin() + 3, is_digit) ||
        (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
        return 0;
    }
    const auto digit = [line](std::size_t at) { return static_cast<unsigned>(line[at] - '0'); };
    const unsigned code = digit(0) * 100 + digit(1) * 10 + digit(2);
    return code >= 200 && code <= 599 ? code : 0;
}

struct Expected {
    std::string_view name;
    unsigned code;
};
constexpr Expected kGreeting{"greeting", 220};
constexpr Expected kHelo{"answer to HELO", 250};
constexpr Expected kQuit{"answer to QUIT", 221};

}  // namespace

SmtpDialogue::Step SmtpDialogue::on_bytes(std::string_view bytes) {
    Step step;
    while (!bytes.empty() && stage_ != Stage::Over) {
        const std::size_t end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        // A line end counts too, so that empty lines do not go on for ever.
        reply_size_ += piece.size() + 1;
        if (reply_size_ > kMostReply) {
            finish(false, "a reply of more than 16 KiB", step);
            break;
        }
        line_.append(piece);
        if (end == std::string_view::npos) {
            break;
        }
        bytes.remove_prefix(end + 1);
        const std::string line = std::exchange(line_, {});
        const bool has_return = line.ends_with('\r');
        on_line(std::string_view{line}.substr(0, line.size() - (has_return ? 1 : 0)), step);
    }
    return step;
}

SmtpDialogue::Step SmtpDialogue::on_end() {
    Step step;
    if (stage_ == Stage::Quit && line_.empty() && code_ == 0) {
        finish(true, "250, closed at QUIT", step);
    } else if (stage_ != Stage::Over) {
        const Expected& expected = stage_ == Stage::Greeting ? kGreeting
                                   : stage_ == Stage::Helo   ? kHelo
                                                             : kQuit;
        finish(false, "closed without " + std::string{expected.name}, step);
    }
    return step;
}

void SmtpDialogue::on_line(std::string_view line, Step& step) {
    const unsigned code = code_of(line);
    if (code == 0 || (code_ != 0 && code != code_)) {
        finish(false, "not SMTP: " + shown(line), step);
        return;
    }
    code_ = code;
    if (line.size() <= 3 || line[3] != '-') {
        on_reply(line, step);
    }
}

void SmtpDialogue::on_reply(std::string_view last_line, Step& step) {
    const unsigned code = std::exchange(code_, 0);
    reply_size_ = 0;
    const auto accepted = [&](const Expected& expected) {
        if (code != expected.code) {
            finish(false, std::string{expected.name} + ' ' + shown(last_line), step);
        }
        return code == expected.code;
    };
    switch (stage_) {
        case Stage::Greeting:
            if (accepted(kGreeting)) {
                step.send += "HELO " + helo_name_ + "\r\n";
                stage_ = Stage::Helo;
            }
            break;
        case Stage::Helo:
            if (accepted(kHelo)) {
                step.send += "QUIT\r\n";
                stage_ = Stage::Quit;
            }
            break;
        case Stage::Quit:
            if (accepted(kQuit)) {
                finish(true, "250, 221", step);
            }
            break;
        case Stage::Over:
            break;
    }
}

void SmtpDialogue::finish(bool passed, std::string text, Step& step) {
    stage_ = Stage::Over;
    step.verdict = Step::Verdict{passed, std::move(text)};
}

}  // namespace tandem::relay
