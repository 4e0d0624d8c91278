#include "proxy/config/value.hpp"

#include <charconv>
#include <limits>

namespace tandem::config {

std::optional<std::int64_t> parse_integer(std::string_view text) {
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') {
            return std::nullopt;
        }
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned shift = 0;
    if (!text.empty()) {
        const std::size_t unit = std::string_view{"kKmMgG"}.find(text.back());
        if (unit != std::string_view::npos) {
            shift = 10 * (static_cast<unsigned>(unit) / 2 + 1);
            text.remove_suffix(1);
        }
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
        value > std::numeric_limits<std::uint64_t>::max() >> shift) {
        return std::nullopt;
    }
    return value << shift;
}

std::optional<std::chrono::microseconds> parse_seconds(std::string_view text) {
    constexpr std::size_t kPlaces = 6;
    constexpr std::int64_t kLargest = 1'000'000'000;
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
    const auto only_digits = [](std::string_view digits) {
        return digits.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (whole.size() + fraction.size() == 0 || fraction.size() > kPlaces || !only_digits(whole) ||
        !only_digits(fraction)) {
        return std::nullopt;
    }
    fraction.resize(kPlaces, '0');
    const auto seconds = whole.empty() ? std::optional<std::int64_t>(0) : parse_integer(whole);
    if (!seconds || *seconds > kLargest) {
        return std::nullopt;
    }
    return std::chrono::seconds{*seconds} + std::chrono::microseconds{*parse_integer(fraction)};
}

std::optional<bool> parse_boolean(std::string_view text) {
    if (text == "on" || text == "true" || text == "yes") {
        return true;
    }
    if (text == "off" || text == "false" || text == "no") {
        return false;
    }
    return std::nullopt;
}

std::optional<IpAddress> parse_address(std::string_view text) {
    // A zone would make the parser ask the host for an interface index.
    if (text.find('%') != std::string_view::npos) {
        return std::nullopt;
    }
    boost::system::error_code error;
    const IpAddress address = boost::asio::ip::make_address(std::string(text), error);
    return error ? std::nullopt : std::optional(address);
}

std::optional<Network> parse_network(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    if (slash == std::string_view::npos) {
        return Network{*address, std::nullopt};
    }
    const auto length = parse_integer(text.substr(slash + 1));
    if (!length || *length < 0 || *length > (address->is_v4() ? 32 : 128)) {
        return std::nullopt;
    }
    return Network{*address, static_cast<std::uint8_t>(*length)};
}

std::string format_seconds(std::chrono::microseconds value) {
    constexpr std::int64_t kMicroseconds = 1'000'000;
    std::string result = std::to_string(value.count() / kMicroseconds);
    std::string fraction = std::to_string(kMicroseconds + value.count() % kMicroseconds).substr(1);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    return fraction.empty() ? result : result + '.' + fraction;
}

}  // namespace tandem::config
