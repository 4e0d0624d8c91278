// Virtual addresses that are the host's own.
#include "netlink/vip_manager_impl.hpp"

#include <algorithm>

namespace tandem::netlink {

std::span<const Address> VipManager::Impl::entries_at(const VirtualAddress& address) const {
    const Link* link = tables_.find_link(address.interface);
    return link != nullptr ? tables_.addresses(link->index) : std::span<const Address>{};
}

void VipManager::Impl::find_own_addresses() {
    virtual_addresses_.clear();
    for (const auto& group : groups_) {
        for (std::size_t i = 0; i < group->config.addresses.size(); ++i) {
            mark_own(*group, i);
        }
    }
}

/// Of an address that this manager has not put on.
void VipManager::Impl::mark_own(Group& group, std::size_t position) {
    const VirtualAddress& address = group.config.addresses[position];
    const auto actual = entries_at(address);
    virtual_addresses_.insert(address.address);
    group.own[position] = 0;
    note_own(group, position, std::any_of(actual.begin(), actual.end(), [&](const auto& entry) {
                 return is_own_entry(address, entry);
             }));
}

/// The host may get the address, or lose it, at any time: its network may be set up after start.
void VipManager::Impl::follow_own_addresses() {
    for (const auto& each : groups_) {
        Group& group = *each;
        for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
            const VirtualAddress& address = group.config.addresses[i];
            const auto actual = entries_at(address);
            const bool was_own = group.own[i] != 0;
            note_own(group, i, std::any_of(actual.begin(), actual.end(), [&](const auto& entry) {
                         const bool ours =
                             group.records[i].added && entry.prefix_length == address.prefix_length;
                         return !ours && (was_own ? is_own_entry(address, entry)
                                                  : is_late_own_entry(address, entry, actual));
                     }));
        }
    }
}

void VipManager::Impl::note_own(Group& group, std::size_t position, bool own) {
    const VirtualAddress& address = group.config.addresses[position];
    if (own == (group.own[position] != 0)) {
        return;
    }
    if (!own) {
        group.own[position] = 0;
        virtual_addresses_.insert(address.address);
        return;
    }
    if (group.records[position].added) {
        if (const Link* link = tables_.find_link(address.interface)) {
            remove(group, position, link->index, address.prefix_length);
        }
    }
    group.own[position] = 1;
    virtual_addresses_.erase(address.address);
    notify(Kind::AddressFailed, address, "is a permanent address of this host, not managed");
}

}  // namespace tandem::netlink
