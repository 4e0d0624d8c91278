// Drafts of all vrrp_instances → model, and what two of them must not share.
#include "proxy/config/draft.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

/// Of the line that has the address, else of the instance.
Position place_of(const netlink::VirtualAddress& address, const InstanceDraft& draft) {
    for (const auto* list : {&draft.addresses, &draft.excluded}) {
        for (const AddressDraft& line : *list) {
            const std::string& own = line.address.interface;
            if (line.address.address == address.address &&
                (own.empty() ? draft.interface : own) == address.interface) {
                return line.at;
            }
        }
    }
    return draft.at;
}

/// One address on two interfaces is two neighbours' entries for it. Link-local ones are meant so.
void warn_of_two_interfaces(const InstanceSettings& settings, const Model& model,
                            const InstanceDraft& draft, Reporter& reporter) {
    const auto compare = [&](const netlink::VirtualAddress& address,
                             const netlink::VirtualAddress& other, const std::string& owner) {
        if (other.address == address.address && other.interface != address.interface &&
            !(address.address.is_v6() && address.address.to_v6().is_link_local())) {
            reporter.warning(place_of(address, draft),
                             '(' + settings.election.name + ") " + address.address.to_string() +
                                 " is on " + address.interface + " here and on " + other.interface +
                                 " in instance " + owner,
                             "list each address once, on one interface");
        }
    };
    for (auto address = settings.addresses.begin(); address != settings.addresses.end();
         ++address) {
        for (auto before = settings.addresses.begin(); before != address; ++before) {
            compare(*address, *before, settings.election.name);
        }
        for (const InstanceSettings& other : model.instances) {
            for (const netlink::VirtualAddress& theirs : other.addresses) {
                compare(*address, theirs, other.election.name);
            }
        }
    }
}

/// The same address in two instances would be moved by both.
void drop_shared_addresses(InstanceSettings& settings, const Model& model,
                           const InstanceDraft& draft, Reporter& reporter) {
    for (const InstanceSettings& other : model.instances) {
        const auto shared = [&](const netlink::VirtualAddress& address) {
            return std::any_of(other.addresses.begin(), other.addresses.end(),
                               [&](const netlink::VirtualAddress& theirs) {
                                   return theirs.address == address.address &&
                                          theirs.interface == address.interface;
                               });
        };
        const auto first =
            std::stable_partition(settings.addresses.begin(), settings.addresses.end(),
                                  [&](const auto& address) { return !shared(address); });
        for (auto address = first; address != settings.addresses.end(); ++address) {
            reporter.error(place_of(*address, draft),
                           '(' + settings.election.name + ") " + address->address.to_string() +
                               " belongs to instance " + other.election.name +
                               " already and is ignored here",
                           "list each address in one instance");
            std::vector<IpAddress>& advertised = settings.election.addresses;
            advertised.erase(std::remove(advertised.begin(), advertised.end(), address->address),
                             advertised.end());
        }
        settings.addresses.erase(first, settings.addresses.end());
    }
}

/// After what other instances have was dropped.
void check_addresses(const InstanceSettings& settings, const InstanceDraft& draft,
                     Reporter& reporter) {
    const vrrp::InstanceConfig& election = settings.election;
    if (!election.addresses.empty() || draft.no_addresses_intended) {
        return;
    }
    const bool dropped = !draft.addresses.empty();
    const std::string text = '(' + election.name + ") no virtual_ipaddress" +
                             (dropped ? " is left, because other instances have all of them" : "");
    const std::string advice = dropped ? "give it an address of its own, or remove the instance"
                                       : "add virtual_ipaddress { ADDRESS/LENGTH }";
    if (election.version == vrrp::Version::V3) {
        reporter.fatal(draft.at, text + "; VRRP version 3 needs one", advice);
    } else {
        reporter.warning(draft.at, text + "; no address will move", advice);
    }
}

void check_router_id(const InstanceSettings& settings, const Model& model, Position at,
                     Reporter& reporter) {
    const vrrp::InstanceConfig& election = settings.election;
    for (const InstanceSettings& other : model.instances) {
        if (election.virtual_router_id != 0 &&
            other.election.virtual_router_id == election.virtual_router_id &&
            other.election.interface == election.interface &&
            other.election.family == election.family) {
            reporter.fatal(at,
                           '(' + election.name + ") virtual_router_id " +
                               std::to_string(election.virtual_router_id) + " on " +
                               election.interface + " is used by instance " + other.election.name,
                           "give each instance on an interface its own virtual_router_id");
        }
    }
}

}  // namespace

void build_instances(Model& model, const BuildContext& context) {
    for (const InstanceDraft& draft : context.drafts.instances) {
        InstanceSettings settings = build_instance(draft, context);
        drop_shared_addresses(settings, model, draft, context.reporter);
        warn_of_two_interfaces(settings, model, draft, context.reporter);
        check_addresses(settings, draft, context.reporter);
        check_router_id(settings, model, draft.at, context.reporter);
        model.instances.push_back(std::move(settings));
    }
}

}  // namespace tandem::config
