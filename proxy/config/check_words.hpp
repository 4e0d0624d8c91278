// Words inside DNS_CHECK and UDP_CHECK. Pure.
#pragma once

#include "proxy/config/syntax.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::config {

/// Of a record type that keepalived knows, in upper or lower case: "MX" is 15.
std::optional<std::uint16_t> parse_dns_type(std::string_view word);
/// For people: "A, NS, …".
std::string dns_type_names();

/// What relay::DnsCheck::name asks for.
bool is_dns_name(std::string_view name);

struct HexText {
    std::string bytes;
    /// As long; zero bits where an x stood.
    std::string mask;
    bool has_wildcards = false;
};

/// keepalived's free form: digits in pairs, with or without blanks between; one that is alone at
/// the end of a word is the lower half of a byte. x stands for any digit.
/// @return nullopt: another character, or more than 1024 bytes.
std::optional<HexText> parse_hex(const std::vector<Word>& words);

}  // namespace tandem::config
