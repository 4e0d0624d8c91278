// Typed values from words: numbers, durations, addresses, booleans. No diagnostics here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace tandem::config {

using IpAddress = boost::asio::ip::address;

/// Decimal digits with an optional sign; nothing may follow.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// Decimal seconds with at most six places, not negative: "3", "0.25". No rounding.
std::optional<std::chrono::microseconds> parse_seconds(std::string_view text);

/// Bytes: a decimal number, with k, m or g behind it (either case) for 1024, 1024² and 1024³ of
/// them. Nothing when it does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// on true yes, off false no (lower case, as in keepalived).
std::optional<bool> parse_boolean(std::string_view text);

/// Numeric address without brackets, zone or prefix length.
std::optional<IpAddress> parse_address(std::string_view text);

struct Network {
    IpAddress address;
    std::optional<std::uint8_t> prefix_length;
};

/// ADDRESS[/LENGTH].
std::optional<Network> parse_network(std::string_view text);

/// "1", "0.25", "600": seconds without needless zeros.
std::string format_seconds(std::chrono::microseconds value);

}  // namespace tandem::config
