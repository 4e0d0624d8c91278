// Which clients may connect: allow and deny rules of networks. Pure.
#pragma once

#include "proxy/relay/address_bits.hpp"
#include "proxy/relay/limits_config.hpp"

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
    /// From `first` to the next range's first; before the first range everybody is allowed.
    struct Range {
        AddressBits first;
        bool allow = true;
    };
    struct Rule {
        bool v4 = false;
        AddressBits first;
        AddressBits last;
        bool allow = true;
    };

    static Rule to_rule(const AccessRule& rule);
    static std::vector<Range> flatten(const std::vector<Rule>& rules, bool v4);
    static bool lookup(const std::vector<Range>& ranges, AddressBits address);

    std::vector<Range> v4_;
    std::vector<Range> v6_;
};

}  // namespace tandem::relay
