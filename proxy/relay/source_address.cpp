#include "proxy/relay/source_address.hpp"

#include "proxy/relay/sockets.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include <boost/system/errc.hpp>

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::relay {

namespace {

bool contains(std::span<const IpAddress> addresses, const IpAddress& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

/// Scope ids do not matter here: an address belongs to one interface of this list.
IpAddress without_scope(const IpAddress& address) {
    return address.is_v6() ? IpAddress{boost::asio::ip::address_v6{address.to_v6().to_bytes()}}
                           : address;
}

bool is_link_local(const IpAddress& address) {
    return address.is_v6() && address.to_v6().is_link_local();
}

boost::system::result<std::vector<InterfaceAddress>> interface_addresses() {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) == -1) {
        return last_error();
    }
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list{first, &::freeifaddrs};
    std::vector<InterfaceAddress> result;
    for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr) {
            continue;
        }
        Endpoint endpoint;
        if (entry->ifa_addr->sa_family == AF_INET) {
            std::memcpy(endpoint.data(), entry->ifa_addr, sizeof(sockaddr_in));
        } else if (entry->ifa_addr->sa_family == AF_INET6) {
            endpoint = Endpoint{boost::asio::ip::tcp::v6(), 0};
            std::memcpy(endpoint.data(), entry->ifa_addr, sizeof(sockaddr_in6));
        } else {
            continue;
        }
        result.push_back({.interface = entry->ifa_name, .address = endpoint.address()});
    }
    return result;
}

boost::system::result<IpAddress> kernel_choice_towards(const Endpoint& target) {
    const Descriptor socket{
        ::socket(target.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP)};
    if (!socket.is_open()) {
        return last_error();
    }
    if (::connect(socket.get(), target.data(), static_cast<socklen_t>(target.size())) == -1) {
        return last_error();
    }
    const auto local = local_endpoint(socket);
    if (!local.has_value()) {
        return local.error();
    }
    return local->address();
}

}  // namespace

boost::system::result<IpAddress> choose_own_address(const IpAddress& kernel_choice,
                                                    std::span<const InterfaceAddress> addresses,
                                                    std::span<const IpAddress> virtual_addresses) {
    const IpAddress chosen = without_scope(kernel_choice);
    if (!contains(virtual_addresses, chosen)) {
        return kernel_choice;
    }
    const auto same = [&chosen](const InterfaceAddress& entry) {
        return without_scope(entry.address) == chosen;
    };
    const auto home = std::find_if(addresses.begin(), addresses.end(), same);
    if (home == addresses.end()) {
        return make_error_code(boost::system::errc::address_not_available);
    }
    for (const InterfaceAddress& entry : addresses) {
        if (entry.interface == home->interface && entry.address.is_v4() == chosen.is_v4() &&
            is_link_local(entry.address) == is_link_local(chosen) &&
            !contains(virtual_addresses, without_scope(entry.address))) {
            return entry.address;
        }
    }
    return make_error_code(boost::system::errc::address_not_available);
}

boost::system::result<IpAddress> own_address_towards(const Endpoint& target,
                                                     std::span<const IpAddress> virtual_addresses) {
    const auto choice = kernel_choice_towards(target);
    if (!choice.has_value()) {
        return choice.error();
    }
    // The usual case needs no list of interfaces.
    if (!contains(virtual_addresses, without_scope(*choice))) {
        return *choice;
    }
    const auto addresses = interface_addresses();
    if (!addresses.has_value()) {
        return addresses.error();
    }
    return choose_own_address(*choice, *addresses, virtual_addresses);
}

}  // namespace tandem::relay
