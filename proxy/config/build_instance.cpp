// Draft of a vrrp_instance → model: what needs nothing but the instance and global_defs.
#include "proxy/config/defaults.hpp"
#include "proxy/config/draft.hpp"
#include "proxy/config/value.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

using std::chrono::microseconds;
using vrrp::Family;
using vrrp::Version;

constexpr std::size_t kMostAdvertisedAddresses = 255;
/// A peer on the link: routers decrement, so nobody behind one can send it.
constexpr std::uint8_t kOnLinkTtl = 255;

Family family_of(const IpAddress& address) {
    return address.is_v4() ? Family::Ipv4 : Family::Ipv6;
}

const char* family_name(Family family) {
    return family == Family::Ipv4 ? "IPv4" : "IPv6";
}

/// Builds one instance; each step handles one group of keywords.
class InstanceBuilder {
  public:
    InstanceBuilder(const InstanceDraft& draft, const BuildContext& context)
        : draft_(draft),
          context_(context),
          global_(context.drafts.global),
          reporter_(context.reporter) {}

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
        set_routes();
        build_authentication(election, draft_, context_);
        set_source();
        set_peers();
        set_multicast();
        set_announcements();
        set_rules();
        election.down_timer_adverts =
            draft_.down_timer_adverts.value_or(global_.down_timer_adverts);
        if (draft_.message_only_checksum.value_or(global_.message_only_checksum)) {
            election.checksum_form = vrrp::ChecksumForm::MessageOnly;
        }
        result_.track_primary = draft_.track_primary;
        result_.lease = draft_.lease.value_or(default_lease(election));
        return std::move(result_);
    }

  private:
    [[nodiscard]] std::string label() const { return "(" + draft_.name + ") "; }

    void check_identity() {
        if (draft_.interface.empty()) {
            report_no_interface();
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

    /// keepalived 2.2.7 refuses this too; its manual lets it out for unicast.
    void report_no_interface() {
        if (!draft_.peers_at) {
            reporter_.fatal(draft_.at, label() + "no interface is set",
                            "add interface NAME, for example interface eth0");
            return;
        }
        reporter_.fatal(draft_.at,
                        label() +
                            "no interface is set; one is needed for unicast_peer too: the "
                            "instance is at fault when its link is down",
                        draft_.source ? "add interface NAME: the one that has " +
                                            draft_.source->value.to_string()
                                      : "add interface NAME: the one that leads to the peers");
    }

    void set_family() {
        Family& family = result_.election.family;
        if (!draft_.addresses.empty()) {
            family = family_of(draft_.addresses.front().address.address);
        } else if (!draft_.peers.empty()) {
            family = family_of(draft_.peers.front().address);
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
        set_preempt_delay();
    }

    void set_preempt_delay() {
        if (!draft_.preempt_delay || draft_.preempt_delay->value == microseconds{0}) {
            return;
        }
        vrrp::InstanceConfig& election = result_.election;
        if (draft_.master) {
            reporter_.warning(draft_.preempt_delay->at,
                              label() + "preempt_delay is ignored with state MASTER",
                              "write state BACKUP on both nodes");
        } else if (!election.preempt) {
            reporter_.warning(draft_.preempt_delay->at,
                              label() + "preempt_delay is ignored: nopreempt never preempts",
                              "remove one of them");
        } else {
            election.preempt_delay = draft_.preempt_delay->value;
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

    void set_routes() {
        for (const RouteDraft& draft : draft_.routes) {
            const auto same = [&](const netlink::VirtualRoute& other) {
                return other.destination == draft.route.destination &&
                       other.prefix_length == draft.route.prefix_length &&
                       other.table == draft.route.table && other.metric == draft.route.metric;
            };
            if (std::any_of(result_.routes.begin(), result_.routes.end(), same)) {
                reporter_.error(draft.at,
                                label() + "a route to " + draft.route.destination.to_string() +
                                    '/' + std::to_string(draft.route.prefix_length) +
                                    " is listed already; this line is ignored",
                                "give it another table or metric");
                continue;
            }
            result_.routes.push_back(draft.route);
        }
    }

    bool wrong_family(const IpAddress& address, Position at) {
        const Family family = result_.election.family;
        if (family_of(address) == family) {
            return false;
        }
        reporter_.error(
            at,
            label() + address.to_string() + " is ignored: the instance uses " + family_name(family),
            "use addresses of one family");
        return true;
    }

    /// Of any instance; an owner has its virtual addresses as its own.
    [[nodiscard]] bool is_virtual(const IpAddress& address) const {
        const auto has = [&](const std::vector<AddressDraft>& list) {
            return std::any_of(list.begin(), list.end(), [&](const AddressDraft& draft) {
                return draft.address.address == address;
            });
        };
        const auto& instances = context_.drafts.instances;
        return std::any_of(instances.begin(), instances.end(), [&](const InstanceDraft& each) {
            return each.priority != vrrp::kOwnerPriority &&
                   (has(each.addresses) || has(each.excluded));
        });
    }

    void set_source() {
        if (!draft_.source || wrong_family(draft_.source->value, draft_.source->at)) {
            return;
        }
        if (is_virtual(draft_.source->value)) {
            reporter_.error(draft_.source->at,
                            label() + draft_.source->value.to_string() +
                                " is a virtual address, which the node has only while it is "
                                "active; the interface's own address is used",
                            "write an address that stays on this node");
            return;
        }
        result_.election.source_address = draft_.source->value;
    }

    [[nodiscard]] bool is_own(const IpAddress& address) const {
        if (result_.election.source_address == address) {
            return true;
        }
        return std::any_of(host_addresses_.begin(), host_addresses_.end(),
                           [&](const HostAddress& each) { return each.address == address; });
    }

    /// Nobody else would answer there.
    bool is_no_peer(const PeerDraft& draft) {
        const bool shared = is_virtual(draft.address);
        if (!shared && !is_own(draft.address)) {
            return false;
        }
        reporter_.error(draft.at,
                        label() + draft.address.to_string() +
                            (shared ? " is a virtual address, not a peer; the line is ignored"
                                    : " is this node's own address, not a peer; the line is "
                                      "ignored"),
                        shared ? "list the address that stays on the other node"
                               : "list the other node's address; was it copied from its file?");
        return true;
    }

    void set_peers() {
        std::vector<vrrp::UnicastPeer>& peers = result_.election.unicast_peers;
        if (context_.check_host && !draft_.peers.empty()) {
            host_addresses_ = context_.environment.addresses();
        }
        for (const PeerDraft& draft : draft_.peers) {
            if (wrong_family(draft.address, draft.at) || is_no_peer(draft)) {
                continue;
            }
            if (std::any_of(peers.begin(), peers.end(), [&](const vrrp::UnicastPeer& peer) {
                    return peer.address == draft.address;
                })) {
                reporter_.error(draft.at, label() + draft.address.to_string() +
                                              " is listed twice; this line is ignored");
                continue;
            }
            peers.push_back(peer_of(draft));
        }
        if (draft_.peers_at && peers.empty()) {
            // An instance without peers would use multicast, which its author did not want.
            reporter_.fatal(*draft_.peers_at, label() + "no usable unicast peer",
                            "list the address of the other node, or remove unicast_peer to use "
                            "multicast");
        }
        note_unchecked_peers();
        if (!draft_.unicast_ttl) {
            return;
        }
        if (peers.empty()) {
            reporter_.note(draft_.unicast_ttl->at,
                           label() + "unicast_ttl has no effect with multicast");
        }
        result_.election.unicast_ttl = draft_.unicast_ttl->value;
    }

    vrrp::UnicastPeer peer_of(const PeerDraft& draft) {
        vrrp::UnicastPeer peer{draft.address, kOnLinkTtl, kOnLinkTtl};
        if (!draft.min_ttl && !draft.max_ttl) {
            // keepalived sends IPv6 unicast with the kernel's hop limit, usually 64.
            peer.min_ttl = draft.address.is_v4() ? kOnLinkTtl : std::uint8_t{0};
            return peer;
        }
        const std::uint8_t least = draft.min_ttl.value_or(0);
        const std::uint8_t most = draft.max_ttl.value_or(kOnLinkTtl);
        if (least > most) {
            reporter_.error(draft.at,
                            label() +
                                "min_ttl above max_ttl would discard everything; 255 is "
                                "demanded",
                            "write min_ttl NUMBER max_ttl NUMBER, the smaller one first");
            return peer;
        }
        peer.min_ttl = least;
        peer.max_ttl = most;
        return peer;
    }

    void note_unchecked_peers() {
        for (const PeerDraft& draft : draft_.peers) {
            if (draft.address.is_v6() && result_.election.family == Family::Ipv6 &&
                !draft.min_ttl && !draft.max_ttl) {
                reporter_.note(draft.at,
                               label() +
                                   "the hop limit of IPv6 peers is not checked, because "
                                   "keepalived sends 64",
                               "write min_ttl 255 here, and unicast_ttl 255 on a keepalived peer");
                return;
            }
        }
    }

    void set_multicast() {
        vrrp::InstanceConfig& election = result_.election;
        const auto& global =
            election.family == Family::Ipv4 ? global_.multicast_group4 : global_.multicast_group6;
        const auto& group = draft_.multicast_group ? draft_.multicast_group : global;
        // build_global() reports what is wrong with the global ones.
        if (!group || !group->value.is_multicast()) {
            if (draft_.multicast_group) {
                reporter_.error(
                    group->at,
                    label() + group->value.to_string() + " is no multicast address; it is ignored",
                    "write an address of 224.0.0.0/4 or ff00::/8");
            }
            return;
        }
        if (!draft_.multicast_group && family_of(group->value) != election.family) {
            return;
        }
        if (!wrong_family(group->value, group->at)) {
            election.multicast_group = group->value;
        }
    }

    /// What follows from both global_defs and the instance.
    void set_rules() {
        vrrp::InstanceConfig& election = result_.election;
        election.lower_priority_no_advert =
            draft_.lower_priority_no_advert.value_or(global_.lower_priority_no_advert);
        election.higher_priority_send_advert =
            draft_.higher_priority_send_advert.value_or(global_.higher_priority_send_advert);
        election.owner_ignores_adverts =
            draft_.owner_ignores_adverts.value_or(global_.owner_ignores_adverts);
        election.startup_delay = global_.startup_delay;
        if (global_.delay_after_boot > microseconds{0}) {
            election.startup_delay = std::max(
                election.startup_delay, global_.delay_after_boot - context_.environment.uptime());
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
        pick(schedule.lower_priority_repeat, own.lower_priority_repeat,
             global.lower_priority_repeat);
        pick(schedule.lower_priority_delay, own.lower_priority_delay, global.lower_priority_delay);
        schedule.arp_interval = global_.arp_interval;
        schedule.advertisement_interval = global_.advertisement_interval;
    }

    const InstanceDraft& draft_;
    const BuildContext& context_;
    const GlobalDraft& global_;
    Reporter& reporter_;
    InstanceSettings result_;
    /// Read when there are peers to compare with.
    std::vector<HostAddress> host_addresses_;
};

}  // namespace

InstanceSettings build_instance(const InstanceDraft& draft, const BuildContext& context) {
    return InstanceBuilder(draft, context).build();
}

}  // namespace tandem::config
