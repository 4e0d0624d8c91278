#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"
#include "proxy/config/keyword_lists.hpp"
#include "proxy/config/read_command.hpp"

#include <utility>

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

void read_state(InstanceDraft& instance, const Value& value) {
    if (value.word == "MASTER") {
        instance.master = true;
        instance.state_at = value.at;
    } else if (value.word != "BACKUP") {
        value.reporter.error(value.at, "unknown state '" + value.word + "'; BACKUP is used",
                             "allowed: MASTER, BACKUP in capital letters");
    }
}

void read_priority(InstanceDraft& instance, const Value& value) {
    const auto priority = parse_integer(value.word);
    const bool valid = priority && *priority >= 1 && *priority <= vrrp::kOwnerPriority;
    if (!valid) {
        value.reporter.error(value.at,
                             "priority '" + value.word + "' is not possible; " +
                                 std::to_string(vrrp::kDefaultPriority) + " is used",
                             "allowed: 1 to 255; 255 only for the owner of the addresses");
    }
    instance.priority = valid ? static_cast<std::uint8_t>(*priority) : vrrp::kDefaultPriority;
}

constexpr Keyword<InstanceDraft> kAuthenticationKeywords[] = {
    {"auth_type", word(),
     [](InstanceDraft& i, const Value& v) {
         i.auth_type = Located<std::string>{v.word, v.at};
     }},
    {"auth_pass", word(),
     [](InstanceDraft& i, const Value& v) {
         i.auth_pass = Located<std::string>{v.word, v.at};
     }},
};

constexpr Unused kAuthenticationUnused[] = {{Treatment::Error,
                                             "belongs in vrrp_instance, not in authentication",
                                             "move the block out", "auth_hmac"}};

void read_authentication(InstanceDraft& instance, const Value& value) {
    read_block(instance, value.statement.block, "in authentication", kAuthenticationKeywords,
               kAuthenticationUnused, value.reporter);
}

void read_hmac_block(InstanceDraft& instance, const Value& value) {
    if (instance.hmac) {
        value.reporter.error(value.at, "auth_hmac exists already; this block is ignored",
                             "write one auth_hmac block");
        return;
    }
    instance.hmac.emplace().at = value.statement.keyword.at;
    read_hmac(*instance.hmac, value.statement.block, value.reporter);
}

/// min_ttl N, max_ttl N. Anything else is probably a second address.
void read_peer_options(PeerDraft& peer, const Statement& line, Reporter& reporter) {
    for (std::size_t i = 0; i < line.arguments.size(); i += 2) {
        const Word& option = line.arguments[i];
        if (option.text != "min_ttl" && option.text != "max_ttl") {
            reporter.error(option.at,
                           "'" + option.text + "' after the address of a peer is ignored",
                           "write one peer per line");
            return;
        }
        const auto limit = i + 1 < line.arguments.size() ? parse_integer(line.arguments[i + 1].text)
                                                         : std::nullopt;
        if (!limit || *limit < 0 || *limit > 255) {
            reporter.error(option.at, option.text + " needs a number; it is ignored",
                           "allowed: 0 to 255");
            return;
        }
        (option.text == "min_ttl" ? peer.min_ttl : peer.max_ttl) =
            static_cast<std::uint8_t>(*limit);
    }
}

void read_peers(InstanceDraft& instance, const Value& value) {
    instance.peers_at = value.statement.keyword.at;
    for (const Statement& line : value.statement.block) {
        if (line.ignored) {
            continue;
        }
        const auto peer = parse_address(line.keyword.text);
        if (!peer || peer->is_unspecified() || peer->is_multicast()) {
            value.reporter.error(
                line.keyword.at,
                "'" + line.keyword.text + "' is not the address of a peer; the line is ignored",
                "write one numeric address per line");
            continue;
        }
        PeerDraft draft{*peer, {}, {}, line.keyword.at};
        read_peer_options(draft, line, value.reporter);
        instance.peers.push_back(draft);
    }
}

template <vrrp::TrackKind kind>
void read_tracked_of(InstanceDraft& instance, const Value& value) {
    read_tracked(instance.tracked, kind, value.statement.block, value.reporter);
}

