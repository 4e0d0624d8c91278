// How an upstream is checked. Plain data: filled by proxy/config.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace tandem::relay {

/// TCP_CHECK. With both texts empty it only connects.
struct TcpCheck {
    /// Sent when connected.
    std::string send{};
    /// Must come within the first 64 KiB of the answer, wherever; empty: no answer is awaited.
    std::string expect{};
    bool operator==(const TcpCheck&) const = default;
};

/// `regex` and its options, with the meaning that PCRE2 gives them in keepalived: the dot matches
/// no line end, ^ and $ stand for the ends of the body and not of its lines.
struct BodyRegex {
    /// Perl-compatible; empty: no matter.
    std::string text{};
    /// regex_no_match: it must not be found.
    bool must_not_match = false;
    bool ignores_case = false;
    /// dotall: the dot matches line ends too.
    bool dot_matches_newline = false;
    /// multiline: ^ and $ match at every line.
    bool multiline = false;
    /// extended: blanks and comments in the expression do not count.
    bool extended = false;
    /// dollar_endonly: without `multiline`, $ does not match in front of a last line end.
    bool dollar_end_only = false;
    /// Bytes of the body in front of where a match may begin.
    std::size_t min_offset = 0;
    std::optional<std::size_t> max_offset{};
    bool operator==(const BodyRegex&) const = default;
};

/// One `url` of HTTP_GET and SSL_GET.
struct UrlCheck {
    struct StatusRange {
        unsigned first = 200;
        unsigned last = 299;
        bool operator==(const StatusRange&) const = default;
    };
    std::string path = "/";
    /// Host header, and the name that TLS asks for; empty: the address that is checked.
    std::string virtual_host{};
    /// One of them must hold the status; empty: 200 to 299.
    std::vector<StatusRange> statuses{};
    /// MD5 of the body, 32 lower case hexadecimal digits; empty: any body.
    std::string digest{};
    /// Looked for in the first 64 KiB of the body.
    BodyRegex regex{};
    bool operator==(const UrlCheck&) const = default;
};

/// HTTP_GET, and with `tls` SSL_GET. The certificate is not verified, as in keepalived.
struct HttpCheck {
    bool tls = false;
    /// sni_name: the name that TLS asks for; empty: the virtual host.
    std::string tls_name{};
    /// 10 or 11.
    unsigned version = 10;
    /// All must pass, one after another. Not empty.
    std::vector<UrlCheck> urls;
    bool operator==(const HttpCheck&) const = default;
};

/// MISC_CHECK: a program says it with its exit code.
struct ProgramCheck {
    /// Which program: an index into what the owner of the checker runs.
    std::size_t program = 0;
    std::chrono::milliseconds timeout = std::chrono::seconds{60};
    /// Exit codes 2..255 are success too and set the weight to two less.
    bool sets_weight = false;
    /// Program, arguments and user, for telling it from another one.
    std::string text{};
    /// The index is only a place in a list.
    bool operator==(const ProgramCheck& other) const {
        return timeout == other.timeout && sets_weight == other.sets_weight && text == other.text;
    }
};

/// SMTP_CHECK: greeting, HELO, QUIT.
struct SmtpCheck {
    /// helo_name, without blanks; empty: this node's address as a literal.
    std::string helo_name{};
    bool operator==(const SmtpCheck&) const = default;
};

/// DNS_CHECK: one question over UDP; an answer without an error passes, whatever is in it.
struct DnsCheck {
    /// RFC 1035 §3.2.2; 6: SOA.
    std::uint16_t type = 6;
    /// Labels of 1 to 63 bytes, with or without a dot at the end, 253 bytes at most; ".": the root.
    std::string name = ".";
    bool operator==(const DnsCheck&) const = default;
};

/// UDP_CHECK.
struct UdpCheck {
    /// Bytes to send; empty: a few random ones.
    std::string payload{};
    /// False: it passes when nobody says within the time limit that the port is unreachable.
    bool requires_reply = false;
    /// What the reply must begin with, as far as both reach; bits that are zero in the mask do not
    /// count. Of the same size. Empty: any reply.
    std::string reply{};
    std::string reply_mask{};
    /// Bytes of a reply that is required.
    std::size_t min_reply_length = 0;
    std::size_t max_reply_length = 255;
    bool operator==(const UdpCheck&) const = default;
};

/// PING_CHECK: one ICMP echo. The port of the target does not count.
struct PingCheck {
    bool operator==(const PingCheck&) const = default;
};

/// FILE_CHECK: the number in a file of this host says it.
struct FileCheck {
    /// Absolute. A file that does not exist has the value 0, like one without a number.
    std::string path{};
    /// Zero: any other value than 0 is a failure. Else the value times this is added to the
    /// upstream's weight, and a product of -2147483648 or less is a failure.
    std::int64_t weight = 1;
    /// With a weight of zero: the value 0 is the failure. Else the sign of the weight is turned.
    bool reverse = false;
    /// The upstream's configured weight.
    unsigned base_weight = 1;
    bool operator==(const FileCheck&) const = default;
};

struct HealthCheckConfig {
    std::chrono::milliseconds interval = std::chrono::seconds{60};
    /// For the whole exchange, of each url by itself.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds{5};
    /// Attempts after the first failure before the upstream is marked down.
    unsigned retries = 1;
    /// Successes in a row that mark it up. At least 1.
    unsigned rise = 1;
    std::chrono::milliseconds delay_before_retry = std::chrono::seconds{1};
    /// The first check starts at a moment drawn from zero to this.
    std::chrono::milliseconds warmup{0};
    /// Where to connect when not the upstream's own endpoint.
    std::optional<boost::asio::ip::tcp::endpoint> target;
    /// bindto: where to connect from, never a virtual address. Unset, or of another family than
    /// the target: the address of this node that the kernel would choose.
    std::optional<boost::asio::ip::address> source;
    /// True: down until the first check succeeded (keepalived's alpha).
    bool start_down = false;
    std::variant<TcpCheck, HttpCheck, ProgramCheck, SmtpCheck, DnsCheck, UdpCheck, PingCheck,
                 FileCheck>
        what;
    bool operator==(const HealthCheckConfig&) const = default;
};

/// Its result may set the upstream's weight.
bool sets_weight(const HealthCheckConfig& check);

/// For people: the keyword, as "TCP_CHECK", "SSL_GET".
std::string to_string(const HealthCheckConfig& check);

}  // namespace tandem::relay
