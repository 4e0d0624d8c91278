// Which clients may connect: allow and deny rules of networks. Pure.
#pragma once

#include "proxy/relay/limits_config.hpp"

#include <compare>
#include <cstdint>
#include <vector>

namespace tandem::relay {

/// Ordered rules, of which the first that matches decides, turned into a sorted table: a lookup is
/// one binary search however many rules there are. Constant after construction: any thread.
class AccessList {
  public:
    explicit AccessList(const std::vector<AccessRule>& rules);
    /// False: nobody is denied.
    [[nodiscard]] bool restricts() const { return !v4_.empty() || !v6_.empty(); }
    [[nodiscard]] bool allows(const boost::asio::ip::address& client) const;

  private:
    /// An address as a number of 128 bits.
    struct Number {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        auto operator<=>(const Number&) const = default;
    };
    /// From `first` to the next range's first; before the first range everybody is allowed.
    struct Range {
        Number first;
        bool allow = true;
    };
    struct Rule {
        bool v4 = false;
        Number first;
        Number last;
        bool allow = true;
    };

    static Rule to_rule(const AccessRule& rule);
    static Number to_number(const boost::asio::ip::address& address);
    static std::vector<Range> flatten(const std::vector<Rule>& rules, bool v4);
    static bool lookup(const std::vector<Range>& ranges, Number address);

    std::vector<Range> v4_;
    std::vector<Range> v6_;
};

/// An IPv4 address mapped into IPv6 as the IPv4 address, others as they are.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

}  // namespace tandem::relay
