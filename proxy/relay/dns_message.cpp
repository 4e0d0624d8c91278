#include "proxy/relay/dns_message.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace tandem::relay {

namespace {

constexpr std::size_t kHeaderSize = 12;
/// Type, class, time to live, length of the data.
constexpr std::size_t kRecordSize = 10;
constexpr std::uint16_t kInternet = 1;
constexpr unsigned kResponse = 0x8000;
constexpr unsigned kOpcode = 0x7800;
constexpr unsigned kTruncated = 0x0200;
constexpr unsigned kRecursionDesired = 0x0100;
constexpr unsigned kCode = 0x000f;

void put(std::string& message, unsigned number) {
    message += static_cast<char>(number >> 8U & 0xffU);
    message += static_cast<char>(number & 0xffU);
}

char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

/// Name, type and class.
std::string question_of(const DnsCheck& check) {
    std::string result;
    std::string_view rest = check.name;
    while (!rest.empty() && rest != ".") {
        const std::string_view label = rest.substr(0, rest.find('.'));
        result += static_cast<char>(label.size());
        result += label;
        rest.remove_prefix(std::min(rest.size(), label.size() + 1));
    }
    result += '\0';
    put(result, check.type);
    put(result, kInternet);
    return result;
}

/// Reads forward, never behind the end.
class Reader {
  public:
    explicit Reader(std::string_view rest) : rest_(rest) {}

    std::optional<std::uint16_t> number() {
        if (rest_.size() < 2) {
            return std::nullopt;
        }
        const auto byte = [this](std::size_t at) { return static_cast<unsigned char>(rest_[at]); };
        const auto result = static_cast<std::uint16_t>(byte(0) << 8U | byte(1));
        rest_.remove_prefix(2);
        return result;
    }
    bool skip(std::size_t count) {
        if (rest_.size() < count) {
            return false;
        }
        rest_.remove_prefix(count);
        return true;
    }
    /// A pointer ends the name where it stands, so there is no loop to fall into.
    bool skip_name() {
        while (!rest_.empty()) {
            const auto length = static_cast<unsigned char>(rest_.front());
            if (length >= 0xc0) {
                return skip(2);
            }
            if (length > 63 || !skip(std::size_t{1} + length)) {
                return false;
            }
            if (length == 0) {
                return true;
            }
        }
        return false;
    }
    bool skip_record() {
        if (!skip_name() || !skip(kRecordSize - 2)) {
            return false;
        }
        const auto length = number();
        return length && skip(*length);
    }
    /// The same but for upper and lower case.
    bool take(std::string_view expected) {
        const bool same =
            rest_.size() >= expected.size() &&
            std::equal(expected.begin(), expected.end(), rest_.begin(),
                       [](char one, char other) { return lower(one) == lower(other); });
        return same && skip(expected.size());
    }

  private:
    std::string_view rest_;
};

std::string code_name(unsigned code) {
    constexpr std::array<const char*, 6> kNames{"NOERROR",  "FORMERR", "SERVFAIL",
                                                "NXDOMAIN", "NOTIMP",  "REFUSED"};
    return code < kNames.size() ? kNames[code] : "error code " + std::to_string(code);
}

}  // namespace

std::string make_dns_query(const DnsCheck& check, std::uint16_t id) {
    std::string message;
    put(message, id);
    put(message, kRecursionDesired);
    put(message, 1);
    message.append(6, '\0');
    return message + question_of(check);
}

DatagramVerdict judge_dns_answer(const DnsCheck& check, std::uint16_t id,
                                 std::string_view datagram) {
    if (datagram.size() < kHeaderSize) {
        return DatagramVerdict::foreign();
    }
    Reader reader{datagram};
    const unsigned its_id = *reader.number();
    const unsigned flags = *reader.number();
    const unsigned questions = *reader.number();
    const unsigned answers = *reader.number();
    reader.skip(4);
    if (its_id != id || (flags & kResponse) == 0 || (flags & kOpcode) != 0) {
        return DatagramVerdict::foreign();
    }
    const unsigned code = flags & kCode;
    // Servers leave the question away when they did not understand it.
    const bool may_lack_question = code != 0 && questions == 0;
    if (!may_lack_question && (questions != 1 || !reader.take(question_of(check)))) {
        return DatagramVerdict::foreign();
    }
    if (code != 0) {
        return DatagramVerdict::failed(code_name(code));
    }
    if ((flags & kTruncated) != 0) {
        return DatagramVerdict::passed("NOERROR, truncated");
    }
    for (unsigned number = 0; number < answers; ++number) {
        if (!reader.skip_record()) {
            return DatagramVerdict::failed("a malformed answer");
        }
    }
    return DatagramVerdict::passed("NOERROR, " + std::to_string(answers) +
                                   (answers == 1 ? " answer" : " answers"));
}

}  // namespace tandem::relay
