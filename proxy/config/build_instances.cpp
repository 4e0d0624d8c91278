// Drafts of vrrp_instance and vrrp_script → model.
#include "proxy/config/defaults.hpp"
#include "proxy/config/draft.hpp"
#include "proxy/config/value.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tandem::config {
namespace {

using std::chrono::microseconds;
using vrrp::Family;
using vrrp::Version;

constexpr std::size_t kMostAdvertisedAddresses = 255;
constexpr std::size_t kPasswordLength = 8;

Family family_of(const IpAddress& address) {
    return address.is_v4() ? Family::Ipv4 : Family::Ipv6;
}

const char* family_name(Family family) {
    return family == Family::Ipv4 ? "IPv4" : "IPv6";
}

/// Builds one instance; each step handles one group of keywords.
class InstanceBuilder {
  public:
    InstanceBuilder(const InstanceDraft& draft, const GlobalDraft& global, Reporter& reporter)
        : draft_(draft), global_(global), reporter_(reporter) {}

    InstanceSettings build() {
        vrrp::InstanceConfig& election = result_.election;
        election.name = draft_.name;
        election.interface = draft_.interface;
        election.virtual_router_id = draft_.virtual_router_id.value_or(0);
        check_identity();
        set_family();
        set_version();
        set_interval();
        set_priority();
        set_addresses();
        set_authentication();
        set_unicast();
        set_announcements();
        election.down_timer_adverts =
            draft_.down_timer_adverts.value_or(global_.down_timer_adverts);
        if (draft_.message_only_checksum.value_or(global_.message_only_checksum)) {
            election.checksum_form = vrrp::ChecksumForm::MessageOnly;
        }
        result_.lease = draft_.lease.value_or(default_lease(election));
        return std::move(result_);
    }

  private:
    [[nodiscard]] std::string label() const { return "(" + draft_.name + ") "; }

    void check_identity() {
        if (draft_.interface.empty()) {
            reporter_.fatal(draft_.at, label() + "no interface is set",
                            "add interface NAME, for example interface eth0");
        } else if (draft_.interface == "lo") {
            reporter_.fatal(draft_.interface_at, label() + "the loopback interface has no peers",
                            "name the interface that connects both nodes");
        } else if (draft_.interface.size() > 15) {
            reporter_.fatal(draft_.interface_at,
                            label() + "'" + draft_.interface + "' is no interface name",
                            "interface names have at most 15 characters");
        }
        if (!draft_.virtual_router_id) {
            reporter_.fatal(draft_.at, label() + "no virtual_router_id is set",
                            "add virtual_router_id NUMBER, 1 to 255, the same on both nodes");
        }
    }

    void set_family() {
        Family& family = result_.election.family;
        if (!draft_.addresses.empty()) {
            family = family_of(draft_.addresses.front().address.address);
        } else if (!draft_.peers.empty()) {
            family = family_of(draft_.peers.front().value);
        } else if (draft_.source) {
            family = family_of(draft_.source->value);
        } else if (draft_.ipv6) {
            family = Family::Ipv6;
        }
    }

    void set_version() {
        Version& version = result_.election.version;
        if (result_.election.family == Family::Ipv6) {
            version = Version::V3;
            if (draft_.version && draft_.version->value == Version::V2) {
                reporter_.error(draft_.version->at,
                                label() + "VRRP version 2 cannot carry IPv6; version 3 is used",
                                "write version 3 or remove the line");
            }
            return;
        }
        version = draft_.version ? draft_.version->value : global_.version;
    }

    void set_interval() {
        const microseconds wanted = draft_.interval.value;
        const bool v2 = result_.election.version == Version::V2;
        const microseconds step = v2 ? microseconds{std::chrono::seconds{1}}
                                     : microseconds{std::chrono::milliseconds{10}};
        const microseconds most =
            v2 ? microseconds{std::chrono::seconds{255}} : microseconds{40'950'000};
        const microseconds rounded = (wanted + step / 2) / step * step;
        const microseconds used = std::clamp(rounded, step, most);
        result_.election.advertisement_interval = used;
        if (used != wanted) {
            reporter_.error(draft_.interval.at,
                            label() + "advert_int " + format_seconds(wanted) +
                                " is not possible with VRRP version " + (v2 ? "2" : "3") + "; " +
                                format_seconds(used) + " is used",
                            v2 ? "use whole seconds, or version 3 on all nodes"
                               : "allowed: 0.01 to 40.95 in steps of 0.01");
        }
    }

