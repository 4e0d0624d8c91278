// ~SEQ, ~SEQx and ~LST: the rest of the line once per value.
#include "proxy/config/expander.hpp"

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

namespace tandem::config {
namespace {

/// Splits at commas outside braces and trims the pieces.
std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> result;
    std::string piece;
    unsigned depth = 0;
    const auto finish = [&] {
        const std::size_t first = skip_blanks(piece);
        std::size_t end = piece.size();
        while (end > first && is_blank(piece[end - 1])) {
            --end;
        }
        result.push_back(piece.substr(first, end - first));
        piece.clear();
    };
    for (const char c : text) {
        if (c == ',' && depth == 0) {
            finish();
            continue;
        }
        depth += c == '{' ? 1U : 0U;
        depth -= c == '}' && depth > 0 ? 1U : 0U;
        piece += c;
    }
    finish();
    return result;
}

/// "{a,b}" gives its parts, anything else itself.
std::vector<std::string> members(const std::string& text) {
    if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
        return split_list(std::string_view(text).substr(1, text.size() - 2));
    }
    return {text};
}

/// Decimal or 0x hexadecimal, with sign.
std::optional<std::int64_t> sequence_number(std::string_view text) {
    const bool negative = !text.empty() && text.front() == '-';
    if (negative || (!text.empty() && text.front() == '+')) {
        text.remove_prefix(1);
    }
    int base = 10;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text.remove_prefix(2);
    }
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return negative ? -std::int64_t{value} : std::int64_t{value};
}

std::string formatted(std::int64_t value, bool hexadecimal) {
    char buffer[24];
    const auto [end, error] =
        std::to_chars(buffer, buffer + sizeof(buffer), value, hexadecimal ? 16 : 10);
    return error == std::errc() ? std::string(buffer, end) : std::string();
}

struct Range {
    std::int64_t first = 1;
    std::int64_t step = 1;
    std::int64_t last = 1;
};

/// [start,[step,]] end as written after the variable's name.
std::optional<Range> sequence_range(const std::vector<std::string>& parts) {
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const auto number = sequence_number(parts[i]);
        if (!number) {
            return std::nullopt;
        }
        numbers.push_back(*number);
    }
    if (numbers.empty() || numbers.size() > 3) {
        return std::nullopt;
    }
    Range range;
    range.last = numbers.back();
    range.first = numbers.size() > 1 ? numbers.front() : range.last < 0 ? -1 : 1;
    range.step = numbers.size() == 3 ? numbers[1] : range.last < range.first ? -1 : 1;
    return range.step == 0 ? std::nullopt : std::optional(range);
}

}  // namespace

bool Expander::sequence(const Text& text, unsigned depth) {
    const std::string& chars = text.chars();
    const bool numbers = chars.compare(0, 4, "~SEQ") == 0;
    if (!numbers && chars.compare(0, 4, "~LST") != 0) {
        return false;
    }
    const std::size_t name_end = numbers && chars.size() > 4 && chars[4] == 'x' ? 5 : 4;
    const std::size_t open = skip_blanks(chars, name_end);
    const std::size_t close = chars.find(')', open);
    if (open >= chars.size() || chars[open] != '(' || close == std::string::npos) {
        reporter_.error(text.position(0), "malformed sequence; the line is ignored",
                        "write ~SEQ(NAME, START, STEP, END) rest or ~LST(NAME, VALUE, ...) rest");
        return true;
    }
    if (numbers) {
        number_sequence(text, open, close, depth);
    } else {
        list_sequence(text, open, close, depth);
    }
    return true;
}

void Expander::number_sequence(const Text& text, std::size_t open, std::size_t close,
                               unsigned depth) {
    const bool hexadecimal = text.chars()[4] == 'x';
    const Text inside = definitions_.substitute(text.slice(open + 1, close - open - 1));
    const std::vector<std::string> parts = split_list(inside.chars());
    const std::string& name = parts.front();
    const auto range = sequence_range(parts);
    if (!range || name.empty() || name_length(name, 0) != name.size()) {
        reporter_.error(text.position(open), "malformed ~SEQ; the line is ignored",
                        "write ~SEQ(NAME, START, STEP, END) with whole numbers, STEP not zero");
        return;
    }
    const Text rest = text.slice(close + 1);
    const auto previous = definitions_.get(name);
    for (std::int64_t value = range->first;
         range->step > 0 ? value <= range->last : value >= range->last; value += range->step) {
        if (!budget_.spend(rest.chars().size(), text.position(0))) {
            return;
        }
        definitions_.set(name, formatted(value, hexadecimal));
        line(rest, depth + 1);
    }
    definitions_.unset(name);
    if (previous) {
        definitions_.set(name, *previous);
    }
}

void Expander::list_sequence(const Text& text, std::size_t open, std::size_t close,
                             unsigned depth) {
    const Text inside = definitions_.substitute(text.slice(open + 1, close - open - 1));
    const std::vector<std::string> parts = split_list(inside.chars());
    const std::vector<std::string> names = members(parts.front());
    for (const std::string& name : names) {
        if (name.empty() || name_length(name, 0) != name.size()) {
            reporter_.error(text.position(open), "malformed ~LST; the line is ignored",
                            "write ~LST(NAME, VALUE, ...) or ~LST({A,B}, {1,2}, {3,4})");
            return;
        }
    }
    const Text rest = text.slice(close + 1);
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const std::vector<std::string> values =
            names.size() == 1 ? std::vector<std::string>{parts[i]} : members(parts[i]);
        if (values.size() != names.size()) {
            reporter_.error(text.position(open), "~LST needs " + std::to_string(names.size()) +
                                                     " values in '" + parts[i] +
                                                     "'; this repetition is ignored");
            continue;
        }
        if (!budget_.spend(rest.chars().size(), text.position(0))) {
            return;
        }
        for (std::size_t n = 0; n < names.size(); ++n) {
            definitions_.set(names[n], values[n]);
        }
        line(rest, depth + 1);
    }
    for (const std::string& name : names) {
        definitions_.unset(name);
    }
}

}  // namespace tandem::config
