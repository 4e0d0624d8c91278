#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"
#include "proxy/config/keyword_lists.hpp"
#include "proxy/config/read_access_log.hpp"
#include "proxy/config/read_checks.hpp"
#include "proxy/config/read_limits.hpp"
#include "proxy/config/text.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestDuration = std::chrono::hours{24 * 31};
constexpr std::int64_t kMostConnections = 10'000'000;
constexpr std::int64_t kMostWeight = 65535;
constexpr std::int64_t kHighestRate = 1'000'000;
constexpr auto kLongestUserTimeout = std::chrono::hours{24};
constexpr std::int64_t kMostQuorum = 4'294'967'295;

constexpr ValueSpec kPeriod = duration(1ms, kLongestDuration);
constexpr ValueSpec kDelay = duration(0s, kLongestDuration);
constexpr ValueSpec kRetries = integer(0, 1'000'000);
constexpr ValueSpec kRise = integer(1, 1'000'000);

/// source_address ADDRESS...
void read_sources(std::vector<Located<IpAddress>>& sources, const Value& value) {
    for (const Word& word : value.statement.arguments) {
        const auto parsed = parse_address(word.text);
        if (!parsed || parsed->is_unspecified() || parsed->is_multicast()) {
            value.reporter.error(
                word.at,
                "source_address: '" + word.text + "' is not an address of a host; it is ignored",
                "use an address of this node or a virtual address");
            continue;
        }
        sources.push_back({*parsed, word.at});
    }
}

/// source_ports FIRST LAST | kernel
void read_source_ports(ServiceDraft& service, const Value& value) {
    const std::vector<Word>& words = value.statement.arguments;
    if (words.size() == 1 && value.word == "kernel") {
        service.source_ports = relay::PortRange{};
        return;
    }
    const std::int64_t first = parse_integer(value.word).value_or(0);
    const std::int64_t last = words.size() == 2 ? parse_integer(words[1].text).value_or(0) : 0;
    if (first < 1024 || last > 65535 || first >= last) {
        value.reporter.error(value.at, "source_ports needs two ports; the line is ignored",
                             "write source_ports FIRST LAST with 1024 <= FIRST < LAST <= 65535, or "
                             "source_ports kernel");
        return;
    }
    service.source_ports = relay::PortRange{.first = static_cast<std::uint16_t>(first),
                                            .last = static_cast<std::uint16_t>(last)};
}

constexpr Keyword<UpstreamDraft> kUpstreamKeywords[] = {
    {"source_address", word(),
     [](UpstreamDraft& u, const Value& v) { read_sources(u.sources, v); }},
    {"weight", integer(0, kMostWeight),
     [](UpstreamDraft& u, const Value& v) { u.weight = static_cast<unsigned>(v.integer); }},
    {"backup", flag(), [](UpstreamDraft& u, const Value&) { u.balance.backup = true; }},
    {"reset_on_down", boolean(),
     [](UpstreamDraft& u, const Value& v) { u.balance.reset_on_down = v.flag; }},
    {"uthreshold", integer(0, kMostConnections),
     [](UpstreamDraft& u, const Value& v) {
         u.balance.upper_threshold = static_cast<unsigned>(v.integer);
     }},
    {"lthreshold", integer(0, kMostConnections),
     [](UpstreamDraft& u, const Value& v) {
         u.balance.lower_threshold = static_cast<unsigned>(v.integer);
     }},
    {"delay_loop", kPeriod, set_delay_loop<UpstreamDraft>},
    {"connect_timeout", kPeriod, set_connect_timeout<UpstreamDraft>},
    {"retry", kRetries, set_retry<UpstreamDraft>},
    {"delay_before_retry", kDelay, set_delay_before_retry<UpstreamDraft>},
    {"warmup", kDelay, set_warmup<UpstreamDraft>},
    {"alpha", boolean(), set_alpha<UpstreamDraft>},
    {"rise", kRise, set_rise<UpstreamDraft>},
    {"fall", kRise, set_fall<UpstreamDraft>},
    {"virtualhost", word(),
     [](UpstreamDraft& u, const Value& v) { read_host(u.virtual_host.emplace(), v); }},
    {"proxy_protocol", word(),
     [](UpstreamDraft& u, const Value& v) { read_proxy_protocol(u.proxy_protocol, v); }},
    {"sni", any(), [](UpstreamDraft& u, const Value& v) { read_server_names(u.route, v); }},
    {"alpn", any(), [](UpstreamDraft& u, const Value& v) { read_protocols(u.route, v); }},
    {"TCP_CHECK", block(), read_checker},
    {"HTTP_GET", block(), read_checker},
    {"SSL_GET", block(), read_checker},
    {"SMTP_CHECK", block(), read_checker},
    {"MISC_CHECK", block(), read_checker},
    {"DNS_CHECK", block(), read_checker},
    {"UDP_CHECK", block(), read_checker},
    {"PING_CHECK", block(), read_checker},
    {"FILE_CHECK", block(), read_checker},
    {"BFD_CHECK", block(), read_checker},
};

