#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"
#include "proxy/config/keyword_lists.hpp"
#include "proxy/config/read_access_log.hpp"
#include "proxy/config/read_command.hpp"

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMostConnections = 10'000'000;

constexpr auto kLongestDelay = std::chrono::hours{24};
/// More would keep neighbours waiting for longer than an election takes.
constexpr auto kLongestAnnounceInterval = 1s;

/// A second one of the same kind is reported and ignored, as in keepalived.
void keep_first(std::optional<CommandDraft>& target, CommandDraft draft, const Value& value) {
    if (target) {
        value.reporter.error(
            value.at, value.statement.keyword.text + " is set already; this line is ignored");
        return;
    }
    target = std::move(draft);
}

void read_user(GlobalDraft& global, const Value& value) {
    CommandDraft words = read_owned_word(value);
    // The user is the first word here, the group the second.
    CommandDraft user;
    user.at = words.at;
    user.user = std::move(words.text);
    user.group = words.user.starts_with(':') ? words.user.substr(1) : words.user;
    global.script_user = std::move(user);
}

void read_buffer_memory(GlobalDraft& global, const Value& value) {
    constexpr std::uint64_t kLeast = std::uint64_t{1024} * 1024;
    constexpr std::uint64_t kMost = kLeast * 1024 * 1024;
    const auto size = parse_size(value.word);
    if (!size || *size < kLeast || *size > kMost) {
        value.reporter.error(value.at, "buffer_memory: '" + value.word + "' is ignored",
                             "allowed: 1m to 1024g; without the line a quarter of the memory");
        return;
    }
    global.settings.buffer_memory = *size;
}

void read_strict(GlobalDraft& global, const Value& value) {
    global.strict = value.flag ? std::optional<Position>(value.statement.keyword.at) : std::nullopt;
}

