// Lines of virtual_routes: ip route's syntax, the part of it that moves with an address.
#include "proxy/config/draft.hpp"
#include "proxy/config/keyword_lists.hpp"

#include <algorithm>
#include <array>

namespace tandem::config {
namespace {

using netlink::RouteType;

constexpr std::size_t kLongestInterface = 15;

template <class Bytes>
Bytes masked(Bytes bytes, unsigned length) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned kept = std::min(length, 8U);
        length -= kept;
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> kept));
    }
    return bytes;
}

IpAddress network_of(const IpAddress& address, unsigned length) {
    if (address.is_v4()) {
        return boost::asio::ip::address_v4(masked(address.to_v4().to_bytes(), length));
    }
    return boost::asio::ip::address_v6(masked(address.to_v6().to_bytes(), length));
}

struct Named {
    std::string_view name;
    unsigned value = 0;
};
constexpr Named kTables[] = {{"main", 254}, {"local", 255}, {"default", 253}};
constexpr Named kScopes[] = {
    {"global", 0}, {"site", 200}, {"link", 253}, {"host", 254}, {"nowhere", 255}};
constexpr Named kTypes[] = {{"unicast", static_cast<unsigned>(RouteType::Unicast)},
                            {"blackhole", static_cast<unsigned>(RouteType::Blackhole)},
                            {"unreachable", static_cast<unsigned>(RouteType::Unreachable)},
                            {"prohibit", static_cast<unsigned>(RouteType::Prohibit)}};

template <std::size_t N>
std::optional<unsigned> named(const Named (&names)[N], const std::string& text) {
    for (const Named& entry : names) {
        if (entry.name == text) {
            return entry.value;
        }
    }
    return std::nullopt;
}

/// Options without an effect on where packets go, with one argument.
constexpr std::string_view kTuning =
    "proto protocol tos dsfield mtu hoplimit advmss rtt rttvar reordering window cwnd ssthresh "
    "rto_min initcwnd initrwnd features quickack congctl realms pref fastopen_no_cookie expires "
    "ttl-propagate";
constexpr std::string_view kFlags = "append inet6 no_track";
constexpr std::string_view kIgnoredText = "has no effect";
constexpr std::string_view kSeveral = "nexthop or";
constexpr std::string_view kSeveralText = "routes with several gateways are not supported";

/// Reads one line; false from any step drops the route.
class RouteReader {
  public:
    RouteReader(RouteDraft& draft, const Statement& statement, Reporter& reporter)
        : draft_(draft), reporter_(reporter) {
        words_.push_back(statement.keyword);
        words_.insert(words_.end(), statement.arguments.begin(), statement.arguments.end());
    }

    bool read() {
        if (const auto type = named(kTypes, words_.front().text)) {
            draft_.route.type = static_cast<RouteType>(*type);
            ++next_;
        }
        while (next_ < words_.size()) {
            const Word& option = words_[next_++];
            if (!read_option(option)) {
                return false;
            }
        }
        return check();
    }

    bool read_to(const Word& option) {
        const Word* value = argument(option);
        return value != nullptr && read_destination(*value);
    }

    bool read_gateway(const Word& option) { return read_address(option, draft_.route.gateway); }

    bool read_source(const Word& option) { return read_address(option, draft_.route.source); }

    bool read_interface(const Word& option) {
        const Word* value = argument(option);
        if (value != nullptr && value->text.size() > kLongestInterface) {
            return drop(*value, "'" + value->text + "' is no interface name");
        }
        draft_.route.interface = value != nullptr ? value->text : std::string();
        return value != nullptr;
    }

    bool read_on_link(const Word&) {
        draft_.route.onlink = true;
        return true;
    }

    bool read_number(const Word& option) {
        const Word* value = argument(option);
        if (value == nullptr) {
            return false;
        }
        const bool scope = option.text == "scope";
        const bool table = option.text == "table";
        const auto name = scope   ? named(kScopes, value->text)
                          : table ? named(kTables, value->text)
                                  : std::nullopt;
        const auto number = name ? std::optional<std::int64_t>(*name) : parse_integer(value->text);
        const std::int64_t most = scope ? 255 : 0xffff'ffffLL;
        if (!number || *number < (table ? 1 : 0) || *number > most) {
            return drop(*value, option.text + " '" + value->text + "' is not possible");
        }
        if (scope) {
            draft_.route.scope = static_cast<std::uint8_t>(*number);
        } else {
            (table ? draft_.route.table : draft_.route.metric) =
                static_cast<std::uint32_t>(*number);
        }
        return true;
    }

  private:
    bool read_option(const Word& option);

    /// The word behind an option; null and a diagnostic when it is missing.
    const Word* argument(const Word& option) {
        if (next_ == words_.size()) {
            drop(option, option.text + ": a value is missing");
            return nullptr;
        }
        return &words_[next_++];
    }

