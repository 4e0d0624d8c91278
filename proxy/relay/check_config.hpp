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
};

/// One `url` of HTTP_GET and SSL_GET.
struct UrlCheck {
    struct StatusRange {
        unsigned first = 200;
        unsigned last = 299;
    };
    std::string path = "/";
    /// Host header, and the name that TLS asks for; empty: the address that is checked.
    std::string virtual_host{};
    /// One of them must hold the status; empty: 200 to 299.
    std::vector<StatusRange> statuses{};
    /// MD5 of the body, 32 lower case hexadecimal digits; empty: any body.
    std::string digest{};
    /// Perl-compatible; must be found in the first 64 KiB of the body, or must not. Empty: no
    /// matter.
    std::string regex{};
    bool regex_must_not_match = false;
    bool regex_ignores_case = false;
};

/// HTTP_GET, and with `tls` SSL_GET. The certificate is not verified, as in keepalived.
struct HttpCheck {
    bool tls = false;
    /// 10 or 11.
    unsigned version = 10;
    /// All must pass, one after another. Not empty.
    std::vector<UrlCheck> urls;
};

/// MISC_CHECK: a program says it with its exit code.
struct ProgramCheck {
    /// Which program: an index into what the owner of the checker runs.
    std::size_t program = 0;
    std::chrono::milliseconds timeout = std::chrono::seconds{60};
    /// Exit codes 2..255 are success too and set the weight to two less.
    bool sets_weight = false;
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
    /// True: down until the first check succeeded (keepalived's alpha).
    bool start_down = false;
    std::variant<TcpCheck, HttpCheck, ProgramCheck> what;
};

/// For people: "TCP_CHECK", "HTTP_GET", "SSL_GET", "MISC_CHECK".
std::string to_string(const HealthCheckConfig& check);

}  // namespace tandem::relay