constexpr Unused kUpstreamUnused[] = {
    {Treatment::Note,
     "changes nothing: a failed server gets no new connections and keeps those it has",
     "write @tandem reset_on_down to have them reset", "inhibit_on_failure"},
    {Treatment::Note, "has no effect: tandem runs no scripts in this version", "",
     "notify_up notify_down"},
    {Treatment::Note, "has no effect: tandem sends no mail in this version", "", "smtp_alert"},
    {Treatment::Note,
     "has no effect: every connection is relayed in user space, whatever the method", "",
     "lvs_method lb_kind"},
    {Treatment::Note, "has no effect in this version", "", "snmp_name log_all_failures"},
};

void read_protocol(ServiceDraft& service, const Value& value) {
    service.protocol_given = true;
    if (lower_case(value.word) == "tcp") {
        return;
    }
    service.refused = true;
    const std::string name = lower_case(value.word);
    if (name == "udp" || name == "sctp") {
        value.reporter.error(value.at,
                             "protocol " + value.word +
                                 " is not relayed: tandem has no relay for " +
                                 (name == "udp" ? "datagrams" : "SCTP associations") +
                                 "; this service is ignored, the others run",
                             "let another program serve it on the virtual address");
    } else {
        value.reporter.error(value.at,
                             "unknown protocol '" + value.word + "'; this service is ignored",
                             "tandem relays TCP only");
    }
}

void read_kind(ServiceDraft& service, const Value& value) {
    if (value.word != "NAT" && value.word != "DR" && value.word != "TUN") {
        value.reporter.error(value.at,
                             value.statement.keyword.text + ": unknown forwarding method '" +
                                 value.word + "' is ignored",
                             "allowed: NAT, DR, TUN");
        return;
    }
    service.kind = value.word;
    value.reporter.note(value.statement.keyword.at,
                        "'" + value.statement.keyword.text + ' ' + value.word +
                            "': every connection is relayed in user space; servers see the "
                            "service's source address");
}

