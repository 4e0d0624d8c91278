// Requests to the kernel for the addresses of a group: on, off, and what would take them off.
#include "netlink/vip_manager_impl.hpp"

#include <cerrno>
#include <utility>

namespace tandem::netlink {

namespace {

error_code from_errno(int error) {
    return {error, boost::system::system_category()};
}

std::string describe(const RequestSocket::Answer& answer) {
    return answer.text.empty() ? answer.error.message()
                               : answer.error.message() + ": " + answer.text;
}

/// The table entry of a virtual address, as far as decisions look at it.
Address address_entry(const VirtualAddress& address, unsigned index, std::uint8_t prefix_length) {
    Address entry;
    entry.index = index;
    entry.address = address.address;
    entry.prefix_length = prefix_length;
    entry.scope = address.scope;
    return entry;
}

Message as_message(decltype(Message::body) body) {
    Message message;
    message.body = std::move(body);
    return message;
}

}  // namespace

RequestSocket::Answer VipManager::Impl::add(Group& group, std::size_t position, unsigned index) {
    const VirtualAddress& address = group.config.addresses[position];
    auto answer = requests_.add_address(index, address, group.config.lease);
    if (!answer.error) {
        group.records[position].added = true;
        group.records[position].index = index;
        // The notification of a new IPv6 address comes later, from a kernel work queue.
        tables_.apply(
            as_message(AddressPresent{address_entry(address, index, address.prefix_length)}));
    }
    // A failure that lasts is said once.
    const bool known = std::exchange(group.records[position].failing, answer.error.failed());
    if (answer.error && !known) {
        notify(Kind::AddressFailed, address, describe(answer));
    }
    return answer;
}

RequestSocket::Answer VipManager::Impl::remove(Group& group, std::size_t position, unsigned index,
                                               std::uint8_t prefix_length) {
    const VirtualAddress& address = group.config.addresses[position];
    auto answer = requests_.remove_address(index, address.address, prefix_length);
    if (!answer.error) {
        group.records[position].added =
            group.records[position].added && prefix_length != address.prefix_length;
        tables_.apply(as_message(AddressGone{address_entry(address, index, prefix_length)}));
    }
    const bool known = std::exchange(group.records[position].failing, answer.error.failed());
    if (answer.error && !known) {
        notify(Kind::RemoveFailed, address, describe(answer));
    }
    return answer;
}

/// Success when any address is on: one that cannot be added is reported once and added by
/// reconcile() when it can be.
error_code VipManager::Impl::add_all(Group& group) {
    error_code first_error;
    bool any_on = group.config.addresses.empty();
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const error_code error = group.own[i] != 0 ? error_code{} : add_first(group, i);
        any_on = any_on || !error;
        first_error = first_error ? first_error : error;
    }
    if (!any_on) {
        return first_error;
    }
    if (first_error) {
        reconcile_after(kRetryDelay);
    }
    return {};
}

/// The kernel may have the address with another prefix length, from another program: without a
/// lease, so that it would outlive this process.
error_code VipManager::Impl::remove_other_lengths(Group& group, std::size_t position,
                                                  unsigned index) {
    const VirtualAddress& address = group.config.addresses[position];
    error_code first_error;
    // A copy: each removal changes the table.
    const auto present = tables_.addresses(index);
    for (const Address& entry : std::vector<Address>{present.begin(), present.end()}) {
        if (entry.address == address.address && entry.prefix_length != address.prefix_length) {
            const auto answer = remove(group, position, index, entry.prefix_length);
            first_error = first_error ? first_error : answer.error;
        }
    }
    return first_error;
}

error_code VipManager::Impl::add_first(Group& group, std::size_t position) {
    const VirtualAddress& address = group.config.addresses[position];
    const Link* link = tables_.find_link(address.interface);
    group.records[position].failing = false;
    if (link == nullptr || !link->up) {
        const error_code error = from_errno(link == nullptr ? ENODEV : ENETDOWN);
        group.records[position].failing = true;
        notify(Kind::AddressFailed, address, error.message());
        return error;
    }
    const unsigned index = link->index;
    remove_other_lengths(group, position, index);
    return add(group, position, index).error;
}

unsigned VipManager::Impl::index_of(const Group& group, std::size_t position) const {
    const Link* link = tables_.find_link(group.config.addresses[position].interface);
    return link != nullptr ? link->index : group.records[position].index;
}

/// Routes first, as release() does it. A route that another group has as well goes, too: that group
/// puts it back.
std::vector<Bytes> VipManager::Impl::removal_requests(const Group& group) const {
    std::vector<Bytes> requests;
    for (const VirtualRoute& route : group.config.routes) {
        requests.push_back(build_remove_route(0, route_entry(route, 0)));
    }
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        const unsigned index = index_of(group, i);
        if (index != 0 && group.own[i] == 0) {
            requests.push_back(
                build_remove_address(0, index, address.address, address.prefix_length));
        }
    }
    return requests;
}

error_code VipManager::Impl::remove_all(Group& group) {
    error_code first_error;
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const error_code error = remove_one(group, i);
        first_error = first_error ? first_error : error;
    }
    return first_error;
}

error_code VipManager::Impl::remove_one(Group& group, std::size_t position) {
    const VirtualAddress& address = group.config.addresses[position];
    const unsigned index = index_of(group, position);
    if (index == 0 || group.own[position] != 0) {
        return {};
    }
    // Asked for even when the tables do not have it: they may be behind.
    auto answer = remove(group, position, index, address.prefix_length);
    if (answer.error) {
        // Perhaps only the answer was lost; an address that is gone is success.
        answer = remove(group, position, index, address.prefix_length);
    }
    const error_code other = remove_other_lengths(group, position, index);
    return answer.error ? answer.error : other;
}

}  // namespace tandem::netlink
