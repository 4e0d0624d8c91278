// Links, addresses and own routes of this network namespace, as the kernel reports them. Pure.
#pragma once

#include "netlink/interface_state.hpp"
#include "netlink/message.hpp"

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

namespace tandem::netlink {

/// Copy of the kernel's link and address tables and of the routes that tandem added.
///
/// Drive it: load() a complete dump, then apply() every notification in the order received. A
/// notification that is older than the dump does no harm as long as the later ones are applied
/// too: the tables are true once the notification queue is empty.
/// Not thread-safe.
class Tables {
  public:
    /// Replaces everything by the links, addresses and routes of a dump.
    void load(std::span<const Message> dump);
    /// Replaces the routes only. The kernel drops IPv4 routes without a word when an interface goes
    /// down (and before 6.5 with their source address), so they are read again at such moments.
    void load_routes(std::span<const Message> dump);
    /// One notification; messages of other kinds are ignored.
    void apply(const Message& message);

    /// nullptr: no such interface.
    [[nodiscard]] const Link* find_link(std::string_view name) const;
    /// Whether any interface of the host has this hardware address.
    [[nodiscard]] bool is_own_mac(const MacAddress& mac) const;
    /// Addresses of an interface, in the kernel's order where it is known: dump order, then
    /// arrival. Empty for an unknown index.
    [[nodiscard]] std::span<const Address> addresses(unsigned index) const;
    /// Those with protocol kRouteProtocol, of all tables of the kernel.
    [[nodiscard]] std::span<const Route> routes() const { return routes_; }
    /// What the election sees of an interface; nullopt: no such interface.
    [[nodiscard]] std::optional<InterfaceState> interface_state(
        std::string_view name, const std::set<IpAddress>& virtual_addresses) const;
    /// InterfaceState::addresses of all interfaces.
    [[nodiscard]] std::set<IpAddress> own_addresses(
        const std::set<IpAddress>& virtual_addresses) const;

  private:
    void put(const Address& address);
    void remove(const Address& address);

    std::map<unsigned, Link> links_;
    std::map<unsigned, std::vector<Address>> addresses_;
    std::vector<Route> routes_;
};

}  // namespace tandem::netlink