    void set_priority() {
        vrrp::InstanceConfig& election = result_.election;
        if (draft_.priority) {
            election.priority = *draft_.priority;
        } else if (draft_.master) {
            election.priority = kMasterStatePriority;
            reporter_.warning(draft_.state_at,
                              label() +
                                  "state MASTER without priority means priority 255, the "
                                  "owner of the addresses",
                              "set priority, for example 150 here and 100 on the other node");
        }
        const bool owner = election.priority == vrrp::kOwnerPriority;
        election.start_as_active = draft_.master || owner;
        election.preempt = !draft_.nopreempt;
        if (draft_.nopreempt && (draft_.master || owner)) {
            election.preempt = true;
            reporter_.warning(
                *draft_.nopreempt,
                label() + "nopreempt is ignored with " +
                    (draft_.master ? "state MASTER" : "priority 255"),
                draft_.master ? "write state BACKUP on both nodes" : "use a priority below 255");
        }
    }

    void set_addresses() {
        vrrp::InstanceConfig& election = result_.election;
        for (const AddressDraft& draft : draft_.addresses) {
            if (family_of(draft.address.address) != election.family) {
                reporter_.error(draft.at,
                                label() + draft.address.address.to_string() +
                                    " is ignored: the instance advertises " +
                                    family_name(election.family),
                                "move it to virtual_ipaddress_excluded");
                continue;
            }
            const bool advertised = election.addresses.size() < kMostAdvertisedAddresses;
            if (!advertised) {
                reporter_.error(draft.at,
                                label() + "more than 255 addresses; this one is not advertised",
                                "move it to virtual_ipaddress_excluded");
            }
            if (add_address(draft) && advertised) {
                election.addresses.push_back(draft.address.address);
            }
        }
        for (const AddressDraft& draft : draft_.excluded) {
            add_address(draft);
        }
        if (!election.addresses.empty() || draft_.no_addresses_intended) {
            return;
        }
        if (election.version == Version::V3) {
            reporter_.fatal(draft_.at, label() + "VRRP version 3 needs a virtual_ipaddress",
                            "add virtual_ipaddress { ADDRESS/LENGTH }");
        } else {
            reporter_.warning(draft_.at, label() + "no virtual_ipaddress: no address will move",
                              "add virtual_ipaddress { ADDRESS/LENGTH }");
        }
    }

    bool add_address(const AddressDraft& draft) {
        netlink::VirtualAddress address = draft.address;
        if (address.interface.empty()) {
            address.interface = draft_.interface;
        }
        const bool duplicate = std::any_of(result_.addresses.begin(), result_.addresses.end(),
                                           [&](const netlink::VirtualAddress& other) {
                                               return other.address == address.address &&
                                                      other.interface == address.interface;
                                           });
        if (duplicate) {
            reporter_.error(
                draft.at,
                label() + address.address.to_string() + " is listed twice; this line is ignored",
                "remove one of them");
            return false;
        }
        result_.addresses.push_back(std::move(address));
        return true;
    }

    void set_authentication() {
        if (!draft_.auth_type && !draft_.auth_pass) {
            return;
        }
        const Position at = draft_.auth_type ? draft_.auth_type->at : draft_.auth_pass->at;
        if (result_.election.version == Version::V3) {
            reporter_.error(at, label() + "VRRP version 3 has no authentication; it is ignored",
                            "remove the authentication block");
            return;
        }
        if (!draft_.auth_type || !draft_.auth_pass) {
            reporter_.error(at,
                            label() + (draft_.auth_type ? "auth_pass" : "auth_type") +
                                " is missing; authentication is ignored",
                            "write auth_type PASS and auth_pass SECRET");
            return;
        }
        if (draft_.auth_type->value != "PASS") {
            const bool header = draft_.auth_type->value == "AH";
            reporter_.error(at,
                            label() +
                                (header ? "auth_type AH is not supported"
                                        : "unknown auth_type '" + draft_.auth_type->value + "'") +
                                "; advertisements are sent without authentication",
                            "use auth_type PASS on all nodes");
            return;
        }
        std::string password = draft_.auth_pass->value;
        if (password.empty()) {
            reporter_.error(draft_.auth_pass->at,
                            label() +
                                "auth_pass is empty; advertisements are sent without "
                                "authentication",
                            "write auth_pass SECRET, the same on all nodes");
            return;
        }
        if (password.size() > kPasswordLength) {
            password.resize(kPasswordLength);
            reporter_.warning(draft_.auth_pass->at,
                              label() + "auth_pass is cut to its first 8 characters",
                              "use at most 8 characters");
        }
        result_.election.password = std::move(password);
    }