    bool drop(const Word& at, const std::string& text) {
        reporter_.error(at.at, text + "; the route is ignored",
                        "write NETWORK/LENGTH [via GATEWAY] [dev INTERFACE] [table NUMBER]");
        return false;
    }

    bool read_destination(const Word& word) {
        if (destination_) {
            return drop(word, "a second destination '" + word.text + "'");
        }
        destination_ = true;
        if (word.text == "default") {
            is_default_ = true;
            return true;
        }
        const auto network = parse_network(word.text);
        if (!network) {
            return drop(word, "'" + word.text + "' is not a network");
        }
        const IpAddress& address = network->address;
        const unsigned full = address.is_v4() ? 32 : 128;
        const unsigned length = network->prefix_length.value_or(static_cast<std::uint8_t>(full));
        draft_.route.destination = network_of(address, length);
        draft_.route.prefix_length = static_cast<std::uint8_t>(length);
        if (draft_.route.destination != address) {
            reporter_.warning(word.at,
                              word.text + " has bits behind its length; the route is to " +
                                  draft_.route.destination.to_string() + '/' +
                                  std::to_string(length),
                              "write the network's address");
        }
        return true;
    }

    bool read_address(const Word& option, std::optional<IpAddress>& target) {
        const Word* value = argument(option);
        if (value == nullptr) {
            return false;
        }
        target = parse_address(value->text);
        return target || drop(*value, "'" + value->text + "' is not an address");
    }

    bool check() {
        netlink::VirtualRoute& route = draft_.route;
        if (!destination_) {
            return drop(words_.front(), "a route without a destination");
        }
        if (is_default_) {
            const bool v6 =
                route.gateway ? route.gateway->is_v6() : route.source && route.source->is_v6();
            route.destination = v6 ? IpAddress(boost::asio::ip::address_v6())
                                   : IpAddress(boost::asio::ip::address_v4());
        }
        for (const auto* other : {&route.gateway, &route.source}) {
            if (*other && (*other)->is_v4() != route.destination.is_v4()) {
                return drop(words_.front(),
                            (*other)->to_string() + " is not of the family of the destination");
            }
        }
        if (route.type == RouteType::Unicast && !route.gateway && route.interface.empty()) {
            return drop(words_.front(), "a route without via and dev");
        }
        return true;
    }

    RouteDraft& draft_;
    Reporter& reporter_;
    std::vector<Word> words_;
    std::size_t next_ = 0;
    bool destination_ = false;
    bool is_default_ = false;
};

struct OptionKeyword {
    std::string_view name;
    ValueSpec value;
    /// False: the whole route must be dropped.
    bool (RouteReader::*read)(const Word&);
};
constexpr OptionKeyword kOptions[] = {
    {"to", word(), &RouteReader::read_to},
    {"via", address(), &RouteReader::read_gateway},
    {"gw", address(), &RouteReader::read_gateway},
    {"src", address(), &RouteReader::read_source},
    {"dev", word(), &RouteReader::read_interface},
    {"oif", word(), &RouteReader::read_interface},
    {"table", word(), &RouteReader::read_number},
    {"metric", word(), &RouteReader::read_number},
    {"priority", word(), &RouteReader::read_number},
    {"preference", word(), &RouteReader::read_number},
    {"scope", word(), &RouteReader::read_number},
    {"onlink", flag(), &RouteReader::read_on_link},
};

bool RouteReader::read_option(const Word& option) {
    const auto* found = std::ranges::find(kOptions, option.text, &OptionKeyword::name);
    if (found != std::end(kOptions)) {
        return (this->*found->read)(option);
    }
    const bool tuning = has_name(kTuning, option.text);
    if (tuning || has_name(kFlags, option.text)) {
        reporter_.note(option.at,
                       "route option '" + option.text + "' " + std::string(kIgnoredText));
        return !tuning || argument(option) != nullptr;
    }
    if (has_name(kSeveral, option.text)) {
        return drop(option, std::string(kSeveralText));
    }
    return destination_ ? drop(option, "unknown route option '" + option.text + "'")
                        : read_destination(option);
}

}  // namespace

KeywordList route_keywords() {
    KeywordList list = list_keywords(kOptions);
    list.unused = {{Treatment::Note, kIgnoredText, "", kTuning},
                   {Treatment::Note, kIgnoredText, "", kFlags},
                   {Treatment::Error, kSeveralText, "", kSeveral}};
    return list;
}

void read_routes(std::vector<RouteDraft>& routes, const std::vector<Statement>& block,
                 Reporter& reporter) {
    for (const Statement& statement : block) {
        if (statement.ignored) {
            continue;
        }
        RouteDraft draft;
        draft.at = statement.keyword.at;
        if (RouteReader(draft, statement, reporter).read()) {
            routes.push_back(std::move(draft));
        }
    }
}

}  // namespace tandem::config
