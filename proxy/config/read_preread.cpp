// accept_proxy, proxy_protocol, sni, alpn: what a connection begins with.
#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"

#include <algorithm>
#include <string>

namespace tandem::config {

namespace {

/// Of a server name (RFC 6066: a host name, RFC 1035 §2.3.4) and of an ALPN identifier (RFC 7301).
constexpr std::size_t kLongestName = 253;
constexpr std::size_t kLongestProtocol = 255;

/// False: there is nothing to read; that is reported.
bool has_words(const Value& value, const std::string& advice) {
    const Statement& statement = value.statement;
    if (statement.has_block || statement.arguments.empty()) {
        value.reporter.error(statement.keyword.at,
                             "'" + statement.keyword.text +
                                 (statement.has_block ? "' takes no block; it is skipped"
                                                      : "' lists nothing; the line is ignored"),
                             advice);
        return false;
    }
    return true;
}

void add_sender(PrereadDraft& draft, const Word& word, Reporter& reporter) {
    const auto network = parse_network(word.text);
    const bool mapped =
        network && network->address.is_v6() && network->address.to_v6().is_v4_mapped();
    if (!network || mapped) {
        reporter.error(word.at, "'" + word.text + "' is not a network; it is ignored",
                       mapped ? "write the IPv4 network; it covers mapped addresses too"
                              : "write ADDRESS or ADDRESS/LENGTH");
        return;
    }
    const unsigned whole = network->address.is_v4() ? 32 : 128;
    const unsigned length = network->prefix_length.value_or(static_cast<std::uint8_t>(whole));
    if (length == 0) {
        reporter.warning(word.at,
                         "accept_proxy " + word.text + ": every client can claim any address",
                         "list only the addresses of the proxies in front of this one");
    }
    draft.senders.push_back({network->address, length});
}

bool is_server_name(const std::string& name) {
    const bool wildcard = name.starts_with("*.");
    const std::string rest = wildcard ? name.substr(2) : name;
    return !rest.empty() && rest.front() != '.' && rest.back() != '.' &&
           name.size() <= kLongestName && rest.find("..") == std::string::npos &&
           rest.find_first_of("*/:\"' \t") == std::string::npos;
}

}  // namespace

void read_accept_proxy(PrereadDraft& draft, const Value& value) {
    if (!has_words(value, "name the networks whose connections begin with a PROXY header")) {
        return;
    }
    for (const Word& word : value.statement.arguments) {
        add_sender(draft, word, value.reporter);
    }
}

void read_proxy_protocol(std::optional<relay::ProxyProtocol>& version, const Value& value) {
    if (value.word == "off") {
        version = relay::ProxyProtocol::Off;
    } else if (value.word == "v1") {
        version = relay::ProxyProtocol::V1;
    } else if (value.word == "v2") {
        version = relay::ProxyProtocol::V2;
    } else {
        value.reporter.error(value.at,
                             "proxy_protocol: '" + value.word +
                                 "' is not a version of the PROXY protocol; the line is ignored",
                             "allowed: v1, v2, off");
    }
}

void read_server_names(relay::RouteConfig& route, const Value& value) {
    if (!has_words(value, "write sni NAME... or *.NAME")) {
        return;
    }
    for (const Word& word : value.statement.arguments) {
        if (is_server_name(word.text)) {
            route.server_names.push_back(word.text);
        } else {
            value.reporter.error(word.at,
                                 "sni: '" + word.text + "' is not a server name; it is ignored",
                                 "write a full name without a dot at the end, or *. and a name");
        }
    }
}

void read_protocols(relay::RouteConfig& route, const Value& value) {
    if (!has_words(value, "write alpn PROTOCOL..., such as h2")) {
        return;
    }
    for (const Word& word : value.statement.arguments) {
        if (!word.text.empty() && word.text.size() <= kLongestProtocol) {
            route.protocols.push_back(word.text);
        } else {
            value.reporter.error(word.at, "alpn: an identifier has 1 to 255 bytes; it is ignored");
        }
    }
}

}  // namespace tandem::config