    void set_unicast() {
        vrrp::InstanceConfig& election = result_.election;
        const auto wrong_family = [&](const Located<IpAddress>& address) {
            if (family_of(address.value) == election.family) {
                return false;
            }
            reporter_.error(address.at,
                            label() + address.value.to_string() +
                                " is ignored: the instance uses " + family_name(election.family),
                            "use addresses of one family");
            return true;
        };
        if (draft_.source && !wrong_family(*draft_.source)) {
            election.source_address = draft_.source->value;
        }
        for (const Located<IpAddress>& peer : draft_.peers) {
            if (wrong_family(peer)) {
                continue;
            }
            std::vector<IpAddress>& peers = election.unicast_peers;
            if (std::find(peers.begin(), peers.end(), peer.value) != peers.end()) {
                reporter_.error(peer.at, label() + peer.value.to_string() +
                                             " is listed twice; this line is ignored");
                continue;
            }
            peers.push_back(peer.value);
        }
        if (draft_.peers_at && election.unicast_peers.empty()) {
            // An instance without peers would use multicast, which its author did not want.
            reporter_.fatal(*draft_.peers_at, label() + "no usable unicast peer",
                            "list the address of the other node, or remove unicast_peer to use "
                            "multicast");
        }
    }

    void set_announcements() {
        netlink::AnnounceSchedule& schedule = result_.announce;
        const auto pick = [](auto& target, const auto& own, const auto& global) {
            if (own || global) {
                target = own ? *own : *global;
            }
        };
        if (global_.single_announcement) {
            schedule.repeat = 1;
            schedule.second_burst_delay = Milliseconds{0};
        }
        const AnnounceDraft& own = draft_.announce;
        const AnnounceDraft& global = global_.announce;
        pick(schedule.repeat, own.repeat, global.repeat);
        pick(schedule.second_burst_delay, own.delay, global.delay);
        pick(schedule.refresh, own.refresh, global.refresh);
        pick(schedule.refresh_repeat, own.refresh_repeat, global.refresh_repeat);
    }

    const InstanceDraft& draft_;
    const GlobalDraft& global_;
    Reporter& reporter_;
    InstanceSettings result_;
};

/// Scripts that are tracked go to the model; others are reported and dropped, as in keepalived.
void build_scripts(Model& model, const Drafts& drafts, Reporter& reporter) {
    std::set<std::string> tracked;
    for (const InstanceDraft& instance : drafts.instances) {
        for (const auto& script : instance.scripts) {
            tracked.insert(script.value.name);
        }
    }
    for (const ScriptDraft& draft : drafts.scripts) {
        if (!tracked.contains(draft.settings.name)) {
            reporter.warning(draft.at, "vrrp_script '" + draft.settings.name + "' is not used",
                             "name it in a track_script block or remove it");
            continue;
        }
        const std::vector<std::string> command = split_command(draft.settings.command);
        if (!command.empty() && command.front().find('/') == std::string::npos) {
            reporter.warning(
                draft.at,
                "vrrp_script '" + draft.settings.name + "': '" + command.front() + "' has no path",
                "name the program with its full path");
        }
        ScriptSettings settings = draft.settings;
        if (settings.user.empty()) {
            settings.user = drafts.global.script_user;
        }
        model.scripts.push_back(std::move(settings));
    }
}

void build_tracking(InstanceSettings& settings, const InstanceDraft& draft, const Model& model,
                    Reporter& reporter) {
    for (const auto& script : draft.scripts) {
        const bool known = std::any_of(
            model.scripts.begin(), model.scripts.end(),
            [&](const ScriptSettings& other) { return other.name == script.value.name; });
        if (known) {
            settings.track_scripts.push_back(script.value);
        } else {
            reporter.error(script.at,
                           '(' + draft.name + ") tracks the unknown script '" + script.value.name +
                               "'; it is ignored",
                           "add vrrp_script " + script.value.name + " { ... }");
        }
    }
    for (const auto& interface : draft.interfaces) {
        settings.track_interfaces.push_back(interface.value);
    }
}

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

void build_instances(Model& model, const Drafts& drafts, Reporter& reporter) {
    build_scripts(model, drafts, reporter);
    for (const InstanceDraft& draft : drafts.instances) {
        InstanceSettings settings = InstanceBuilder(draft, drafts.global, reporter).build();
        build_tracking(settings, draft, model, reporter);
        drop_shared_addresses(settings, model, draft.at, reporter);
        check_router_id(settings, model, draft.at, reporter);
        model.instances.push_back(std::move(settings));
    }
}

}  // namespace tandem::config