constexpr Keyword<GlobalDraft> kKeywords[] = {
    {"router_id", word(), [](GlobalDraft& g, const Value& v) { g.settings.router_id = v.word; }},
    {"workers", integer(0, 1024),
     [](GlobalDraft& g, const Value& v) { g.settings.workers = static_cast<unsigned>(v.integer); }},
    {"max_connections", integer(0, kMostConnections),
     [](GlobalDraft& g, const Value& v) {
         g.settings.max_connections = static_cast<unsigned>(v.integer);
     }},
    {"buffer_memory", word(), read_buffer_memory},
    {"access_log", word(),
     [](GlobalDraft& g, const Value& v) { read_access_log(g.access_log, v); }},
    {"access_log_format", word(),
     [](GlobalDraft& g, const Value& v) { read_access_log_format(g.access_log, v); }},
    {"vrrp_rt_priority", integer(1, 99),
     [](GlobalDraft& g, const Value& v) {
         g.settings.realtime_priority = static_cast<unsigned>(v.integer);
     }},
    {"vrrp_version", integer(2, 3),
     [](GlobalDraft& g, const Value& v) {
         g.version = v.integer == 2 ? vrrp::Version::V2 : vrrp::Version::V3;
     }},
    {"vrrp_garp_master_delay", duration(0s, 24h),
     [](GlobalDraft& g, const Value& v) { g.announce.delay = v.milliseconds(); }},
    {"vrrp_garp_master_repeat", integer(1, 1000),
     [](GlobalDraft& g, const Value& v) { g.announce.repeat = static_cast<unsigned>(v.integer); }},
    {"vrrp_garp_master_refresh", duration(0s, 24h),
     [](GlobalDraft& g, const Value& v) { g.announce.refresh = v.milliseconds(); }},
    {"vrrp_garp_master_refresh_repeat", integer(1, 1000),
     [](GlobalDraft& g, const Value& v) {
         g.announce.refresh_repeat = static_cast<unsigned>(v.integer);
     }},
    {"vrrp_min_garp", boolean(),
     [](GlobalDraft& g, const Value& v) { g.single_announcement = v.flag; }},
    {"vrrp_down_timer_adverts", integer(1, 100),
     [](GlobalDraft& g, const Value& v) {
         g.down_timer_adverts = static_cast<unsigned>(v.integer);
     }},
    {"v3_checksum_as_v2", boolean(),
     [](GlobalDraft& g, const Value& v) { g.message_only_checksum = v.flag; }},
    {"vrrp_garp_lower_prio_delay", duration(0s, 24h),
     [](GlobalDraft& g, const Value& v) { g.announce.lower_priority_delay = v.milliseconds(); }},
    {"vrrp_garp_lower_prio_repeat", integer(0, 1000),
     [](GlobalDraft& g, const Value& v) {
         g.announce.lower_priority_repeat = static_cast<unsigned>(v.integer);
     }},
    {"vrrp_garp_interval", duration(0s, kLongestAnnounceInterval),
     [](GlobalDraft& g, const Value& v) { g.arp_interval = v.duration; }},
    {"vrrp_gna_interval", duration(0s, kLongestAnnounceInterval),
     [](GlobalDraft& g, const Value& v) { g.advertisement_interval = v.duration; }},
    {"vrrp_lower_prio_no_advert", boolean(),
     [](GlobalDraft& g, const Value& v) { g.lower_priority_no_advert = v.flag; }},
    {"vrrp_higher_prio_send_advert", boolean(),
     [](GlobalDraft& g, const Value& v) { g.higher_priority_send_advert = v.flag; }},
    {"vrrp_owner_ignore_adverts", boolean(),
     [](GlobalDraft& g, const Value& v) { g.owner_ignores_adverts = v.flag; }},
    {"vrrp_startup_delay", duration(0s, kLongestDelay),
     [](GlobalDraft& g, const Value& v) { g.startup_delay = v.duration; }},
    {"vrrp_delay_after_boot", duration(0s, kLongestDelay),
     [](GlobalDraft& g, const Value& v) { g.delay_after_boot = v.duration; }},
    {"vrrp_mcast_group4", address(),
     [](GlobalDraft& g, const Value& v) {
         g.multicast_group4 = {v.address, v.at};
     }},
    {"vrrp_mcast_group6", address(),
     [](GlobalDraft& g, const Value& v) {
         g.multicast_group6 = {v.address, v.at};
     }},
    {"vrrp_rlimit_rttime", integer(2, 1'000'000'000),
     [](GlobalDraft& g, const Value& v) {
         g.settings.realtime_limit = std::chrono::microseconds{v.integer};
     }},
    {"vrrp_strict", boolean(), read_strict},
    {"script_user", word(), read_user},
    {"enable_script_security", flag(),
     [](GlobalDraft& g, const Value&) { g.script_security = true; }},
    {"vrrp_notify_priority_changes", boolean(),
     [](GlobalDraft& g, const Value& v) { g.notify_priority_changes = v.flag; }},
    {"notify_fifo", word(),
     [](GlobalDraft& g, const Value& v) { keep_first(g.notify_fifo.path, read_owned_word(v), v); }},
    {"notify_fifo_script", script(),
     [](GlobalDraft& g, const Value& v) { keep_first(g.notify_fifo.script, read_command(v), v); }},
    {"vrrp_notify_fifo", word(),
     [](GlobalDraft& g, const Value& v) {
         keep_first(g.vrrp_notify_fifo.path, read_owned_word(v), v);
     }},
    {"vrrp_notify_fifo_script", script(),
     [](GlobalDraft& g, const Value& v) {
         keep_first(g.vrrp_notify_fifo.script, read_command(v), v);
     }},
};

constexpr Unused kUnused[] = {
    {Treatment::Note, "has no effect: tandem sends no mail in this version", "",
     "notification_email notification_email_from smtp_server smtp_connect_timeout smtp_helo_name "
     "smtp_alert smtp_alert_vrrp smtp_alert_checker no_email_faults no_checker_emails"},
    {Treatment::Warning, "is not run in this version", "",
     "lvs_notify_fifo_script startup_script shutdown_script"},
    {Treatment::Warning, "is not written in this version", "", "lvs_notify_fifo"},
    {Treatment::Note,
     "is not needed: a different address list is reported, the advertisement is accepted", "",
     "vrrp_skip_check_adv_addr"},
    {Treatment::Note, "is not needed: the memory of the node is always locked where permitted", "",
     "vrrp_no_swap"},
    {Treatment::Note, "has no effect: the election has a thread of its own",
     "use vrrp_rt_priority to choose its real-time priority",
     "vrrp_priority vrrp_cpu_affinity max_auto_priority min_auto_priority_delay "
     "vrrp_rlimit_rtime"},
    {Treatment::Note, "has no effect in this version", "",
     "set_supplementary_groups use_symlink_paths startup_script_timeout shutdown_script_timeout "
     "fifo_write_vrrp_states_on_reload rs_init_notifies"},
    {Treatment::Note,
     "is always on and stricter here: advertisements are accepted only from the listed peers", "",
     "vrrp_check_unicast_src"},
    {Treatment::Note, "has no effect in this version", "",
     "vrrp_garp_extra_if log_unknown_vrids default_interface checker_priority "
     "checker_rt_priority checker_rlimit_rttime checker_rlimit_rtime checker_no_swap "
     "checker_cpu_affinity reload_repeat reload_file reload_time_file checker_log_all_failures "
     "vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier umask random_seed "
     "state_dump_file stats_dump_file json_dump_file state_dump_file_location "
     "stats_dump_file_location json_dump_file_location json_version data_use_instance "
     "config_save_dir tmp_config_directory config_copy_directory"},
    {Treatment::Note,
     "is not needed: missing interfaces are waited for and every reload checks "
     "the configuration first",
     "", "dynamic_interfaces reload_check_config"},
    {Treatment::Note,
     "has no effect: only includer, includem, includew, includeb and includea are "
     "strict",
     "", "include_check"},
    {Treatment::Note, "has no effect: connections are relayed in user space, IPVS is not used", "",
     "lvs_sync_daemon lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_id "
     "nftables_ipvs nftables_ipvs_priority nftables_ipvs_counters "
     "nftables_ipvs_start_fwmark lvs_process_name lvs_netlink_cmd_rcv_bufs "
     "lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs "
     "lvs_netlink_monitor_rcv_bufs_force"},
    {Treatment::Note, "has no effect: no firewall rules are installed", "",
     "vrrp_iptables iptables vrrp_ipsets ipsets nftables nftables_priority nftables_counters "
     "nftables_ifindex disable_local_igmp"},
    {Treatment::Note, "has no effect: tandem has no SNMP and no D-Bus interface", "",
     "snmp_socket enable_traps enable_snmp_vrrp enable_snmp_rfc enable_snmp_rfcv2 "
     "enable_snmp_rfcv3 enable_snmp_keepalived enable_snmp_checker snmp_rs_stats_update_interval "
     "snmp_vs_stats_update_interval snmp_interval enable_dbus dbus_service_name "
     "dbus_no_interface_name"},
    {Treatment::Note, "has no effect: tandem has no such process, interface or buffer", "",
     "bfd_priority bfd_rt_priority bfd_rlimit_rttime bfd_rlimit_rtime bfd_no_swap "
     "bfd_cpu_affinity process_names process_name vrrp_process_name checker_process_name "
     "bfd_process_name vmac_prefix vmac_addr_prefix vrrp_netlink_cmd_rcv_bufs "
     "vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs "
     "vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs "
     "process_monitor_rcv_bufs_force iproute_usr_dir iproute_etc_dir linkbeat_use_polling"},
};

}  // namespace

KeywordList global_keywords() {
    return list_keywords(kKeywords, kUnused);
}

void read_global(GlobalDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    read_block(draft, block, "in global_defs", kKeywords, kUnused, reporter);
}

}  // namespace tandem::config
