#include "proxy/config/read_checks.hpp"

#include "proxy/config/read_command.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/regex.hpp>

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestDuration = std::chrono::hours{24 * 31};
constexpr ValueSpec kPeriod = duration(1ms, kLongestDuration);
constexpr ValueSpec kDelay = duration(0s, kLongestDuration);
constexpr ValueSpec kRetries = integer(0, 1'000'000);
constexpr ValueSpec kRise = integer(1, 1'000'000);
constexpr std::size_t kMostText = 4096;

/// \r \n \t \0 \\ \xHH; nothing: something else follows a backslash.
std::optional<std::string> unescape(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        if (text.front() != '\\') {
            result += text.front();
            text.remove_prefix(1);
            continue;
        }
        constexpr std::string_view kLetters = "rnt0\\";
        constexpr std::string_view kMeanings{"\r\n\t\0\\", 5};
        const char letter = text.size() > 1 ? text[1] : ' ';
        if (letter == 'x' && text.size() > 3) {
            unsigned byte = 0;
            const auto [end, error] = std::from_chars(&text[2], &text[2] + 2, byte, 16);
            if (error != std::errc{} || end != &text[2] + 2) {
                return std::nullopt;
            }
            result += static_cast<char>(byte);
            text.remove_prefix(4);
        } else if (const auto at = kLetters.find(letter); at != std::string_view::npos) {
            result += kMeanings[at];
            text.remove_prefix(2);
        } else {
            return std::nullopt;
        }
    }
    return result;
}

template <std::string relay::TcpCheck::*Member>
void read_text(CheckerDraft& checker, const Value& value) {
    const auto text = unescape(value.word);
    if (!text || text->size() > kMostText) {
        value.reporter.error(value.at, value.statement.keyword.text + ": the text is ignored",
                             "at most 4096 bytes; \\r \\n \\t \\0 \\\\ and \\xHH are known");
        return;
    }
    checker.tcp.*Member = *text;
}

/// Nothing in it may end a line of a request.
bool is_plain(const std::string& text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](unsigned char byte) { return byte > ' ' && byte != 0x7f; });
}

void read_path(relay::UrlCheck& url, const Value& value) {
    if (!is_plain(value.word) || value.word.front() != '/') {
        value.reporter.error(value.at, "path: '" + value.word + "' is ignored; / is asked for",
                             "a path begins with / and has no spaces");
        return;
    }
    url.path = value.word;
}

void read_virtual_host(std::string& host, const Value& value) {
    if (!is_plain(value.word)) {
        value.reporter.error(value.at, "virtualhost: '" + value.word + "' is ignored",
                             "write a host name");
        return;
    }
    host = value.word;
}

std::optional<relay::UrlCheck::StatusRange> parse_statuses(const std::string& text) {
    const auto dash = text.find('-');
    const auto first = parse_integer(text.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_integer(text.substr(dash + 1));
    if (!first || !last || *first < 100 || *last > 999 || *first > *last) {
        return std::nullopt;
    }
    return relay::UrlCheck::StatusRange{static_cast<unsigned>(*first),
                                        static_cast<unsigned>(*last)};
}

void read_statuses(relay::UrlCheck& url, const Value& value) {
    for (const Word& word : value.statement.arguments) {
        if (const auto range = parse_statuses(word.text)) {
            url.statuses.push_back(*range);
        } else {
            value.reporter.error(word.at, "status_code: '" + word.text + "' is ignored",
                                 "write codes of 100 to 999 and ranges: 200 301-302");
        }
    }
}

void read_digest(relay::UrlCheck& url, const Value& value) {
    std::string digest = value.word;
    std::ranges::transform(digest, digest.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'F' ? static_cast<char>(letter - 'A' + 'a') : letter;
    });
    if (digest.size() != 32 || digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
        value.reporter.error(value.at, "digest: '" + value.word + "' is ignored",
                             "32 hexadecimal digits, as genhash or md5sum of the body prints");
        return;
    }
    url.digest = digest;
}

void read_regex(relay::UrlCheck& url, const Value& value) {
    try {
        // What the check does with it later.
        const boost::regex compiled(value.word, boost::regex::perl);
        url.regex = value.word;
    } catch (const boost::regex_error& error) {
        value.reporter.error(value.at,
                             std::string{"regex: "} + error.what() + "; the line is ignored");
    }
}

void read_regex_options(relay::UrlCheck& url, const Value& value) {
    for (const Word& word : value.statement.arguments) {
        if (word.text == "caseless") {
            url.regex_ignores_case = true;
        } else {
            value.reporter.note(word.at, "regex_options " + word.text + " has no effect",
                                "caseless is known; (?s), (?m) and (?x) go into the expression");
        }
    }
}

constexpr Keyword<relay::UrlCheck> kUrlKeywords[] = {
    {"path", word(), read_path},
    {"status_code", word(), read_statuses},
    {"digest", word(), read_digest},
    {"virtualhost", word(),
     [](relay::UrlCheck& u, const Value& v) { read_virtual_host(u.virtual_host, v); }},
    {"regex", word(), read_regex},
    {"regex_no_match", boolean(),
     [](relay::UrlCheck& u, const Value& v) { u.regex_must_not_match = v.flag; }},
    {"regex_options", any(), read_regex_options},
};
constexpr Unused kUrlUnused[] = {
    {Treatment::Note, "has no effect: the first 64 KiB of the body are looked at", "",
     "regex_min_offset regex_max_offset regex_stack"},
    {Treatment::Note, "has no effect: a server that ends TLS without saying so passes", "",
     "tls_compliant"},
};

void read_url(CheckerDraft& checker, const Value& value) {
    read_block(checker.urls.emplace_back(), value.statement.block, "in url", kUrlKeywords,
               kUrlUnused, value.reporter);
}

