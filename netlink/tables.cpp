#include "netlink/tables.hpp"

#include <algorithm>

#include <linux/if_addr.h>

namespace tandem::netlink {

namespace {

/// The kernel tells addresses of one interface apart by address and prefix length.
auto same_entry(const Address& wanted) {
    return [&wanted](const Address& entry) {
        return entry.address == wanted.address && entry.prefix_length == wanted.prefix_length;
    };
}

/// Not while duplicate address detection runs, nor after it found one.
bool is_usable(const Address& entry) {
    return entry.address.is_v4() || (entry.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0;
}

}  // namespace

void Tables::load(std::span<const Message> dump) {
    links_.clear();
    addresses_.clear();
    load_routes(dump);
}

void Tables::load_routes(std::span<const Message> dump) {
    routes_.clear();
    for (const Message& message : dump) {
        apply(message);
    }
}

void Tables::apply(const Message& message) {
    if (const auto* present = std::get_if<LinkPresent>(&message.body)) {
        links_[present->link.index] = present->link;
    } else if (const auto* gone = std::get_if<LinkGone>(&message.body)) {
        links_.erase(gone->index);
        addresses_.erase(gone->index);
    } else if (const auto* added = std::get_if<AddressPresent>(&message.body)) {
        put(added->address);
    } else if (const auto* removed = std::get_if<AddressGone>(&message.body)) {
        remove(removed->address);
    } else if (const auto* route = std::get_if<RoutePresent>(&message.body)) {
        std::erase(routes_, route->route);
        routes_.push_back(route->route);
    } else if (const auto* ended = std::get_if<RouteGone>(&message.body)) {
        std::erase(routes_, ended->route);
    }
}

void Tables::put(const Address& address) {
    auto& entries = addresses_[address.index];
    const auto entry = std::find_if(entries.begin(), entries.end(), same_entry(address));
    if (entry != entries.end()) {
        *entry = address;
    } else {
        entries.push_back(address);
    }
}

void Tables::remove(const Address& address) {
    const auto found = addresses_.find(address.index);
    if (found == addresses_.end()) {
        return;
    }
    std::erase_if(found->second, same_entry(address));
    if (found->second.empty()) {
        addresses_.erase(found);
    }
}

const Link* Tables::find_link(std::string_view name) const {
    const auto found = std::find_if(links_.begin(), links_.end(),
                                    [&](const auto& entry) { return entry.second.name == name; });
    return found == links_.end() ? nullptr : &found->second;
}

bool Tables::is_own_mac(const MacAddress& mac) const {
    return std::any_of(links_.begin(), links_.end(),
                       [&](const auto& entry) { return entry.second.mac == mac; });
}

std::span<const Address> Tables::addresses(unsigned index) const {
    const auto found = addresses_.find(index);
    if (found == addresses_.end()) {
        return {};
    }
    return found->second;
}

std::optional<InterfaceState> Tables::interface_state(
    std::string_view name, const std::set<IpAddress>& virtual_addresses) const {
    const Link* link = find_link(name);
    if (link == nullptr) {
        return std::nullopt;
    }
    InterfaceState state;
    state.index = link->index;
    state.running = link->running;
    bool have_primary = false;
    for (const Address& entry : addresses(link->index)) {
        if (virtual_addresses.contains(entry.address) || !is_usable(entry)) {
            continue;
        }
        state.addresses.push_back(entry.address);
        if (entry.address.is_v4()) {
            const bool primary = (entry.flags & IFA_F_SECONDARY) == 0;
            if (!state.ipv4 || (primary && !have_primary)) {
                state.ipv4 = entry.address;
                have_primary = primary;
            }
        } else if (!state.ipv6_link_local && entry.address.to_v6().is_link_local()) {
            state.ipv6_link_local = entry.address;
        }
    }
    return state;
}

std::set<IpAddress> Tables::own_addresses(const std::set<IpAddress>& virtual_addresses) const {
    std::set<IpAddress> own;
    for (const auto& [index, entries] : addresses_) {
        for (const Address& entry : entries) {
            if (is_usable(entry) && !virtual_addresses.contains(entry.address)) {
                own.insert(entry.address);
            }
        }
    }
    return own;
}

}  // namespace tandem::netlink