/// PORT after an address; reports and gives nothing when it is wrong.
std::optional<std::uint16_t> read_port(const Word& word, Reporter& reporter) {
    const auto port = parse_integer(word.text);
    if (!port || *port < 1 || *port > 65535) {
        reporter.error(word.at, "'" + word.text + "' is not a TCP port; the block is ignored",
                       "allowed: 1 to 65535");
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(*port);
}

void read_upstream(ServiceDraft& service, const Value& value) {
    const std::vector<Word>& words = value.statement.arguments;
    UpstreamDraft upstream;
    upstream.at = value.at;
    const auto parsed = words.empty() ? std::nullopt : parse_address(value.word);
    if (!parsed || parsed->is_unspecified() || parsed->is_multicast()) {
        value.reporter.error(value.at,
                             "real_server: '" + value.word +
                                 "' is not the address of a server; the block is ignored",
                             "write real_server ADDRESS PORT { ... } with a numeric address");
        return;
    }
    upstream.address = *parsed;
    if (words.size() > 1 && words[1].text != "0") {
        upstream.port = read_port(words[1], value.reporter);
        if (!upstream.port) {
            return;
        }
    }
    read_block(upstream, value.statement.block, "in real_server", kUpstreamKeywords,
               kUpstreamUnused, value.reporter);
    service.upstreams.push_back(std::move(upstream));
}

// Keywords of the balance.
template <void (*Read)(ServiceBalanceDraft&, const Value&)>
void set_balance(ServiceDraft& service, const Value& value) {
    Read(service.balance, value);
}
template <std::optional<unsigned> ServiceBalanceDraft::*Member>
void set_balance(ServiceDraft& service, const Value& value) {
    service.balance.*Member = static_cast<unsigned>(value.integer);
}
template <std::optional<Milliseconds> ServiceBalanceDraft::*Member>
void set_balance(ServiceDraft& service, const Value& value) {
    service.balance.*Member = value.milliseconds();
}

constexpr Keyword<ServiceDraft> kServiceKeywords[] = {
    {"protocol", word(), read_protocol},
    {"delay_loop", kPeriod, set_delay_loop<ServiceDraft>},
    {"connect_timeout", kPeriod, set_connect_timeout<ServiceDraft>},
    {"retry", kRetries, set_retry<ServiceDraft>},
    {"delay_before_retry", kDelay, set_delay_before_retry<ServiceDraft>},
    {"warmup", kDelay, set_warmup<ServiceDraft>},
    {"alpha", boolean(), set_alpha<ServiceDraft>},
    {"rise", kRise, set_rise<ServiceDraft>},
    {"fall", kRise, set_fall<ServiceDraft>},
    {"virtualhost", word(),
     [](ServiceDraft& s, const Value& v) { read_host(s.virtual_host.emplace(), v); }},
    {"lb_algo", word(), set_balance<read_algorithm>},
    {"lvs_sched", word(), set_balance<read_algorithm>},
    {"sorry_server", address(), set_balance<read_sorry_server>},
    {"persistence_timeout", any(), set_balance<read_persistence_timeout>},
    {"persistence_granularity", word(), set_balance<read_persistence_granularity>},
    {"quorum", integer(1, kMostQuorum), set_balance<&ServiceBalanceDraft::quorum>},
    {"hysteresis", integer(0, kMostQuorum), set_balance<&ServiceBalanceDraft::hysteresis>},
    {"panic_threshold", integer(0, 100), set_balance<&ServiceBalanceDraft::panic_threshold>},
    {"slow_start", kDelay, set_balance<&ServiceBalanceDraft::slow_start>},
    {"retries", integer(0, kMostWeight), set_balance<&ServiceBalanceDraft::retries>},
    {"max_fails", integer(0, 1'000'000), set_balance<&ServiceBalanceDraft::max_fails>},
    {"fail_timeout", kPeriod, set_balance<&ServiceBalanceDraft::fail_timeout>},
    {"queue_limit", integer(0, 1'000'000), set_balance<&ServiceBalanceDraft::queue_limit>},
    {"queue_timeout", kPeriod, set_balance<&ServiceBalanceDraft::queue_timeout>},
    {"lb_kind", word(), read_kind},
    {"lvs_method", word(), read_kind},
    {"weight", integer(1, kMostWeight),
     [](ServiceDraft& s, const Value& v) { s.weight = static_cast<unsigned>(v.integer); }},
    {"real_server", any(), read_upstream},
    {"source_address", word(), [](ServiceDraft& s, const Value& v) { read_sources(s.sources, v); }},
    {"source_ports", word(), read_source_ports},
    {"accept_proxy", any(),
     [](ServiceDraft& s, const Value& v) { read_accept_proxy(s.preread, v); }},
    {"accept_proxy_required", boolean(),
     [](ServiceDraft& s, const Value& v) { s.preread.required = v.flag; }},
    {"preread_timeout", kPeriod,
     [](ServiceDraft& s, const Value& v) { s.preread.timeout = v.milliseconds(); }},
    {"proxy_protocol", word(),
     [](ServiceDraft& s, const Value& v) { read_proxy_protocol(s.proxy_protocol, v); }},
    {"upstream_connect_timeout", kPeriod,
     [](ServiceDraft& s, const Value& v) { s.connect_timeout = v.milliseconds(); }},
    {"idle_timeout", kDelay,
     [](ServiceDraft& s, const Value& v) { s.idle_timeout = v.milliseconds(); }},
    {"fin_timeout", kDelay,
     [](ServiceDraft& s, const Value& v) { s.fin_timeout = v.milliseconds(); }},
    {"max_connections", integer(0, kMostConnections),
     [](ServiceDraft& s, const Value& v) { s.max_connections = static_cast<unsigned>(v.integer); }},
    {"access_log", word(),
     [](ServiceDraft& s, const Value& v) { read_access_log(s.access_log, v); }},
    {"access_log_format", word(),
     [](ServiceDraft& s, const Value& v) { read_access_log_format(s.access_log, v); }},
    {"allow", any(), read_access},
    {"deny", any(), read_access},
    {"client_prefix", any(), read_client_prefix},
    {"max_connections_per_client", integer(0, kMostConnections),
     [](ServiceDraft& s, const Value& v) {
         s.limits.max_connections_per_client = static_cast<unsigned>(v.integer);
     }},
    {"max_client_connection_rate", integer(0, kHighestRate),
     [](ServiceDraft& s, const Value& v) {
         s.limits.max_client_connection_rate = static_cast<unsigned>(v.integer);
     }},
    {"max_connection_rate", integer(0, kHighestRate),
     [](ServiceDraft& s, const Value& v) {
         s.limits.max_connection_rate = static_cast<unsigned>(v.integer);
     }},
    {"download_rate", word(), read_download_rate},
    {"upload_rate", word(), read_upload_rate},
    {"first_byte_timeout", kDelay,
     [](ServiceDraft& s, const Value& v) { s.limits.first_byte_timeout = v.milliseconds(); }},
    {"max_lifetime", kDelay,
     [](ServiceDraft& s, const Value& v) { s.limits.max_lifetime = v.milliseconds(); }},
    {"keepalive", any(), read_keepalive},
    {"upstream_keepalive", any(), read_upstream_keepalive},
    {"user_timeout", duration(0s, kLongestUserTimeout),
     [](ServiceDraft& s, const Value& v) { s.limits.sockets.user_timeout = v.milliseconds(); }},
    {"last_port", integer(1, 65535),
     [](ServiceDraft& s, const Value& v) {
         s.last_port = Located<std::uint16_t>{static_cast<std::uint16_t>(v.integer), v.at};
     }},
};

constexpr Unused kServiceUnused[] = {
    {Treatment::Note,
     "changes nothing: a failed server gets no new connections and keeps those it has", "",
     "inhibit_on_failure"},
    {Treatment::Note, "has no effect: persistence is by the client's address", "",
     "persistence_engine"},
    {Treatment::Note, "has no effect: keepalived no longer knows it either", "",
     "nat_mask net_mask"},
    {Treatment::Note, "has no effect: connections to the sorry server always go on", "",
     "sorry_server_inhibit"},
    {Treatment::Note, "has no effect: tandem runs no scripts in this version", "",
     "quorum_up quorum_down"},
    {Treatment::Note, "has no effect: tandem sends no mail in this version", "", "smtp_alert"},
    {Treatment::Note, "has no effect: connections are relayed in user space, IPVS is not used", "",
     "ops flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback hashed ip_family "
     "sorry_server_lvs_method"},
    {Treatment::Note, "has no effect in this version", "",
     "omega ha_suspend snmp_name log_all_failures"},
};

std::optional<ServiceDraft> read_service_block(ServiceDraft service, const Statement& statement,
                                               Reporter& reporter) {
    read_block(service, statement.block, "in virtual_server", kServiceKeywords, kServiceUnused,
               reporter);
    // That of a group stays as its user.
    if (service.refused && service.group.empty()) {
        return std::nullopt;
    }
    return service;
}

/// virtual_server group NAME
std::optional<ServiceDraft> read_group_service(const Statement& statement, Position at,
                                               Reporter& reporter) {
    if (statement.arguments.size() < 2) {
        reporter.error(at, "virtual_server group without a name; it is ignored",
                       "write virtual_server group NAME { ... }");
        return std::nullopt;
    }
    ServiceDraft service;
    service.at = statement.arguments[1].at;
    service.group = statement.arguments[1].text;
    return read_service_block(std::move(service), statement, reporter);
}

}  // namespace

