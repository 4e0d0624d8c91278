#include "proxy/config/keyword_texts.hpp"

namespace tandem::config {
namespace {

constexpr auto kTandem = Origin::Tandem;

constexpr KeywordText kInstance[] = {
    {"interface", "NAME", "",
     "Carries the advertisements, and the addresses whose line names no other. It may not exist "
     "yet: then the instance waits for it. Required."},
    {"virtual_router_id", "", "",
     "Tells virtual routers on one link apart. Required; the same on both nodes."},
    {"state", "MASTER|BACKUP", "BACKUP",
     "MASTER shortens the first wait after the start; the election decides all the same."},
    {"priority", "1-255", "100",
     "The higher one becomes active. 255 only for a node that owns the addresses; with state "
     "MASTER that is the default."},
    {"advert_int", "", "1",
     "Time between two advertisements. Version 2: whole seconds, the same on both nodes. Version "
     "3: to the hundredth, up to 40.95."},
    {"version", "2|3", "vrrp_version", "Version 2 (RFC 3768) or 3 (RFC 9568)."},
    {"virtual_ipaddress", "{ ADDRESS[/LENGTH] [OPTION...] ... }", "",
     "The addresses, one per line. The first decides between IPv4 and IPv6. They are in the "
     "advertisement."},
    {"virtual_ipaddress_excluded", "{ ADDRESS[/LENGTH] [OPTION...] ... }", "none",
     "Addresses that move along without being in the advertisement; also of the other family."},
    {"no_virtual_ipaddress", "", "off", "It is on purpose that there are none."},
    {"authentication", "{ ... }", "none",
     "Version 2: a password in plain text, eight bytes count. It keeps mistakes out, not people; "
     "auth_hmac keeps those out."},
    {"auth_hmac", "{ ... }", "none", "Signs every advertisement (HMAC-SHA256), as keepalived 2.4."},
    {"unicast_peer", "{ ADDRESS [min_ttl N] [max_ttl N] ... }", "multicast",
     "Advertisements go to these addresses only and are accepted from them only. A TTL of 255 is "
     "demanded unless min_ttl says less."},
    {"unicast_src_ip", "", "first address of the interface", "Source of the advertisements."},
    {"mcast_src_ip", "", "first address of the interface", "The same for multicast."},
    {"mcast_dst_ip", "", "vrrp_mcast_group4 or 6", "Multicast group of this instance."},
    {"unicast_ttl", "", "255", "TTL of what is sent to unicast peers."},
    {"preempt_delay", "", "0",
     "How long a lower priority stays active before this node takes over from it. Not applied when "
     "nobody is active."},
    {"nopreempt", "", "off",
     "A node that comes back leaves the addresses where they are. Needs state BACKUP."},
    {"preempt", "", "on", "The opposite of nopreempt."},
    {"lower_prio_no_advert", "", "vrrp_lower_prio_no_advert",
     "Active: an advertisement of a lower priority is not answered at once."},
    {"higher_prio_send_advert", "", "vrrp_higher_prio_send_advert",
     "Active: one more advertisement before giving way to a higher priority."},
    {"owner_ignore_adverts", "", "vrrp_owner_ignore_adverts",
     "Priority 255: advertisements of others are ignored."},
    {"down_timer_adverts", "", "vrrp_down_timer_adverts",
     "So many intervals without an advertisement, and the active node counts as down."},
    {"v3_checksum_as_v2", "", "global v3_checksum_as_v2",
     "Version 3 over IPv4 with the checksum without pseudo-header, as some other implementations "
     "send it. Both are accepted."},
    {"garp_master_delay", "", "vrrp_garp_master_delay",
     "A second burst of announcements so long after the first. 0: none."},
    {"garp_master_repeat", "", "vrrp_garp_master_repeat",
     "Announcements of each address in a burst."},
    {"garp_master_refresh", "", "vrrp_garp_master_refresh",
     "While active announce again this often. 0: never."},
    {"garp_master_refresh_repeat", "", "vrrp_garp_master_refresh_repeat",
     "Announcements of each address at such a time."},
    {"garp_lower_prio_delay", "", "vrrp_garp_lower_prio_delay",
     "As garp_master_delay, after an advertisement of a lower priority was heard."},
    {"garp_lower_prio_repeat", "", "vrrp_garp_lower_prio_repeat",
     "As garp_master_repeat, after an advertisement of a lower priority was heard."},
    {"vip_lease", "SECONDS", "shortest time in which a peer can take over, at least 1",
     "Lifetime of the addresses in the kernel, refreshed at a third of it: when this process hangs "
     "they end by themselves. 0: no lease.",
     kTandem},
    {"track_interface", "{ NAME [weight W [reverse]] ... }", "none",
     "Without a weight: a link that is down is a fault of the instance. With one: what its state "
     "adds to the priority."},
    {"track_script", "{ NAME [weight W [reverse]] ... }", "none",
     "The same for a vrrp_script, with its weight unless the line has one."},
    {"track_file", "{ NAME [weight W [reverse]] ... }", "none", "The same for a track_file."},
    {"track_process", "{ NAME [weight W [reverse]] ... }", "none",
     "The same for a vrrp_track_process."},
    {"dont_track_primary", "", "off",
     "The instance does not fail with the link of its own interface."},
    {"virtual_routes", "{ [TYPE] DESTINATION [OPTION...] ... }", "none",
     "Routes that are there while the instance is active, as ip route writes them. TYPE is "
     "unicast, blackhole, unreachable or prohibit."},
    {"notify", "\"PROGRAM\"", "none",
     "Run at every change of state, with INSTANCE NAME STATE PRIORITY as arguments."},
    {"notify_master", "\"PROGRAM\"", "none", "Run when the instance becomes active."},
    {"notify_backup", "\"PROGRAM\"", "none", "Run when it becomes backup."},
    {"notify_fault", "\"PROGRAM\"", "none", "Run when a fault appears."},
    {"notify_stop", "\"PROGRAM\"", "none", "Run when the instance ends."},
    {"notify_master_rx_lower_pri", "\"PROGRAM\"", "none",
     "Run when an advertisement of a lower priority is heard while active."},
    {"notify_priority_changes", "", "vrrp_notify_priority_changes",
     "Changes of the priority go to the FIFO, too."},
    {"strict_mode", "", "vrrp_strict", "As vrrp_strict, for this instance."},
    {"native_ipv6", "", "off", "The instance is IPv6 although its first address does not say so."},
    {"accept", "", "always on", "A proxy must answer on its virtual address."},
};

constexpr KeywordText kAddress[] = {
    {"dev", "NAME", "the instance's interface", "Where the address is added."},
    {"label", "NAME", "none", "Of an IPv4 address, at most 15 characters."},
    {"brd", "ADDRESS|+|-", "none",
     "Broadcast address. +: all bits behind the length are one; -: they are zero."},
    {"broadcast", "ADDRESS|+|-", "none", "Another name of brd."},
    {"scope", "global|site|link|host|nowhere|N", "global", "Scope of the address."},
    {"-nodad", "", "off",
     "IPv6: duplicate address detection is done, and the address answers a second or two later."},
};

constexpr KeywordText kRoute[] = {
    {"to", "DESTINATION", "the first word", "NETWORK/LENGTH or default."},
    {"via", "ADDRESS", "none", "The gateway. Without it the route needs dev."},
    {"gw", "ADDRESS", "none", "Another name of via."},
    {"src", "ADDRESS", "the kernel's choice", "Address that this host uses on this route."},
    {"dev", "NAME", "that of the gateway", "Interface of the route."},
    {"oif", "NAME", "that of the gateway", "Another name of dev."},
    {"table", "N|main|local|default", "main", "Routing table."},
    {"metric", "N", "0", "Of several routes the one with the least is used."},
    {"priority", "N", "0", "Another name of metric."},
    {"preference", "N", "0", "Another name of metric."},
    {"scope", "global|site|link|host|nowhere|N", "as the kernel says", "Scope of the route."},
    {"onlink", "", "off", "The gateway is on the link although no network says so."},
};

constexpr KeywordText kAuthentication[] = {
    {"auth_type", "PASS", "none",
     "PASS sends auth_pass in every advertisement. AH is refused: it is not part of VRRP any more "
     "(RFC 3768); use auth_hmac."},
    {"auth_pass", "SECRET", "", "Eight bytes count; the same on both nodes."},
};

constexpr KeywordText kHmac[] = {
    {"key", "ID hex:DIGITS | ID file:PATH | ID \"TEXT\"", "",
     "A secret and its number, 1 to 255; one line each. Required."},
    {"active_key", "ID", "", "The key that signs; all of them are accepted. Required."},
    {"mode", "enforce|permissive|receive-only", "enforce",
     "permissive accepts advertisements without a signature, receive-only sends them without one: "
     "for a rollout without a gap."},
    {"anti_replay", "time|monotonic", "time",
     "What tells a repeated advertisement from a new one."},
    {"time_window", "SECONDS", "three intervals, at least 5",
     "anti_replay time: how far the clocks of the nodes may differ."},
};

constexpr KeywordText kGroup[] = {
    {"group", "{ NAME ... }", "", "The instances. Required."},
    {"track_interface", "{ NAME [weight W [reverse]] ... }", "none", "Tracked by every member."},
    {"track_script", "{ NAME [weight W [reverse]] ... }", "none", "Tracked by every member."},
    {"track_file", "{ NAME [weight W [reverse]] ... }", "none", "Tracked by every member."},
    {"track_process", "{ NAME [weight W [reverse]] ... }", "none", "Tracked by every member."},
    {"notify", "\"PROGRAM\"", "none",
     "Run at every change of state of the group, with GROUP NAME STATE 0 as arguments."},
    {"notify_master", "\"PROGRAM\"", "none", "Run when all members are active."},
    {"notify_backup", "\"PROGRAM\"", "none", "Run when the group becomes backup."},
    {"notify_fault", "\"PROGRAM\"", "none", "Run when a member has a fault."},
    {"notify_stop", "\"PROGRAM\"", "none", "Run when all members have ended."},
    {"sync_group_tracking_weight", "", "off",
     "Weights of the members' own track lines count, too. Then the members' priorities should be "
     "equal, or they fail over one by one."},
    {"global_tracking", "", "off", "An older name of sync_group_tracking_weight."},
};

constexpr BlockText kBlocks[] = {
    {"vrrp_instance", kInstance}, {"virtual_ipaddress, virtual_ipaddress_excluded", kAddress},
    {"virtual_routes", kRoute},   {"authentication", kAuthentication},
    {"auth_hmac", kHmac},         {"vrrp_sync_group", kGroup},
};

}  // namespace

std::span<const BlockText> vrrp_texts() {
    return kBlocks;
}

}  // namespace tandem::config
