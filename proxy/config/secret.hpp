// Where a line of a configuration holds a secret. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tandem::config {

/// Offset of the word that a secret follows on the line itself: `auth_pass SECRET`, `key ID SECRET`
/// of auth_hmac, `password SECRET` of SSL, `$…PASS…=SECRET`. What names a file (`file:PATH`) or a
/// definition (`$NAME`) holds none; conditional and one-line forms are seen through.
/// @param line without its comment.
std::optional<std::size_t> find_secret(std::string_view line);

}  // namespace tandem::config
