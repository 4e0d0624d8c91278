// Lines of virtual_ipaddress: ADDRESS[/LENGTH] with options in any order.
#include "proxy/config/draft.hpp"
#include "proxy/config/keyword_lists.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace tandem::config {
namespace {

constexpr std::size_t kLongestLabel = 15;
constexpr std::size_t kLongestInterface = 15;

std::optional<std::uint8_t> parse_scope(const std::string& text) {
    constexpr struct {
        std::string_view name;
        std::uint8_t value;
    } kScopes[] = {{"global", 0}, {"site", 200}, {"link", 253}, {"host", 254}, {"nowhere", 255}};
    for (const auto& scope : kScopes) {
        if (scope.name == text) {
            return scope.value;
        }
    }
    const auto number = parse_integer(text);
    if (!number || *number < 0 || *number > 255) {
        return std::nullopt;
    }
    return static_cast<std::uint8_t>(*number);
}

/// `brd +` sets the host bits, `brd -` clears them.
IpAddress network_edge(const netlink::VirtualAddress& address, bool ones) {
    const std::uint32_t bits = address.address.to_v4().to_uint();
    const std::uint32_t host =
        address.prefix_length >= 32 ? 0 : 0xffffffffU >> unsigned{address.prefix_length};
    return boost::asio::ip::address_v4(ones ? bits | host : bits & ~host);
}

constexpr std::string_view kIgnoredWithValue = "peer preferred_lft";
constexpr std::string_view kIgnored =
    "home mngtmpaddr noprefixroute autojoin no_track track_group use_vmac";
constexpr std::string_view kIgnoredText = "has no effect";

/// Reads the options of one address line.
class OptionReader {
  public:
    OptionReader(AddressDraft& draft, const Statement& statement, Reporter& reporter)
        : address_(draft.address), words_(statement.arguments), reporter_(reporter) {}

    /// False: the whole address must be dropped.
    bool read() {
        while (next_ < words_.size()) {
            const Word& option = words_[next_++];
            if (!read_option(option)) {
                return false;
            }
        }
        return true;
    }

    bool read_interface(const Word& option) {
        if (const Word* name = argument(option)) {
            if (name->text.size() > kLongestInterface) {
                reporter_.error(name->at, "'" + name->text +
                                              "' is too long for an interface name; the address "
                                              "is ignored");
                return false;
            }
            address_.interface = name->text;
        }
        return true;
    }

    bool read_label(const Word& option) {
        const Word* label = argument(option);
        if (label != nullptr && label->text.size() > kLongestLabel) {
            reporter_.error(label->at,
                            "label '" + label->text +
                                "' has more than 15 characters; the address "
                                "is ignored",
                            "shorten the label");
            return false;
        }
        if (label != nullptr && address_.address.is_v6()) {
            reporter_.note(label->at, "IPv6 addresses have no label; it is ignored");
        } else if (label != nullptr) {
            address_.label = label->text;
        }
        return true;
    }

    bool read_broadcast(const Word& option) {
        const Word* value = argument(option);
        if (value == nullptr) {
            return true;
        }
        if (address_.address.is_v6()) {
            reporter_.error(value->at, "IPv6 has no broadcast address; the option is ignored");
        } else if (value->text == "+" || value->text == "-") {
            address_.broadcast = network_edge(address_, value->text == "+");
        } else if (const auto parsed = parse_address(value->text); parsed && parsed->is_v4()) {
            address_.broadcast = *parsed;
        } else {
            reporter_.error(value->at,
                            "'" + value->text + "' is not an IPv4 address; the option is ignored",
                            "write brd ADDRESS, brd + or brd -");
        }
        return true;
    }

    bool read_scope(const Word& option) {
        const Word* value = argument(option);
        if (value == nullptr) {
            return true;
        }
        if (const auto scope = parse_scope(value->text)) {
            address_.scope = *scope;
        } else {
            reporter_.error(value->at, "unknown scope '" + value->text + "' is ignored",
                            "allowed: global, site, link, host, nowhere or 0 to 255");
        }
        return true;
    }

    bool read_detection(const Word&) {
        address_.duplicate_address_detection = true;
        return true;
    }

  private:
    bool read_option(const Word& option);

    /// The word behind an option; null and a diagnostic when it is missing.
    const Word* argument(const Word& option) {
        if (next_ == words_.size()) {
            reporter_.error(option.at, option.text + ": a value is missing; the option is ignored");
            return nullptr;
        }
        return &words_[next_++];
    }

    void unused(const Word& option) {
        reporter_.note(option.at,
                       "address option '" + option.text + "' " + std::string(kIgnoredText));
    }

    netlink::VirtualAddress& address_;
    const std::vector<Word>& words_;
    Reporter& reporter_;
    std::size_t next_ = 0;
};

struct OptionKeyword {
    std::string_view name;
    ValueSpec value;
    /// False: the whole address must be dropped.
    bool (OptionReader::*read)(const Word&);
};
constexpr OptionKeyword kOptions[] = {
    {"dev", word(), &OptionReader::read_interface},
    {"label", word(), &OptionReader::read_label},
    {"brd", word(), &OptionReader::read_broadcast},
    {"broadcast", word(), &OptionReader::read_broadcast},
    {"scope", word(), &OptionReader::read_scope},
    {"-nodad", flag(), &OptionReader::read_detection},
};

bool OptionReader::read_option(const Word& option) {
    const auto* found = std::ranges::find(kOptions, option.text, &OptionKeyword::name);
    if (found != std::end(kOptions)) {
        return (this->*found->read)(option);
    }
    if (has_name(kIgnoredWithValue, option.text)) {
        argument(option);
        unused(option);
    } else if (has_name(kIgnored, option.text)) {
        unused(option);
    } else {
        reporter_.error(option.at, "unknown address option '" + option.text + "' is ignored",
                        "allowed: dev, label, brd, scope, -nodad and others of keepalived");
    }
    return true;
}

}  // namespace

KeywordList address_keywords() {
    KeywordList list = list_keywords(kOptions);
    list.unused = {{Treatment::Note, kIgnoredText, "", kIgnoredWithValue},
                   {Treatment::Note, kIgnoredText, "", kIgnored}};
    return list;
}

void read_addresses(std::vector<AddressDraft>& addresses, const std::vector<Statement>& block,
                    Reporter& reporter) {
    for (const Statement& statement : block) {
        if (statement.ignored) {
            continue;
        }
        const Word& word = statement.keyword;
        const auto network = parse_network(word.text);
        if (!network) {
            reporter.error(word.at, "'" + word.text + "' is not an address; the line is ignored",
                           "write ADDRESS or ADDRESS/LENGTH, one per line");
            continue;
        }
        const IpAddress& address = network->address;
        if (address.is_unspecified() || address.is_multicast() || address.is_loopback()) {
            reporter.error(word.at, word.text + " cannot be a virtual address; the line is ignored",
                           "use a unicast address of the network");
            continue;
        }
        AddressDraft draft;
        draft.at = word.at;
        draft.address.address = address;
        draft.address.prefix_length =
            network->prefix_length.value_or(address.is_v4() ? std::uint8_t{32} : std::uint8_t{128});
        if (OptionReader(draft, statement, reporter).read()) {
            addresses.push_back(std::move(draft));
        }
    }
}

}  // namespace tandem::config
