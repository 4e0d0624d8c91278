#include "proxy/control/time_text.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>

namespace tandem::control {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::days kLongestDuration{366};

/// Reads fixed-width text from the left; after the first mismatch every further call fails too.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    /// Exactly `width` digits.
    int number(std::size_t width) {
        int value = 0;
        for (std::size_t index = 0; index < width; ++index) {
            const char digit = take();
            good_ = good_ && digit >= '0' && digit <= '9';
            value = good_ ? value * 10 + (digit - '0') : 0;
        }
        return value;
    }

    void one_of(std::string_view characters) {
        const char found = take();
        good_ = good_ && characters.find(found) != std::string_view::npos;
    }

    [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

    char take() {
        if (rest_.empty()) {
            good_ = false;
            return '\0';
        }
        const char front = rest_.front();
        rest_.remove_prefix(1);
        return front;
    }

    [[nodiscard]] bool finished() const { return good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

/// The digits after the decimal point; 0 to 9 of them count.
std::chrono::nanoseconds scan_fraction(Scanner& scanner) {
    std::int64_t nanoseconds = 0;
    std::int64_t unit = 100'000'000;
    do {
        nanoseconds += scanner.number(1) * unit;
        unit /= 10;
    } while (unit > 0 && scanner.peek() >= '0' && scanner.peek() <= '9');
    return std::chrono::nanoseconds(nanoseconds);
}

struct Unit {
    std::string_view name;
    milliseconds length;
};
constexpr std::array kUnits{Unit{"ms", milliseconds(1)}, Unit{"s", milliseconds(1000)},
                            Unit{"m", std::chrono::minutes(1)}, Unit{"h", std::chrono::hours(1)},
                            Unit{"d", std::chrono::days(1)}};

}  // namespace

std::string format_rfc3339(std::chrono::system_clock::time_point time) {
    const auto instant = std::chrono::floor<milliseconds>(time);
    const auto day = std::chrono::floor<std::chrono::days>(instant);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(instant - day);
    std::array<char, 64> text{};
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
    const int length = std::snprintf(
        text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
        static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
        static_cast<int>(clock.subseconds().count()));
    return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text) {
    Scanner scanner(text);
    const int year = scanner.number(4);
    scanner.one_of("-");
    const int month = scanner.number(2);
    scanner.one_of("-");
    const int day = scanner.number(2);
    scanner.one_of("Tt ");
    const int hour = scanner.number(2);
    scanner.one_of(":");
    const int minute = scanner.number(2);
    scanner.one_of(":");
    const int second = scanner.number(2);
    std::chrono::nanoseconds fraction(0);
    if (scanner.peek() == '.') {
        scanner.take();
        fraction = scan_fraction(scanner);
    }
    std::chrono::minutes offset(0);
    if (scanner.peek() == 'Z' || scanner.peek() == 'z') {
        scanner.take();
    } else {
        const bool west = scanner.peek() == '-';
        scanner.one_of("+-");
        const int offset_hours = scanner.number(2);
        scanner.one_of(":");
        const int offset_minutes = scanner.number(2);
        if (offset_hours > 23 || offset_minutes > 59) {
            return std::nullopt;
        }
        offset = std::chrono::hours(offset_hours) + std::chrono::minutes(offset_minutes);
        offset = west ? -offset : offset;
    }
    const auto date = std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
                      std::chrono::day(static_cast<unsigned>(day));
    // The clock counts nanoseconds in 64 bits, which ends in the year 2262.
    const bool in_range = year >= 1900 && year <= 2200;
    if (!scanner.finished() || !date.ok() || !in_range || hour > 23 || minute > 59 || second > 59) {
        return std::nullopt;
    }
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second) + fraction - offset;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    const std::size_t number_length = text.find_first_not_of("0123456789.");
    if (number_length == 0 || number_length == std::string_view::npos) {
        return std::nullopt;
    }
    double number = 0;
    const char* const end = text.data() + number_length;
    const auto [parsed, error] =
        std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc() || parsed != end) {
        return std::nullopt;
    }
    for (const Unit& unit : kUnits) {
        if (text.substr(number_length) != unit.name) {
            continue;
        }
        const double count = number * static_cast<double>(unit.length.count());
        if (count < 1 || count > static_cast<double>(milliseconds(kLongestDuration).count())) {
            return std::nullopt;
        }
        return milliseconds(static_cast<std::int64_t>(count));
    }
    return std::nullopt;
}

std::string format_duration(milliseconds duration) {
    struct Step {
        milliseconds length;
        const char* name;
    };
    constexpr std::array kSteps{Step{std::chrono::days(1), " d"}, Step{std::chrono::hours(1), " h"},
                                Step{std::chrono::minutes(1), " min"},
                                Step{std::chrono::seconds(1), " s"}};
    if (duration < milliseconds(1000)) {
        return std::to_string(duration.count()) + " ms";
    }
    std::string text;
    for (const Step& step : kSteps) {
        const auto count = duration / step.length;
        const bool second_unit = !text.empty();
        if (count > 0) {
            text += (second_unit ? " " : "") + std::to_string(count) + step.name;
            duration -= count * step.length;
        }
        if (second_unit) {
            break;
        }
    }
    return text;
}

}  // namespace tandem::control
