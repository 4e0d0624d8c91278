// virtual_server_group: lines of ADDRESS PORT, FIRST-LAST PORT, NETWORK/LENGTH PORT.
#include "proxy/config/draft.hpp"
#include "proxy/config/value.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace tandem::config {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

/// Listening sockets of one group; each is one for every worker.
constexpr std::size_t kMostListeners = 1024;

/// Both ends included, of one family.
struct AddressRange {
    IpAddress first;
    IpAddress last;
};

/// What stands behind the '-': a whole address, or the last part of one like `first`.
std::optional<IpAddress> parse_last(const IpAddress& first, std::string_view text) {
    if (auto whole = parse_address(text)) {
        return whole;
    }
    const std::string start = first.to_string();
    const std::size_t part = start.find_last_of(".:");
    if (part == std::string::npos || text.find_first_of(".:") != std::string_view::npos) {
        return std::nullopt;
    }
    return parse_address(start.substr(0, part + 1).append(text));
}

/// Everything behind the length is zero, or one.
IpAddress edge(const IpAddress& address, unsigned length, bool ones) {
    if (address.is_v4()) {
        const std::uint32_t host = length == 32 ? 0 : 0xffffffffU >> length;
        const std::uint32_t bits = address.to_v4().to_uint();
        return address_v4(ones ? bits | host : bits & ~host);
    }
    auto bytes = address.to_v6().to_bytes();
    for (unsigned bit = length; bit < 128; ++bit) {
        const auto mask = static_cast<unsigned char>(0x80U >> (bit % 8));
        unsigned char& byte = bytes.at(bit / 8);
        byte = static_cast<unsigned char>(ones ? byte | mask : byte & ~mask);
    }
    return address_v6(bytes);
}

std::optional<AddressRange> parse_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        const auto network = parse_network(text);
        if (!network) {
            return std::nullopt;
        }
        const unsigned whole = network->address.is_v4() ? 32 : 128;
        const unsigned length = network->prefix_length.value_or(static_cast<std::uint8_t>(whole));
        return AddressRange{edge(network->address, length, false),
                            edge(network->address, length, true)};
    }
    const auto first = parse_address(text.substr(0, dash));
    const auto last = first ? parse_last(*first, text.substr(dash + 1)) : std::nullopt;
    if (!last || first->is_v4() != last->is_v4() || *last < *first) {
        return std::nullopt;
    }
    return AddressRange{*first, *last};
}

class ListenerReader {
  public:
    ListenerReader(ListenerGroupDraft& draft, Reporter& reporter)
        : draft_(draft), reporter_(reporter) {}

    void read(const Statement& line) {
        const std::string label = "virtual_server_group " + draft_.name + ": ";
        const Word& word = line.keyword;
        if (word.text == "fwmark") {
            reporter_.error(word.at,
                            label +
                                "tandem listens on addresses and ports, not on marks of the "
                                "firewall; this fwmark is ignored",
                            "write the ADDRESS PORT that is marked");
            return;
        }
        const auto range = parse_range(word.text);
        if (!range || range->first.is_multicast() || range->last.is_multicast()) {
            reporter_.error(word.at,
                            label + "'" + word.text +
                                "' is neither an address nor a range; the line is ignored",
                            "write ADDRESS PORT, or 198.51.100.10-20 PORT for eleven addresses, or "
                            "198.51.100.8/29 PORT for eight");
            return;
        }
        const auto port = line.arguments.empty() ? std::optional<std::int64_t>(0)
                                                 : parse_integer(line.arguments.front().text);
        if (!port || *port < 1 || *port > 65535) {
            reject_port(line, label, port == 0);
            return;
        }
        add(*range, static_cast<std::uint16_t>(*port), word.at);
    }

  private:
    void reject_port(const Statement& line, const std::string& label, bool all) {
        const Word& word = line.arguments.empty() ? line.keyword : line.arguments.front();
        reporter_.error(word.at,
                        label +
                            (all ? "all ports of an address cannot be relayed"
                                 : "'" + word.text + "' is not a TCP port") +
                            "; the line is ignored",
                        "write ADDRESS PORT with a port of 1 to 65535");
    }

    void add(const AddressRange& range, std::uint16_t port, Position at) {
        std::size_t size = draft_.size + 1;
        for (IpAddress address = range.first; address != range.last && size <= kMostListeners;
             address = successor(address)) {
            ++size;
        }
        if (size > kMostListeners) {
            reporter_.error(at,
                            "virtual_server_group " + draft_.name + ": more than " +
                                std::to_string(kMostListeners) +
                                " addresses with this line, which is ignored",
                            "each address is a socket for every worker; write several groups");
            return;
        }
        draft_.size = size;
        draft_.ranges.push_back({range.first, range.last, port, at});
    }

    ListenerGroupDraft& draft_;
    Reporter& reporter_;
};

}  // namespace

IpAddress successor(const IpAddress& address) {
    if (address.is_v4()) {
        return address_v4(address.to_v4().to_uint() + 1);
    }
    auto bytes = address.to_v6().to_bytes();
    for (auto byte = bytes.rbegin(); byte != bytes.rend() && ++*byte == 0;) {
        ++byte;
    }
    return address_v6(bytes);
}

void read_listener_group(ListenerGroupDraft& draft, const std::vector<Statement>& block,
                         Reporter& reporter) {
    ListenerReader reader(draft, reporter);
    for (const Statement& line : block) {
        if (!line.ignored) {
            reader.read(line);
        }
    }
}

}  // namespace tandem::config