void read_protocol_version(CheckerDraft& checker, const Value& value) {
    if (value.word.starts_with("1.1")) {
        checker.http_version = 11;
    } else if (!value.word.starts_with("1.0")) {
        value.reporter.error(value.at,
                             "http_protocol: '" + value.word + "' is ignored; 1.0 is used",
                             "allowed: 1.0, 1.0C, 1.0K, 1.1, 1.1K");
    }
}

void read_account(CheckerDraft& checker, const Value& value) {
    // The user is the first word here, the group the second.
    const CommandDraft words = read_owned_word(value);
    checker.account.at = words.at;
    checker.account.user = words.text;
    checker.account.group = words.user.starts_with(':') ? words.user.substr(1) : words.user;
}

constexpr Keyword<CheckerDraft> kCommonKeywords[] = {
    {"delay_loop", kPeriod, set_delay_loop<CheckerDraft>},
    {"connect_timeout", kPeriod, set_connect_timeout<CheckerDraft>},
    {"retry", kRetries, set_retry<CheckerDraft>},
    {"nb_get_retry", kRetries, set_retry<CheckerDraft>},
    {"delay_before_retry", kDelay, set_delay_before_retry<CheckerDraft>},
    {"warmup", kDelay, set_warmup<CheckerDraft>},
    {"alpha", boolean(), set_alpha<CheckerDraft>},
    {"rise", kRise, set_rise<CheckerDraft>},
    {"fall", kRise, set_fall<CheckerDraft>},
    {"connect_ip", address(), [](CheckerDraft& c, const Value& v) { c.connect_ip = v.address; }},
    {"connect_port", integer(1, 65535),
     [](CheckerDraft& c, const Value& v) {
         c.connect_port = static_cast<std::uint16_t>(v.integer);
     }},
};
constexpr Keyword<CheckerDraft> kTcpKeywords[] = {
    {"send", word(), read_text<&relay::TcpCheck::send>},
    {"expect", word(), read_text<&relay::TcpCheck::expect>},
};
constexpr Keyword<CheckerDraft> kHttpKeywords[] = {
    {"url", block(), read_url},
    {"http_protocol", word(), read_protocol_version},
    {"virtualhost", word(),
     [](CheckerDraft& c, const Value& v) { read_virtual_host(c.virtual_host.emplace(), v); }},
};
constexpr Keyword<CheckerDraft> kProgramKeywords[] = {
    {"misc_path", script(), [](CheckerDraft& c, const Value& v) { c.program = read_command(v); }},
    {"misc_timeout", kPeriod,
     [](CheckerDraft& c, const Value& v) { c.timeout = v.milliseconds(); }},
    {"misc_dynamic", boolean(), [](CheckerDraft& c, const Value& v) { c.dynamic = v.flag; }},
    {"user", word(), read_account},
};

constexpr Unused kCheckerUnused[] = {
    {Treatment::Note,
     "has no effect: checks run from the node's own address, so that they also work while the "
     "other node is active",
     "", "bindto bind_port bind_if fwmark"},
    {Treatment::Note, "has no effect: the name that TLS asks for is the virtualhost", "",
     "enable_sni sni_name"},
    {Treatment::Note, "has no effect", "", "log_all_failures fast_recovery"},
};

template <std::size_t N>
struct Table {
    Keyword<CheckerDraft> keywords[N];
};

/// The common keywords and those of one kind.
template <std::size_t N>
constexpr auto with_common(const Keyword<CheckerDraft> (&own)[N]) {
    constexpr std::size_t kCommon = std::size(kCommonKeywords);
    Table<kCommon + N> table{};
    std::copy_n(kCommonKeywords, kCommon, table.keywords);
    std::copy_n(own, N, table.keywords + kCommon);
    return table;
}

constexpr auto kTcpTable = with_common(kTcpKeywords);
constexpr auto kHttpTable = with_common(kHttpKeywords);
constexpr auto kProgramTable = with_common(kProgramKeywords);

/// Words of the other checkers; the note for the whole checker covers them.
bool is_common(const Statement& statement) {
    return !statement.ignored && std::ranges::any_of(kCommonKeywords, [&](const auto& known) {
        return known.name == statement.keyword.text;
    });
}

/// Of a kind that tandem does not make.
void read_other(CheckerDraft& checker, const Value& value) {
    value.reporter.note(value.statement.keyword.at,
                        "'" + checker.kind +
                            "': tandem makes a TCP connect check to the same address and port "
                            "instead");
    std::vector<Statement> known;
    std::ranges::copy_if(value.statement.block, std::back_inserter(known), is_common);
    read_block(checker, known, "in this check", kCommonKeywords, kCheckerUnused, value.reporter);
}

}  // namespace

void read_checker(UpstreamDraft& upstream, const Value& value) {
    constexpr std::size_t kMostCheckers = 64;
    if (upstream.checkers.size() == kMostCheckers) {
        value.reporter.error(value.statement.keyword.at,
                             "more than 64 checks of one real_server; this one is ignored");
        return;
    }
    CheckerDraft& checker = upstream.checkers.emplace_back();
    checker.kind = value.statement.keyword.text;
    checker.at = value.statement.keyword.at;
    const auto read = [&](const auto& table) {
        read_block(checker, value.statement.block, "in " + checker.kind, table.keywords,
                   kCheckerUnused, value.reporter);
    };
    if (checker.kind == "TCP_CHECK") {
        read(kTcpTable);
    } else if (checker.kind == "HTTP_GET" || checker.kind == "SSL_GET") {
        read(kHttpTable);
    } else if (checker.kind == "MISC_CHECK") {
        read(kProgramTable);
    } else {
        read_other(checker, value);
    }
}

}  // namespace tandem::config
