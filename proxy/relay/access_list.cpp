#include "proxy/relay/access_list.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>

namespace tandem::relay {

namespace {

using boost::asio::ip::address;

constexpr unsigned kMappedPrefix = 96;
constexpr unsigned kBitsV4 = 32;
constexpr unsigned kBitsV6 = 128;

/// The lowest `count` bits. @pre count <= 64
std::uint64_t low_bits(unsigned count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

}  // namespace

AccessList::AccessList(const std::vector<AccessRule>& rules) {
    std::vector<Rule> numbers;
    numbers.reserve(rules.size());
    std::ranges::transform(rules, std::back_inserter(numbers), to_rule);
    v4_ = flatten(numbers, true);
    v6_ = flatten(numbers, false);
}

bool AccessList::allows(const address& client) const {
    const address plain = unmapped(client);
    return lookup(plain.is_v4() ? v4_ : v6_, to_bits(plain));
}

AccessList::Rule AccessList::to_rule(const AccessRule& rule) {
    const address network = unmapped(rule.network);
    const bool v4 =
        network.is_v4() && (rule.network.is_v4() || rule.prefix_length >= kMappedPrefix);
    const bool was_mapped = v4 && rule.network.is_v6();
    const unsigned length = was_mapped ? rule.prefix_length - kMappedPrefix : rule.prefix_length;
    const unsigned bits = v4 ? kBitsV4 : kBitsV6;
    const unsigned host = bits - std::min(length, bits);
    const AddressBits mask{host > 64 ? low_bits(host - 64) : 0, low_bits(std::min(host, 64U))};
    const AddressBits number = to_bits(v4 ? network : rule.network);
    return {v4,
            {number.high & ~mask.high, number.low & ~mask.low},
            {number.high | mask.high, number.low | mask.low},
            rule.allow};
}

// Sweeps over all places where a rule begins or ends; between two of them the earliest of the rules
// that cover the place decides.
std::vector<AccessList::Range> AccessList::flatten(const std::vector<Rule>& rules, bool v4) {
    struct Edge {
        AddressBits at;
        std::size_t rule;
        bool begins;
    };
    std::vector<Edge> edges;
    for (std::size_t index = 0; index < rules.size(); ++index) {
        const Rule& rule = rules[index];
        if (rule.v4 != v4) {
            continue;
        }
        edges.push_back({rule.first, index, true});
        AddressBits behind = rule.last;
        if (++behind.low == 0) {
            ++behind.high;
        }
        // Nothing lies behind the last address of all.
        if (rule.last < behind) {
            edges.push_back({behind, index, false});
        }
    }
    std::ranges::sort(edges, {}, &Edge::at);
    std::vector<Range> ranges;
    std::set<std::size_t> covering;
    bool allow = true;
    for (std::size_t index = 0; index < edges.size(); ++index) {
        const Edge& edge = edges[index];
        if (edge.begins) {
            covering.insert(edge.rule);
        } else {
            covering.erase(edge.rule);
        }
        if (index + 1 < edges.size() && edges[index + 1].at == edge.at) {
            continue;
        }
        const bool now = covering.empty() || rules[*covering.begin()].allow;
        if (now != allow) {
            ranges.push_back({edge.at, now});
            allow = now;
        }
    }
    return ranges;
}

bool AccessList::lookup(const std::vector<Range>& ranges, AddressBits address) {
    const auto next = std::ranges::upper_bound(ranges, address, {}, &Range::first);
    return next == ranges.begin() || std::prev(next)->allow;
}

}  // namespace tandem::relay
