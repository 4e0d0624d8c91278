// Drafts of all vrrp_instances → model, and what two of them must not share.
#include "proxy/config/draft.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

/// The same address in two instances would be moved by both.
void drop_shared_addresses(InstanceSettings& settings, const Model& model, Position at,
                           Reporter& reporter) {
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
            reporter.error(at,
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
        drop_shared_addresses(settings, model, draft.at, context.reporter);
        check_addresses(settings, draft, context.reporter);
        check_router_id(settings, model, draft.at, context.reporter);
        model.instances.push_back(std::move(settings));
    }
}

}  // namespace tandem::config
