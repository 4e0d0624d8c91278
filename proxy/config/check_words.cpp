#include "proxy/config/check_words.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace tandem::config {

namespace {

struct DnsType {
    std::string_view name;
    std::uint16_t number;
};
constexpr DnsType kDnsTypes[] = {{"A", 1},     {"NS", 2},     {"CNAME", 5},
                                 {"SOA", 6},   {"MX", 15},    {"TXT", 16},
                                 {"AAAA", 28}, {"RRSIG", 46}, {"DNSKEY", 48}};

constexpr std::size_t kMostName = 253;
constexpr std::size_t kMostLabel = 63;
constexpr std::size_t kMostHexBytes = 1024;

char upper(char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

struct Digit {
    unsigned value = 0;
    unsigned mask = 0xf;
};

std::optional<Digit> digit_of(char letter) {
    const char digit = upper(letter);
    if (digit == 'X') {
        return Digit{0, 0};
    }
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto at = kDigits.find(digit);
    return at == std::string_view::npos ? std::nullopt
                                        : std::optional(Digit{static_cast<unsigned>(at), 0xf});
}

/// One part without blanks; false: it cannot be used.
bool add_part(std::string_view part, HexText& text) {
    while (!part.empty()) {
        const bool is_pair = part.size() > 1;
        const auto first = is_pair ? digit_of(part[0]) : Digit{};
        const auto second = digit_of(part[is_pair ? 1 : 0]);
        if (!first || !second || text.bytes.size() == kMostHexBytes) {
            return false;
        }
        text.bytes += static_cast<char>(first->value << 4U | second->value);
        text.mask += static_cast<char>(first->mask << 4U | second->mask);
        text.has_wildcards = text.has_wildcards || first->mask == 0 || second->mask == 0;
        part.remove_prefix(is_pair ? 2 : 1);
    }
    return true;
}

}  // namespace

std::optional<std::uint16_t> parse_dns_type(std::string_view word) {
    std::string name{word};
    std::ranges::transform(name, name.begin(), upper);
    const auto* found = std::ranges::find(kDnsTypes, std::string_view{name}, &DnsType::name);
    return found == std::end(kDnsTypes) ? std::nullopt : std::optional(found->number);
}

std::string dns_type_names() {
    std::string result;
    for (const DnsType& type : kDnsTypes) {
        result += (result.empty() ? "" : ", ") + std::string{type.name};
    }
    return result;
}

bool is_dns_name(std::string_view name) {
    if (name == ".") {
        return true;
    }
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    if (name.empty() || name.size() > kMostName) {
        return false;
    }
    std::size_t label = 0;
    for (const char letter : name) {
        if (letter == '.' ? label == 0 : letter <= ' ' || ++label > kMostLabel) {
            return false;
        }
        if (letter == '.') {
            label = 0;
        }
    }
    return label != 0;
}

std::optional<HexText> parse_hex(const std::vector<Word>& words) {
    HexText text;
    for (const Word& word : words) {
        // A word in quotes may have blanks.
        std::string_view rest = word.text;
        while (!rest.empty()) {
            const std::string_view part = rest.substr(0, rest.find_first_of(" \t"));
            if (!add_part(part, text)) {
                return std::nullopt;
            }
            rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        }
    }
    return text;
}

}  // namespace tandem::config
