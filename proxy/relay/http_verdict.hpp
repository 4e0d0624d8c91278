// What the answer of a web server means for its check. Pure.
#pragma once

#include "proxy/relay/check_config.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::relay {

/// Bytes of a body that a regular expression looks at.
inline constexpr std::size_t kSearchedBody = std::size_t{64} * 1024;

/// Why the answer does not pass, for people; nothing: it does.
/// @param digest of the whole body, as UrlCheck::digest; looked at when the check wants one.
/// @param body its first kSearchedBody bytes; looked at when the check has an expression.
std::optional<std::string> judge(const UrlCheck& check, unsigned status, std::string_view digest,
                                 std::string_view body);

}  // namespace tandem::relay
