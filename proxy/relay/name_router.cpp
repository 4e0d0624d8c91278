#include "proxy/relay/name_router.hpp"

#include <algorithm>
#include <utility>

namespace tandem::relay {

namespace {

/// How well something matches; pairs compare the name first. Zero: there is no list.
using Score = std::pair<std::size_t, std::size_t>;

/// Better than any wildcard: a name has at most 255 bytes.
constexpr std::size_t kExact = 256;

std::string in_lower_case(std::string_view name) {
    std::string result(name);
    // Not tolower(): names are ASCII whatever the locale says.
    for (char& letter : result) {
        if (letter >= 'A' && letter <= 'Z') {
            letter = static_cast<char>(letter - 'A' + 'a');
        }
    }
    return result;
}

std::optional<std::size_t> score_of_name(const std::vector<std::string>& list,
                                         std::string_view name) {
    if (list.empty()) {
        return 0;
    }
    std::size_t best = 0;
    for (const std::string_view entry : list) {
        if (entry == name) {
            best = kExact;
        } else if (entry.starts_with("*.") && name.size() > entry.size() - 1 &&
                   name.ends_with(entry.substr(1))) {
            best = std::max(best, entry.size());
        }
    }
    return best > 0 ? std::optional(best) : std::nullopt;
}

std::optional<std::size_t> score_of_protocols(const std::vector<std::string>& list,
                                              const std::vector<std::string>& offered) {
    if (list.empty()) {
        return 0;
    }
    const bool common = std::ranges::find_first_of(list, offered) != list.end();
    return common ? std::optional<std::size_t>(1) : std::nullopt;
}

std::optional<Score> score(const RouteConfig& route, std::string_view name,
                           const std::vector<std::string>& protocols) {
    const auto by_name = score_of_name(route.server_names, name);
    const auto by_protocol = score_of_protocols(route.protocols, protocols);
    return by_name && by_protocol ? std::optional(Score{*by_name, *by_protocol}) : std::nullopt;
}

}  // namespace

NameRouter::NameRouter(std::vector<RouteConfig> routes) : routes_(std::move(routes)) {
    for (RouteConfig& route : routes_) {
        for (std::string& name : route.server_names) {
            name = in_lower_case(name);
        }
    }
}

std::optional<std::vector<std::uint16_t>> NameRouter::excluded(const ClientHello& hello) const {
    const std::string name = in_lower_case(hello.server_name);
    std::vector<std::optional<Score>> scores;
    scores.reserve(routes_.size());
    for (const RouteConfig& route : routes_) {
        scores.push_back(score(route, name, hello.protocols));
    }
    // Nothing is less than something.
    const auto best = std::ranges::max_element(scores);
    if (best == scores.end() || !*best) {
        return std::nullopt;
    }
    const std::optional<Score> wanted = *best;
    std::vector<std::uint16_t> result;
    for (std::size_t index = 0; index < scores.size(); ++index) {
        if (scores[index] != wanted) {
            result.push_back(static_cast<std::uint16_t>(index));
        }
    }
    return result;
}

}  // namespace tandem::relay
