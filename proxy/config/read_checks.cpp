#include "proxy/config/read_checks.hpp"

#include "proxy/config/check_words.hpp"
#include "proxy/config/keyword_lists.hpp"
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
/// Within the part of a body that is looked at.
constexpr ValueSpec kOffset = integer(0, 65535);
constexpr ValueSpec kReplyLength = integer(0, 65535);
constexpr ValueSpec kFileWeight = integer(-2'147'483'647, 2'147'483'647);

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

/// What is wrong with an expression, for people; nothing: it can be used.
std::optional<std::string> regex_problem(const relay::BodyRegex& regex) {
    try {
        const boost::regex compiled(regex.text, regex.extended
                                                    ? boost::regex::perl | boost::regex::mod_x
                                                    : static_cast<unsigned>(boost::regex::perl));
        return std::nullopt;
    } catch (const boost::regex_error& error) {
        return error.what();
    }
}

void read_regex(relay::UrlCheck& url, const Value& value) {
    if (!url.regex.text.empty()) {
        value.reporter.warning(value.at, "a second regex of one url is ignored",
                               "write one expression, or a second url with the same path");
        return;
    }
    if (const auto problem = regex_problem({.text = value.word})) {
        value.reporter.error(value.at, "regex: " + *problem + "; the line is ignored");
        return;
    }
    url.regex.text = value.word;
}

struct RegexOption {
    std::string_view name;
    bool relay::BodyRegex::*member;
};
constexpr RegexOption kRegexOptions[] = {
    {"caseless", &relay::BodyRegex::ignores_case},
    {"dotall", &relay::BodyRegex::dot_matches_newline},
    {"multiline", &relay::BodyRegex::multiline},
    {"extended", &relay::BodyRegex::extended},
    {"dollar_endonly", &relay::BodyRegex::dollar_end_only},
};
/// Of PCRE2: how it searches, or what offsets do here without being asked.
constexpr std::string_view kQuietRegexOptions =
    "auto_callout no_auto_possess no_dotstar_anchor no_start_optimize never_backslash_c "
    "use_offset_limit";

void read_regex_options(relay::UrlCheck& url, const Value& value) {
    for (const Word& word : value.statement.arguments) {
        const auto* option = std::ranges::find(kRegexOptions, word.text, &RegexOption::name);
        if (option != std::end(kRegexOptions)) {
            url.regex.*option->member = true;
        } else if (!has_name(kQuietRegexOptions, word.text)) {
            value.reporter.warning(word.at, "regex_options " + word.text + " has no effect",
                                   "known: caseless, dotall, multiline, extended, dollar_endonly");
        }
    }
}

void read_min_offset(relay::UrlCheck& url, const Value& value) {
    url.regex.min_offset = static_cast<std::size_t>(value.integer);
}
void read_max_offset(relay::UrlCheck& url, const Value& value) {
    url.regex.max_offset = static_cast<std::size_t>(value.integer);
}

/// What only shows when the whole block is known.
void check_regex(relay::BodyRegex& regex, const Position& at, Reporter& reporter) {
    if (regex.text.empty()) {
        if (regex.must_not_match || regex.min_offset != 0 || regex.max_offset) {
            reporter.warning(at, "url has words about a regex, but none",
                             "add regex EXPRESSION, or remove them");
        }
        return;
    }
    if (regex.max_offset && *regex.max_offset < regex.min_offset) {
        reporter.error(at, "regex_min_offset is above regex_max_offset; both are ignored");
        regex.min_offset = 0;
        regex.max_offset.reset();
    }
    if (const auto problem = regex_problem(regex)) {
        reporter.error(
            at, "regex with regex_options extended: " + *problem + "; the expression is ignored");
        regex.text.clear();
    }
}

constexpr Keyword<relay::UrlCheck> kUrlKeywords[] = {
    {"path", word(), read_path},
    {"status_code", word(), read_statuses},
    {"digest", word(), read_digest},
    {"virtualhost", word(),
     [](relay::UrlCheck& u, const Value& v) { read_host(u.virtual_host, v); }},
    {"regex", word(), read_regex},
    {"regex_no_match", boolean(),
     [](relay::UrlCheck& u, const Value& v) { u.regex.must_not_match = v.flag; }},
    {"regex_options", any(), read_regex_options},
    {"regex_min_offset", kOffset, read_min_offset},
    {"regex_max_offset", kOffset, read_max_offset},
};
constexpr Unused kUrlUnused[] = {
    {Treatment::Note, "has no effect: a search that takes too many steps fails", "", "regex_stack"},
    {Treatment::Note, "has no effect: a server that ends TLS without saying so passes", "",
     "tls_compliant"},
};