void read_strict(InstanceDraft& instance, const Value& value) {
    instance.strict = Located<bool>{value.flag, value.statement.keyword.at};
}

constexpr Keyword<InstanceDraft> kKeywords[] = {
    {"interface", word(),
     [](InstanceDraft& i, const Value& v) {
         i.interface = v.word;
         i.interface_at = v.at;
     }},
    {"virtual_router_id", integer(1, 255),
     [](InstanceDraft& i, const Value& v) {
         i.virtual_router_id = static_cast<std::uint8_t>(v.integer);
     }},
    {"state", word(), read_state},
    {"priority", word(), read_priority},
    {"advert_int", duration(10ms, 255s),
     [](InstanceDraft& i, const Value& v) {
         i.interval = {v.duration, v.at};
     }},
    {"version", integer(2, 3),
     [](InstanceDraft& i, const Value& v) {
         i.version = {v.integer == 2 ? vrrp::Version::V2 : vrrp::Version::V3, v.at};
     }},
    {"virtual_ipaddress", block(),
     [](InstanceDraft& i, const Value& v) {
         read_addresses(i.addresses, v.statement.block, v.reporter);
     }},
    {"virtual_ipaddress_excluded", block(),
     [](InstanceDraft& i, const Value& v) {
         read_addresses(i.excluded, v.statement.block, v.reporter);
     }},
    {"no_virtual_ipaddress", flag(),
     [](InstanceDraft& i, const Value&) { i.no_addresses_intended = true; }},
    {"authentication", block(), read_authentication},
    {"unicast_peer", block(), read_peers},
    {"unicast_src_ip", address(),
     [](InstanceDraft& i, const Value& v) {
         i.source = {v.address, v.at};
     }},
    {"mcast_src_ip", address(),
     [](InstanceDraft& i, const Value& v) {
         i.source = {v.address, v.at};
     }},
    {"mcast_dst_ip", address(),
     [](InstanceDraft& i, const Value& v) {
         i.multicast_group = {v.address, v.at};
     }},
    {"unicast_ttl", integer(1, 255),
     [](InstanceDraft& i, const Value& v) {
         i.unicast_ttl = {static_cast<std::uint8_t>(v.integer), v.at};
     }},
    {"auth_hmac", block(), read_hmac_block},
    {"preempt_delay", duration(0s, 1000s),
     [](InstanceDraft& i, const Value& v) {
         i.preempt_delay = {v.duration, v.at};
     }},
    {"lower_prio_no_advert", boolean(),
     [](InstanceDraft& i, const Value& v) { i.lower_priority_no_advert = v.flag; }},
    {"higher_prio_send_advert", boolean(),
     [](InstanceDraft& i, const Value& v) { i.higher_priority_send_advert = v.flag; }},
    {"owner_ignore_adverts", boolean(),
     [](InstanceDraft& i, const Value& v) { i.owner_ignores_adverts = v.flag; }},
    {"nopreempt", flag(), [](InstanceDraft& i, const Value& v) { i.nopreempt = v.at; }},
    {"preempt", flag(), [](InstanceDraft& i, const Value&) { i.nopreempt.reset(); }},
    {"down_timer_adverts", integer(1, 100),
     [](InstanceDraft& i, const Value& v) {
         i.down_timer_adverts = static_cast<unsigned>(v.integer);
     }},
    {"v3_checksum_as_v2", boolean(),
     [](InstanceDraft& i, const Value& v) { i.message_only_checksum = v.flag; }},
    {"garp_master_delay", duration(0s, 24h),
     [](InstanceDraft& i, const Value& v) { i.announce.delay = v.milliseconds(); }},
    {"garp_master_repeat", integer(1, 1000),
     [](InstanceDraft& i, const Value& v) {
         i.announce.repeat = static_cast<unsigned>(v.integer);
     }},
    {"garp_master_refresh", duration(0s, 24h),
     [](InstanceDraft& i, const Value& v) { i.announce.refresh = v.milliseconds(); }},
    {"garp_master_refresh_repeat", integer(1, 1000),
     [](InstanceDraft& i, const Value& v) {
         i.announce.refresh_repeat = static_cast<unsigned>(v.integer);
     }},
    {"garp_lower_prio_delay", duration(0s, 24h),
     [](InstanceDraft& i, const Value& v) { i.announce.lower_priority_delay = v.milliseconds(); }},
    {"garp_lower_prio_repeat", integer(0, 1000),
     [](InstanceDraft& i, const Value& v) {
         i.announce.lower_priority_repeat = static_cast<unsigned>(v.integer);
     }},
    {"vip_lease", integer(0, 86400),
     [](InstanceDraft& i, const Value& v) { i.lease = std::chrono::seconds{v.integer}; }},
    {"track_interface", block(), read_tracked_of<vrrp::TrackKind::Interface>},
    {"track_script", block(), read_tracked_of<vrrp::TrackKind::Script>},
    {"track_file", block(), read_tracked_of<vrrp::TrackKind::File>},
    {"track_process", block(), read_tracked_of<vrrp::TrackKind::Process>},
    {"dont_track_primary", flag(), [](InstanceDraft& i, const Value&) { i.track_primary = false; }},
    {"virtual_routes", block(),
     [](InstanceDraft& i, const Value& v) {
         read_routes(i.routes, v.statement.block, v.reporter);
     }},
    {"notify", script(), apply_notify<InstanceDraft>},
    {"notify_master", script(), apply_notify<InstanceDraft>},
    {"notify_backup", script(), apply_notify<InstanceDraft>},
    {"notify_fault", script(), apply_notify<InstanceDraft>},
    {"notify_stop", script(), apply_notify<InstanceDraft>},
    {"notify_master_rx_lower_pri", script(), apply_notify<InstanceDraft>},
    {"notify_priority_changes", boolean(), apply_priority_changes<InstanceDraft>},
    {"strict_mode", boolean(), read_strict},
    {"native_ipv6", flag(), [](InstanceDraft& i, const Value&) { i.ipv6 = true; }},
    {"accept", flag(), [](InstanceDraft&, const Value&) { /* always on */ }},
};

