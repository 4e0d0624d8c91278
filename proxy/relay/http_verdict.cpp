#include "proxy/relay/http_verdict.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/regex.hpp>

namespace tandem::relay {

namespace {

bool has_status(const UrlCheck& check, unsigned status) {
    const auto holds = [status](const UrlCheck::StatusRange& range) {
        return range.first <= status && status <= range.last;
    };
    return check.statuses.empty() ? holds({}) : std::ranges::any_of(check.statuses, holds);
}

/// Nothing: the expression cannot be used on this body. The library gives up with an exception
/// when a search takes too many steps.
std::optional<bool> found(const UrlCheck& check, std::string_view body) {
    try {
        boost::regex::flag_type flags = boost::regex::perl;
        if (check.regex_ignores_case) {
            flags |= boost::regex::icase;
        }
        const boost::regex expression(check.regex, flags);
        return boost::regex_search(body.begin(), body.end(), expression);
    } catch (const std::runtime_error&) {
        return std::nullopt;
    }
}

}  // namespace

std::optional<std::string> judge(const UrlCheck& check, unsigned status, std::string_view digest,
                                 std::string_view body) {
    if (!has_status(check, status)) {
        return "status " + std::to_string(status);
    }
    if (!check.digest.empty() && check.digest != digest) {
        return "the body has the digest " + std::string{digest};
    }
    if (check.regex.empty()) {
        return std::nullopt;
    }
    const auto match = found(check, body);
    if (!match) {
        return "the regular expression takes too long on this body";
    }
    if (*match == check.regex_must_not_match) {
        return *match ? "the body matches the regular expression"
                      : "the body does not match the regular expression";
    }
    return std::nullopt;
}

}  // namespace tandem::relay