void read_url(CheckerDraft& checker, const Value& value) {
    relay::UrlCheck& url = checker.urls.emplace_back();
    read_block(url, value.statement.block, "in url", kUrlKeywords, kUrlUnused, value.reporter);
    check_regex(url.regex, value.statement.keyword.at, value.reporter);
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
    {"bindto", address(),
     [](CheckerDraft& c, const Value& v) {
         c.bind_to = Located<IpAddress>{v.address, v.at};
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
     [](CheckerDraft& c, const Value& v) { read_host(c.virtual_host.emplace(), v); }},
    {"sni_name", word(), [](CheckerDraft& c, const Value& v) { read_host(c.tls_name, v); }},
};
constexpr Keyword<CheckerDraft> kProgramKeywords[] = {
    {"misc_path", script(), [](CheckerDraft& c, const Value& v) { c.program = read_command(v); }},
    {"misc_timeout", kPeriod,
     [](CheckerDraft& c, const Value& v) { c.timeout = v.milliseconds(); }},
    {"misc_dynamic", boolean(), [](CheckerDraft& c, const Value& v) { c.dynamic = v.flag; }},
    {"user", word(), read_account},
};

constexpr Keyword<SmtpHostDraft> kSmtpHostKeywords[] = {
    {"connect_timeout", kPeriod,
     [](SmtpHostDraft& h, const Value& v) { h.connect_timeout = v.milliseconds(); }},
    {"connect_ip", address(), [](SmtpHostDraft& h, const Value& v) { h.connect_ip = v.address; }},
    {"connect_port", integer(1, 65535),
     [](SmtpHostDraft& h, const Value& v) {
         h.connect_port = static_cast<std::uint16_t>(v.integer);
     }},
    {"bindto", address(),
     [](SmtpHostDraft& h, const Value& v) {
         h.bind_to = Located<IpAddress>{v.address, v.at};
     }},
};
constexpr Unused kSmtpHostUnused[] = {
    {Treatment::Note,
     "has no effect: checks run from the node's own address and a port that the kernel chooses, "
     "unmarked",
     "", "bind_port bind_if fwmark"},
};

void read_smtp_host(CheckerDraft& checker, const Value& value) {
    constexpr std::size_t kMostHosts = 64;
    if (checker.hosts.size() == kMostHosts) {
        value.reporter.error(value.statement.keyword.at,
                             "more than 64 hosts of one SMTP_CHECK; this one is ignored");
        return;
    }
    read_block(checker.hosts.emplace_back(), value.statement.block, "in host", kSmtpHostKeywords,
               kSmtpHostUnused, value.reporter);
}

void read_dns_type(CheckerDraft& checker, const Value& value) {
    const auto type = parse_dns_type(value.word);
    if (!type) {
        value.reporter.error(value.at, "type: '" + value.word + "' is ignored",
                             "allowed: " + dns_type_names());
        return;
    }
    checker.dns.type = *type;
}

void read_dns_name(CheckerDraft& checker, const Value& value) {
    if (!is_dns_name(value.word)) {
        value.reporter.error(value.at, "name: '" + value.word + "' is ignored",
                             "write a domain name, with parts of 1 to 63 bytes and 253 in all");
        return;
    }
    checker.dns.name = value.word;
}

void read_payload(CheckerDraft& checker, const Value& value) {
    const auto bytes = parse_hex(value.statement.arguments);
    if (!bytes || bytes->bytes.empty() || bytes->has_wildcards) {
        value.reporter.error(value.at, "payload is ignored: random bytes are sent",
                             "write up to 1024 bytes in hexadecimal: payload 01 ab ff");
        return;
    }
    checker.udp.payload = bytes->bytes;
}

void read_required_reply(CheckerDraft& checker, const Value& value) {
    checker.udp.requires_reply = true;
    const auto bytes = parse_hex(value.statement.arguments);
    if (!bytes) {
        value.reporter.error(value.at, "require_reply: any reply passes",
                             "write up to 1024 bytes in hexadecimal, x for any digit: 01 xx f");
        return;
    }
    checker.udp.reply = bytes->bytes;
    checker.udp.reply_mask = bytes->mask;
}

/// What only shows when the whole block is known.
void check_reply(const CheckerDraft& checker, Reporter& reporter) {
    const relay::UdpCheck& udp = checker.udp;
    const relay::UdpCheck defaults;
    if (udp.min_reply_length > udp.max_reply_length) {
        reporter.warning(checker.at,
                         "min_reply_length is above max_reply_length: no reply is right",
                         "exchange them");
    }
    if (!udp.requires_reply && (udp.min_reply_length != defaults.min_reply_length ||
                                udp.max_reply_length != defaults.max_reply_length)) {
        reporter.warning(checker.at, "the length of a reply does not matter without require_reply",
                         "add require_reply, or remove it");
    }
}

void read_file_weight(CheckerDraft& checker, const Value& value) {
    checker.file_weight = value.integer;
    checker.file_reverse = false;
    if (value.statement.arguments.size() < 2) {
        return;
    }
    const Word& option = value.statement.arguments[1];
    checker.file_reverse = option.text == "reverse";
    if (!checker.file_reverse) {
        value.reporter.error(option.at, "unknown option '" + option.text + "' is ignored",
                             "write weight NUMBER [reverse]");
    }
}

constexpr Keyword<CheckerDraft> kSmtpKeywords[] = {
    {"helo_name", word(), [](CheckerDraft& c, const Value& v) { read_host(c.smtp.helo_name, v); }},
    {"host", block(), read_smtp_host},
};
constexpr Keyword<CheckerDraft> kDnsKeywords[] = {
    {"type", word(), read_dns_type},
    {"name", word(), read_dns_name},
};
constexpr Keyword<CheckerDraft> kUdpKeywords[] = {
    {"payload", any(), read_payload},
    {"require_reply", any(), read_required_reply},
    {"min_reply_length", kReplyLength,
     [](CheckerDraft& c, const Value& v) {
         c.udp.min_reply_length = static_cast<std::size_t>(v.integer);
     }},
    {"max_reply_length", kReplyLength,
     [](CheckerDraft& c, const Value& v) {
         c.udp.max_reply_length = static_cast<std::size_t>(v.integer);
     }},
};
/// keepalived knows no others here, not even the common ones.
constexpr Keyword<CheckerDraft> kFileKeywords[] = {
    {"track_file", word(),
     [](CheckerDraft& c, const Value& v) {
         c.track_file = Located<std::string>{v.word, v.at};
     }},
    {"weight", kFileWeight, read_file_weight},
};
constexpr Unused kFileUnused[] = {
    {Treatment::Note, "has no effect: unless the weight is 0 the value always changes it", "",
     "dynamic"},
};

constexpr Unused kCheckerUnused[] = {
    {Treatment::Note,
     "has no effect: checks run from the node's own address and a port that the kernel chooses, "
     "unmarked",
     "", "bind_port bind_if fwmark"},
    {Treatment::Note, "has no effect: TLS asks for the virtualhost, or sni_name, in any case", "",
     "enable_sni"},
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
constexpr auto kSmtpTable = with_common(kSmtpKeywords);
constexpr auto kDnsTable = with_common(kDnsKeywords);
constexpr auto kUdpTable = with_common(kUdpKeywords);

/// The words of the other checkers are named in the note for the whole checker.
bool is_common(const Statement& statement) {
    return !statement.ignored && std::ranges::any_of(kCommonKeywords, [&](const auto& known) {
        return known.name == statement.keyword.text;
    });
}

/// Of a kind that tandem does not make.
void read_other(CheckerDraft& checker, const Value& value) {
    constexpr std::size_t kMostNamed = 20;
    std::vector<Statement> known;
    std::string lost;
    std::size_t lost_count = 0;
    for (const Statement& statement : value.statement.block) {
        if (is_common(statement)) {
            known.push_back(statement);
        } else if (!statement.ignored && ++lost_count <= kMostNamed) {
            lost += (lost.empty() ? "" : ", ") + statement.keyword.text;
        }
    }
    value.reporter.note(value.statement.keyword.at,
                        "'" + checker.kind +
                            "': tandem makes a TCP connect check to the same address and port "
                            "instead" +
                            (lost.empty() ? "" : ", without " + lost) +
                            (lost_count > kMostNamed ? "..." : ""));
    read_block(checker, known, "in this check", kCommonKeywords, kCheckerUnused, value.reporter);
}

}  // namespace

KeywordList check_keywords() {
    return list_keywords(kCommonKeywords, kCheckerUnused);
}

KeywordList tcp_check_keywords() {
    return list_keywords(kTcpKeywords);
}

KeywordList http_check_keywords() {
    return list_keywords(kHttpKeywords);
}

KeywordList url_keywords() {
    return list_keywords(kUrlKeywords, kUrlUnused);
}

KeywordList program_check_keywords() {
    return list_keywords(kProgramKeywords);
}

KeywordList smtp_check_keywords() {
    return list_keywords(kSmtpKeywords);
}

KeywordList smtp_host_keywords() {
    return list_keywords(kSmtpHostKeywords, kSmtpHostUnused);
}

KeywordList dns_check_keywords() {
    return list_keywords(kDnsKeywords);
}

KeywordList udp_check_keywords() {
    return list_keywords(kUdpKeywords);
}

KeywordList file_check_keywords() {
    return list_keywords(kFileKeywords, kFileUnused);
}

void read_host(std::string& host, const Value& value) {
    if (!is_plain(value.word)) {
        value.reporter.error(value.at,
                             value.statement.keyword.text + ": '" + value.word + "' is ignored",
                             "write a host name");
        return;
    }
    host = value.word;
}

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
    } else if (checker.kind == "SMTP_CHECK") {
        read(kSmtpTable);
    } else if (checker.kind == "DNS_CHECK") {
        read(kDnsTable);
    } else if (checker.kind == "UDP_CHECK") {
        read(kUdpTable);
        check_reply(checker, value.reporter);
    } else if (checker.kind == "PING_CHECK") {
        read_block(checker, value.statement.block, "in PING_CHECK", kCommonKeywords, kCheckerUnused,
                   value.reporter);
    } else if (checker.kind == "FILE_CHECK") {
        read_block(checker, value.statement.block, "in FILE_CHECK", kFileKeywords, kFileUnused,
                   value.reporter);
    } else {
        read_other(checker, value);
    }
}

}  // namespace tandem::config
