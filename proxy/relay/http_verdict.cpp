#include "proxy/relay/http_verdict.hpp"

#include "proxy/relay/counted_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <boost/regex.hpp>

namespace tandem::relay {

namespace {

/// Looks and moves in a body: some 30 ms, and twenty times what an ordinary expression needs.
constexpr std::uint64_t kMostSearchSteps = 2'000'000;

bool has_status(const UrlCheck& check, unsigned status) {
    const auto holds = [status](const UrlCheck::StatusRange& range) {
        return range.first <= status && status <= range.last;
    };
    return check.statuses.empty() ? holds({}) : std::ranges::any_of(check.statuses, holds);
}

boost::regex compile(const BodyRegex& check) {
    boost::regex::flag_type flags = boost::regex::perl;
    const auto set = [&flags](boost::regex::flag_type flag, bool wanted) {
        flags |= wanted ? flag : 0U;
    };
    set(boost::regex::icase, check.ignores_case);
    set(boost::regex::mod_s, check.dot_matches_newline);
    set(boost::regex::no_mod_s, !check.dot_matches_newline);
    set(boost::regex::no_mod_m, !check.multiline);
    set(boost::regex::mod_x, check.extended);
    return boost::regex{check.text, flags};
}

/// Whether a match begins within the offsets. The first one begins nearest to the front: when that
/// is too far back, so is every other.
bool matches_within(const BodyRegex& check, const boost::regex& expression, std::string_view body,
                    std::uint64_t& steps) {
    if (check.min_offset > body.size()) {
        return false;
    }
    const CountedText begin{body.data(), steps};
    const CountedText from{body.data() + check.min_offset, steps};
    const CountedText end{body.data() + body.size(), steps};
    boost::match_results<CountedText> match;
    // What stands before the offset counts for ^, \b and what looks behind.
    const auto flags =
        check.min_offset == 0 ? boost::match_default : boost::regex_constants::match_prev_avail;
    if (!boost::regex_search(from, end, match, expression, flags, begin)) {
        return false;
    }
    return !check.max_offset ||
           match[0].first - begin <= static_cast<std::ptrdiff_t>(*check.max_offset);
}

/// Nothing: the expression cannot be used on this body. The library, too, gives up with an
/// exception when a search needs too much.
std::optional<bool> found(const BodyRegex& check, std::string_view body) {
    try {
        const boost::regex expression = compile(check);
        std::uint64_t steps = kMostSearchSteps;
        if (matches_within(check, expression, body, steps)) {
            return true;
        }
        // The library's $ matches at the very end alone.
        const bool once_more = !check.multiline && !check.dollar_end_only && body.ends_with('\n');
        return once_more &&
               matches_within(check, expression, body.substr(0, body.size() - 1), steps);
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
    if (check.regex.text.empty()) {
        return std::nullopt;
    }
    const auto match = found(check.regex, body);
    if (!match) {
        return "the regular expression takes too long on this body";
    }
    if (*match == check.regex.must_not_match) {
        return *match ? "the body matches the regular expression"
                      : "the body does not match the regular expression";
    }
    return std::nullopt;
}

}  // namespace tandem::relay
