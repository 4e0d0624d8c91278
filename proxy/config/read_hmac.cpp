// auth_hmac. Read by hand, because the usual messages quote what is written, and here that may be
// a key.
#include "proxy/config/draft.hpp"
#include "proxy/config/keyword_lists.hpp"
#include "proxy/config/value.hpp"

#include <algorithm>

namespace tandem::config {
namespace {

using AntiReplay = vrrp::AuthHmacConfig::AntiReplay;
using Mode = vrrp::AuthHmacConfig::Mode;

class HmacReader {
  public:
    HmacReader(HmacDraft& draft, Reporter& reporter) : draft_(draft), reporter_(reporter) {}

    void read(const Statement& line);

    void read_key(const Statement& line) {
        const auto id =
            line.arguments.empty() ? std::nullopt : parse_integer(line.arguments.front().text);
        if (line.arguments.size() != 2 || !id || *id < 1 || *id > 255) {
            reporter_.error(line.keyword.at, "malformed key; the line is ignored",
                            "write key ID hex:DIGITS, key ID file:PATH or key ID \"TEXT\" with an "
                            "ID of 1 to 255");
            return;
        }
        const auto number = static_cast<std::uint8_t>(*id);
        if (std::any_of(draft_.keys.begin(), draft_.keys.end(),
                        [&](const HmacDraft::Key& key) { return key.id == number; })) {
            reporter_.error(line.keyword.at,
                            "key " + std::to_string(*id) + " exists already; this one is ignored",
                            "give each key its own ID");
            return;
        }
        draft_.keys.push_back({number, line.arguments[1].text, line.arguments[1].at});
    }

    void read_active_key(const Statement& line) {
        if (const auto id = number(line, 1, 255)) {
            draft_.active_key = {static_cast<std::uint8_t>(*id), line.arguments.front().at};
        }
    }

    void read_time_window(const Statement& line) {
        if (const auto seconds = number(line, 1, 300)) {
            draft_.time_window = std::chrono::seconds{*seconds};
        }
    }

    void read_anti_replay(const Statement& line) {
        const std::string value = word(line);
        if (value == "time" || value == "monotonic") {
            draft_.anti_replay = value == "time" ? AntiReplay::Time : AntiReplay::Monotonic;
        } else {
            reject(line, "time, monotonic");
        }
    }

    void read_mode(const Statement& line) {
        constexpr struct {
            std::string_view name;
            Mode mode;
        } kModes[] = {{"enforce", Mode::Enforce},
                      {"permissive", Mode::Permissive},
                      {"receive-only", Mode::ReceiveOnly}};
        const std::string value = word(line);
        for (const auto& known : kModes) {
            if (known.name == value) {
                draft_.mode = {known.mode, line.arguments.front().at};
                return;
            }
        }
        reject(line, "enforce, permissive, receive-only");
    }

  private:
    std::optional<std::int64_t> number(const Statement& line, std::int64_t least,
                                       std::int64_t most) {
        const auto value = parse_integer(word(line));
        if (!value || *value < least || *value > most) {
            reject(line, std::to_string(least) + " to " + std::to_string(most));
            return std::nullopt;
        }
        return value;
    }

    static std::string word(const Statement& line) {
        return line.arguments.empty() ? std::string() : line.arguments.front().text;
    }

    void reject(const Statement& line, const std::string& allowed) {
        reporter_.error(line.keyword.at,
                        line.keyword.text + ": the value is not possible; the line is ignored",
                        "allowed: " + allowed);
    }

    HmacDraft& draft_;
    Reporter& reporter_;
};

struct HmacKeyword {
    std::string_view name;
    ValueSpec value;
    void (HmacReader::*read)(const Statement&);
};
constexpr HmacKeyword kKeywords[] = {
    {"key", word(), &HmacReader::read_key},
    {"active_key", integer(1, 255), &HmacReader::read_active_key},
    {"anti_replay", word(), &HmacReader::read_anti_replay},
    {"time_window", integer(1, 300), &HmacReader::read_time_window},
    {"mode", word(), &HmacReader::read_mode},
};

void HmacReader::read(const Statement& line) {
    const auto* found = std::ranges::find(kKeywords, line.keyword.text, &HmacKeyword::name);
    if (found != std::end(kKeywords)) {
        (this->*found->read)(line);
        return;
    }
    reporter_.error(line.keyword.at, "unknown keyword in auth_hmac; the line is ignored",
                    "allowed: key, active_key, anti_replay, time_window, mode");
}

}  // namespace

KeywordList hmac_keywords() {
    return list_keywords(kKeywords);
}

void read_hmac(HmacDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    HmacReader reader(draft, reporter);
    for (const Statement& line : block) {
        if (!line.ignored) {
            reader.read(line);
        }
    }
}

}  // namespace tandem::config
