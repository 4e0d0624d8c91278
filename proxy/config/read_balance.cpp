#include "proxy/config/balance_draft.hpp"
#include "proxy/config/keyword.hpp"

#include <bit>

namespace tandem::config {
namespace {

constexpr std::int64_t kDefaultPersistence = 360;
constexpr std::int64_t kLongestPersistence = std::int64_t{31} * 24 * 3600;

/// Leading ones of 255.255.255.0; unset: not a mask.
std::optional<unsigned> mask_bits(const IpAddress& mask) {
    if (!mask.is_v4()) {
        return std::nullopt;
    }
    const std::uint32_t bits = mask.to_v4().to_uint();
    const int ones = std::countl_one(bits);
    if (std::popcount(bits) != ones) {
        return std::nullopt;
    }
    return static_cast<unsigned>(ones);
}

}  // namespace

void read_algorithm(ServiceBalanceDraft& draft, const Value& value) {
    draft.algorithm = value.word;
    draft.algorithm_at = value.at;
}

void read_sorry_server(ServiceBalanceDraft& draft, const Value& value) {
    SorryServerDraft sorry{.at = value.at, .address = value.address, .port = {}};
    if (value.address.is_unspecified() || value.address.is_multicast()) {
        value.reporter.error(value.at,
                             "sorry_server: '" + value.word +
                                 "' is not the address of a server; the line is ignored",
                             "write sorry_server ADDRESS PORT");
        return;
    }
    const auto& words = value.statement.arguments;
    if (words.size() > 1 && words[1].text != "0") {
        const auto port = parse_integer(words[1].text);
        if (!port || *port < 1 || *port > 65535) {
            value.reporter.error(words[1].at,
                                 "'" + words[1].text + "' is not a TCP port; the line is ignored",
                                 "allowed: 1 to 65535");
            return;
        }
        sorry.port = static_cast<std::uint16_t>(*port);
    }
    draft.sorry = sorry;
}

void read_persistence_timeout(ServiceBalanceDraft& draft, const Value& value) {
    if (value.word.empty()) {
        draft.persistence_timeout = std::chrono::seconds{kDefaultPersistence};
        return;
    }
    const auto seconds = parse_integer(value.word);
    if (seconds == 0) {
        draft.persistence_timeout.reset();
        value.reporter.note(value.at, "persistence_timeout 0: there is no persistence",
                            "remove the line; keepalived refuses it");
        return;
    }
    if (!seconds || *seconds < 1 || *seconds > kLongestPersistence) {
        value.reporter.error(value.at,
                             "persistence_timeout: '" + value.word +
                                 "' is not a number of seconds; the line is ignored",
                             "allowed: 1 to " + std::to_string(kLongestPersistence) +
                                 "; without the line there is no persistence");
        return;
    }
    draft.persistence_timeout = std::chrono::seconds{*seconds};
}

void read_persistence_granularity(ServiceBalanceDraft& draft, const Value& value) {
    std::optional<unsigned> bits;
    if (const auto mask = parse_address(value.word)) {
        bits = mask_bits(*mask);
    } else if (const auto length = parse_integer(value.word); length && *length <= 128) {
        bits = *length < 1 ? std::nullopt : std::optional(static_cast<unsigned>(*length));
    }
    if (!bits || *bits == 0) {
        value.reporter.error(value.at,
                             "persistence_granularity: '" + value.word +
                                 "' is neither a netmask nor a prefix length; the line is ignored",
                             "write 255.255.255.0 or 24 for IPv4, 64 for IPv6");
        return;
    }
    draft.client_bits = bits;
}

}  // namespace tandem::config
