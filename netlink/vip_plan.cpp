#include "netlink/vip_plan.hpp"

#include <algorithm>

#include <boost/asio/ip/network_v6.hpp>

#include <linux/if_addr.h>

namespace tandem::netlink {

namespace {

/// Removals for one virtual address.
void plan_removals(const VirtualAddress& wanted, bool acquired, std::span<const Address> actual,
                   Operation operation, std::vector<Operation>& operations) {
    operation.kind = Operation::Kind::Remove;
    for (const Address& entry : actual) {
        const bool configured = acquired && entry.prefix_length == wanted.prefix_length;
        if (entry.address == wanted.address && !configured) {
            operation.prefix_length = entry.prefix_length;
            operations.push_back(operation);
        }
    }
}

bool is_present(const VirtualAddress& wanted, std::span<const Address> actual) {
    return std::any_of(actual.begin(), actual.end(), [&](const Address& entry) {
        return entry.address == wanted.address && entry.prefix_length == wanted.prefix_length;
    });
}

}  // namespace

bool is_own_entry(const VirtualAddress& wanted, const Address& entry) {
    if (entry.address != wanted.address || entry.valid_lifetime != kForever ||
        entry.protocol == kAddressProtocol) {
        return false;
    }
    const unsigned full_length = entry.address.is_v4() ? 32 : 128;
    const bool brings_route = entry.prefix_length < full_length;
    const bool secondary = entry.address.is_v4() && (entry.flags & IFA_F_SECONDARY) != 0;
    return entry.prefix_length != wanted.prefix_length || (brings_route && !secondary);
}

bool is_late_own_entry(const VirtualAddress& wanted, const Address& entry,
                       std::span<const Address> interface) {
    const bool v4 = entry.address.is_v4();
    if (!is_own_entry(wanted, entry) || entry.prefix_length == (v4 ? 32 : 128)) {
        return false;
    }
    if (v4) {
        return (entry.flags & IFA_F_SECONDARY) == 0;
    }
    // IPv6 has no secondary addresses: is there another one of the same network?
    const auto network =
        boost::asio::ip::make_network_v6(entry.address.to_v6(), entry.prefix_length).canonical();
    return std::none_of(interface.begin(), interface.end(), [&](const Address& other) {
        return other.address.is_v6() && other.address != entry.address &&
               other.prefix_length == entry.prefix_length &&
               boost::asio::ip::make_network_v6(other.address.to_v6(), other.prefix_length)
                       .canonical() == network;
    });
}

std::vector<Operation> plan_changes(std::span<const DesiredGroup> desired, const Tables& tables) {
    std::vector<Operation> removals;
    std::vector<Operation> additions;
    for (std::size_t group = 0; group < desired.size(); ++group) {
        const auto& [addresses, acquired, own] = desired[group];
        for (std::size_t position = 0; position < addresses.size(); ++position) {
            const VirtualAddress& wanted = addresses[position];
            const Link* link = tables.find_link(wanted.interface);
            if (link == nullptr || (!own.empty() && own[position] != 0)) {
                continue;
            }
            const auto actual = tables.addresses(link->index);
            const Operation operation{.kind = Operation::Kind::Add,
                                      .group = group,
                                      .address = position,
                                      .index = link->index,
                                      .prefix_length = wanted.prefix_length};
            plan_removals(wanted, acquired, actual, operation, removals);
            if (acquired && link->up && !is_present(wanted, actual)) {
                additions.push_back(operation);
            }
        }
    }
    removals.insert(removals.end(), additions.begin(), additions.end());
    return removals;
}

bool CorrectionLimiter::allow(TimePoint now) {
    const std::int64_t earned = now > counted_ ? (now - counted_) / kInterval : 0;
    if (earned > 0) {
        const std::int64_t missing = kBurst - available_;
        available_ += static_cast<unsigned>(std::min(earned, missing));
        counted_ = available_ == kBurst ? now : counted_ + earned * kInterval;
    }
    if (available_ == 0) {
        return false;
    }
    --available_;
    return true;
}

}  // namespace tandem::netlink