KeywordList service_keywords() {
    return list_keywords(kServiceKeywords, kServiceUnused);
}

KeywordList upstream_keywords() {
    return list_keywords(kUpstreamKeywords, kUpstreamUnused);
}

std::optional<ServiceDraft> read_service(const Statement& statement, Reporter& reporter) {
    const std::vector<Word>& words = statement.arguments;
    const std::string first = words.empty() ? "" : words.front().text;
    const Position at = words.empty() ? statement.keyword.at : words.front().at;
    if (first == "fwmark") {
        reporter.error(at,
                       "virtual_server fwmark: tandem listens on addresses and ports, not on marks "
                       "of the firewall; this service is ignored, the others run",
                       "write virtual_server ADDRESS PORT for what is marked");
        return std::nullopt;
    }
    if (first == "group") {
        return read_group_service(statement, at, reporter);
    }
    const auto listen = parse_address(first);
    if (!listen || listen->is_multicast()) {
        reporter.error(at, "virtual_server: '" + first + "' is not an address; it is ignored",
                       "write virtual_server ADDRESS PORT { ... } with a numeric address");
        return std::nullopt;
    }
    if (words.size() < 2) {
        reporter.error(at, "virtual_server without a port cannot be relayed; it is ignored",
                       "write virtual_server ADDRESS PORT { ... }");
        return std::nullopt;
    }
    const auto port = read_port(words[1], reporter);
    if (!port) {
        return std::nullopt;
    }
    ServiceDraft service;
    service.at = at;
    service.listen = relay::Endpoint(*listen, *port);
    service.listen_at = at;
    return read_service_block(std::move(service), statement, reporter);
}

}  // namespace tandem::config
