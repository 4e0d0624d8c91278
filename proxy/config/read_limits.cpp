#include "proxy/config/read_limits.hpp"

#include <array>
#include <string>
#include <vector>

namespace tandem::config {
namespace {

constexpr std::size_t kMostAccessRules = 10'000;
constexpr std::int64_t kBitsV4 = 32;
constexpr std::int64_t kBitsV6 = 128;
// What the kernel takes.
constexpr std::int64_t kMostKeepaliveSeconds = 32767;
constexpr std::int64_t kMostKeepaliveProbes = 127;

/// Half a list lets in whom it should keep out, or the other way round.
void refuse_service(ServiceDraft& service, const Value& value, const Position& at,
                    const std::string& what, const std::string& advice) {
    value.reporter.error(at, what + "; this service is ignored", advice);
    service.refused = true;
}

bool read_network(ServiceDraft& service, const Value& value, const Word& word, bool allow) {
    std::vector<relay::AccessRule>& rules = service.limits.access;
    if (word.text == "all") {
        rules.push_back({allow, boost::asio::ip::address_v4::any(), 0});
        rules.push_back({allow, boost::asio::ip::address_v6::any(), 0});
        return true;
    }
    const auto network = parse_network(word.text);
    if (!network) {
        refuse_service(service, value, word.at,
                       value.statement.keyword.text + ": '" + word.text + "' is not a network",
                       "write ADDRESS, ADDRESS/LENGTH or all");
        return false;
    }
    const unsigned whole = network->address.is_v4() ? kBitsV4 : kBitsV6;
    rules.push_back({allow, network->address, network->prefix_length.value_or(whole)});
    return true;
}

/// Word `index` as a number of the range, or `otherwise` when there is none; reports and gives
/// nothing when it is wrong.
std::optional<std::int64_t> read_word(const Value& value, std::size_t index, std::int64_t otherwise,
                                      std::int64_t least, std::int64_t most) {
    const std::vector<Word>& words = value.statement.arguments;
    if (index >= words.size()) {
        return otherwise;
    }
    const auto number = parse_integer(words[index].text);
    if (!number || *number < least || *number > most) {
        value.reporter.error(
            words[index].at,
            value.statement.keyword.text + ": '" + words[index].text + "' is ignored",
            "allowed: " + std::to_string(least) + " to " + std::to_string(most));
        return std::nullopt;
    }
    return number;
}

void read_probes(std::optional<relay::KeepaliveConfig>& target, const Value& value) {
    if (value.word == "off") {
        target.reset();
        return;
    }
    if (value.statement.arguments.empty()) {
        value.reporter.error(value.at, value.statement.keyword.text + ": a value is missing",
                             "write IDLE INTERVAL COUNT, or off");
        return;
    }
    const relay::KeepaliveConfig usual;
    const auto idle = read_word(value, 0, usual.idle.count(), 1, kMostKeepaliveSeconds);
    const auto interval = read_word(value, 1, usual.interval.count(), 1, kMostKeepaliveSeconds);
    const auto count = read_word(value, 2, usual.count, 1, kMostKeepaliveProbes);
    if (idle && interval && count) {
        target =
            relay::KeepaliveConfig{std::chrono::seconds{*idle}, std::chrono::seconds{*interval},
                                   static_cast<unsigned>(*count)};
    }
}

void read_rate(std::uint64_t& target, const Value& value) {
    if (const auto rate = read_size(value, 0, relay::kHighestByteRate)) {
        target = *rate;
    }
}

}  // namespace

std::optional<std::uint64_t> read_size(const Value& value, std::uint64_t least,
                                       std::uint64_t most) {
    const auto size = parse_size(value.word);
    if (!size || *size < least || *size > most) {
        value.reporter.error(value.at,
                             value.statement.keyword.text + ": '" + value.word + "' is ignored",
                             "allowed: " + std::to_string(least) + " to " + std::to_string(most) +
                                 " bytes; k, m and g mean 1024, 1024² and 1024³");
        return std::nullopt;
    }
    return size;
}

void read_access(ServiceDraft& service, const Value& value) {
    const std::vector<Word>& words = value.statement.arguments;
    const bool allow = value.statement.keyword.text == "allow";
    if (words.empty()) {
        refuse_service(service, value, value.at,
                       value.statement.keyword.text + " without a network",
                       "write ADDRESS, ADDRESS/LENGTH or all");
    }
    for (const Word& word : words) {
        if (!read_network(service, value, word, allow)) {
            return;
        }
    }
    if (service.limits.access.size() > kMostAccessRules) {
        refuse_service(service, value, value.at,
                       "more than " + std::to_string(kMostAccessRules) + " networks", "");
    }
}

void read_client_prefix(ServiceDraft& service, const Value& value) {
    if (value.statement.arguments.empty()) {
        value.reporter.error(value.at, "client_prefix: a value is missing",
                             "write the lengths for IPv4 and IPv6: client_prefix 32 64");
        return;
    }
    const auto v4 = read_word(value, 0, kBitsV4, 1, kBitsV4);
    const auto v6 = read_word(value, 1, service.limits.client_prefix_v6, 1, kBitsV6);
    if (v4 && v6) {
        service.limits.client_prefix_v4 = static_cast<unsigned>(*v4);
        service.limits.client_prefix_v6 = static_cast<unsigned>(*v6);
    }
}

void read_download_rate(ServiceDraft& service, const Value& value) {
    read_rate(service.limits.download_rate, value);
}

void read_upload_rate(ServiceDraft& service, const Value& value) {
    read_rate(service.limits.upload_rate, value);
}

void read_keepalive(ServiceDraft& service, const Value& value) {
    read_probes(service.limits.sockets.keepalive, value);
}

void read_upstream_keepalive(ServiceDraft& service, const Value& value) {
    read_probes(service.limits.sockets.upstream_keepalive, value);
}

}  // namespace tandem::config