constexpr Unused kUnused[] = {
    {Treatment::Warning, "is ignored: a proxy must answer on its virtual address", "remove it",
     "no_accept"},
    {Treatment::Warning,
     "is ignored: virtual addresses use the MAC address of the interface and are announced with "
     "gratuitous ARP",
     "remove it", "use_vmac vmac_xmit_base use_vmac_addr use_ipvlan"},
    {Treatment::Warning, "is not run: tandem has no such state; notify_fault or notify_stop is", "",
     "notify_deleted"},
    {Treatment::Note, "has no effect: tandem sends no mail in this version", "", "smtp_alert"},
    {Treatment::Warning, "has no effect in this version: rules are not moved", "", "virtual_rules"},
    {Treatment::Warning, "is not applied: tandem has no BFD; it does not change who is active",
     "track a script or an interface", "track_bfd"},
    {Treatment::Note,
     "is not needed: an instance is always at fault while its source address is not on this host",
     "", "track_src_ip"},
    {Treatment::Note, "is not needed: an instance without a usable peer is refused", "",
     "unicast_fault_no_peer"},
    {Treatment::Warning, "is not applied: it does not change who is active", "",
     "timer_expired_backup linkbeat_use_polling"},
    {Treatment::Note,
     "is always on and stricter here: advertisements are accepted only from the listed peers", "",
     "check_unicast_src"},
    {Treatment::Note,
     "is not needed: a different address list is reported, the advertisement is accepted", "",
     "skip_check_adv_addr"},
    {Treatment::Note, "has no effect in this version", "",
     "old_unicast_checksum promote_secondaries debug kernel_rx_buf_size garp_extra_if vrf"},
    {Treatment::Note, "has no effect: connections are relayed in user space, IPVS is not used", "",
     "lvs_sync_daemon_interface lvs_sync_daemon_inteface"},
};

}  // namespace

KeywordList instance_keywords() {
    return list_keywords(kKeywords, kUnused);
}

KeywordList authentication_keywords() {
    return list_keywords(kAuthenticationKeywords, kAuthenticationUnused);
}

void read_instance(InstanceDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    read_block(draft, block, "in vrrp_instance", kKeywords, kUnused, reporter);
}

}  // namespace tandem::config
