// Every keyword that keepalived 2.2 to 2.4 knows is known here, in the block where it belongs.
#include "proxy/config/keyword_catalog.hpp"
#include "tests/unit/config/memory_environment.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Block {
    const char* name;
    /// In front of the keyword, and behind it.
    const char* begin;
    const char* end;
    /// With braces: a block.
    const char* keywords;
};

const std::vector<Block> kBlocks{
    {"global_defs", "global_defs {\n", "}\n",
     "router_id notification_email{} notification_email_from smtp_server "
     "smtp_connect_timeout smtp_helo_name smtp_alert smtp_alert_vrrp smtp_alert_checker "
     "no_email_faults no_checker_emails enable_script_security script_user "
     "set_supplementary_groups use_symlink_paths vrrp_version vrrp_strict "
     "vrrp_skip_check_adv_addr vrrp_garp_interval vrrp_gna_interval vrrp_garp_master_delay "
     "vrrp_garp_master_repeat vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat "
     "vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_min_garp "
     "vrrp_higher_prio_send_advert vrrp_lower_prio_no_advert vrrp_down_timer_adverts "
     "vrrp_mcast_group4 vrrp_mcast_group6 vrrp_check_unicast_src v3_checksum_as_v2 "
     "notify_fifo vrrp_notify_fifo lvs_notify_fifo notify_fifo_script "
     "vrrp_notify_fifo_script lvs_notify_fifo_script vrrp_notify_priority_changes "
     "fifo_write_vrrp_states_on_reload vrrp_startup_delay vrrp_delay_after_boot "
     "dynamic_interfaces default_interface reload_check_config reload_file "
     "reload_time_file reload_repeat max_auto_priority min_auto_priority_delay "
     "vrrp_priority vrrp_rt_priority vrrp_rlimit_rttime vrrp_rlimit_rtime vrrp_no_swap "
     "vrrp_cpu_affinity checker_priority checker_rt_priority checker_rlimit_rttime "
     "checker_no_swap checker_cpu_affinity bfd_priority bfd_rt_priority bfd_rlimit_rttime "
     "bfd_no_swap bfd_cpu_affinity log_unknown_vrids vrrp_owner_ignore_adverts "
     "startup_script shutdown_script startup_script_timeout shutdown_script_timeout "
     "lvs_sync_daemon lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop "
     "nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark "
     "nftables_ipvs_counters vrrp_iptables vrrp_ipsets nftables nftables_priority "
     "nftables_counters nftables_ifindex disable_local_igmp enable_snmp_vrrp "
     "enable_snmp_checker enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 "
     "enable_snmp_keepalived enable_traps snmp_socket snmp_vs_stats_update_interval "
     "snmp_rs_stats_update_interval enable_dbus dbus_service_name dbus_no_interface_name "
     "process_names process_name vrrp_process_name checker_process_name bfd_process_name "
     "vmac_prefix vmac_addr_prefix vrrp_netlink_cmd_rcv_bufs "
     "vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs "
     "vrrp_netlink_monitor_rcv_bufs_force lvs_netlink_cmd_rcv_bufs "
     "lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs "
     "lvs_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs "
     "process_monitor_rcv_bufs_force vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier umask "
     "random_seed include_check config_save_dir tmp_config_directory data_use_instance "
     "state_dump_file stats_dump_file json_dump_file json_version iproute_etc_dir "
     "iproute_usr_dir rs_init_notifies checker_log_all_failures lvs_id "
     "linkbeat_use_polling"},
    {"vrrp_instance", "vrrp_instance V {\n", "}\n",
     "interface virtual_router_id priority state virtual_ipaddress{} "
     "virtual_ipaddress_excluded{} advert_int authentication{} auth_hmac{} track_script{} "
     "unicast_peer{} unicast_src_ip mcast_src_ip notify_master notify_backup notify_fault "
     "notify_stop notify notify_deleted notify_master_rx_lower_pri nopreempt preempt "
     "preempt_delay track_interface{} garp_master_delay garp_master_repeat "
     "garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay "
     "garp_lower_prio_repeat smtp_alert use_vmac use_vmac_addr vmac_xmit_base use_ipvlan "
     "lvs_sync_daemon_interface version track_process{} track_file{} track_bfd{} "
     "dont_track_primary track_src_ip native_ipv6 accept no_accept check_unicast_src "
     "unicast_ttl unicast_fault_no_peer old_unicast_checksum v3_checksum_as_v2 "
     "skip_check_adv_addr strict_mode lower_prio_no_advert higher_prio_send_advert "
     "down_timer_adverts owner_ignore_adverts no_virtual_ipaddress promote_secondaries "
     "notify_priority_changes mcast_dst_ip debug kernel_rx_buf_size virtual_routes{} "
     "virtual_rules{} garp_extra_if timer_expired_backup vrf linkbeat_use_polling"},
    {"virtual_server", "virtual_server 198.51.100.1 80 {\n", "}\n",
     "delay_loop lb_algo lvs_sched lb_kind lvs_method protocol persistence_timeout "
     "persistence_granularity persistence_engine ops flag-1 flag-2 flag-3 sh-port "
     "sh-fallback mh-port mh-fallback hashed nat_mask net_mask weight sorry_server "
     "sorry_server_inhibit sorry_server_lvs_method inhibit_on_failure alpha omega quorum "
     "hysteresis quorum_up quorum_down retry delay_before_retry connect_timeout warmup "
     "ha_suspend virtualhost smtp_alert snmp_name ip_family"},
    {"real_server", "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n", " }\n}\n",
     "weight lvs_method inhibit_on_failure alpha notify_up notify_down retry "
     "delay_before_retry connect_timeout warmup delay_loop uthreshold lthreshold "
     "virtualhost smtp_alert snmp_name TCP_CHECK{} HTTP_GET{} SSL_GET{} SMTP_CHECK{} "
     "DNS_CHECK{} MISC_CHECK{} UDP_CHECK{} PING_CHECK{} FILE_CHECK{} BFD_CHECK{}"},
    {"TCP_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n TCP_CHECK {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures"},
    {"HTTP_GET", "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n HTTP_GET {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures url{} nb_get_retry "
     "http_protocol enable_sni sni_name fast_recovery virtualhost"},
    {"SSL_GET", "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n SSL_GET {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures url{} nb_get_retry "
     "http_protocol enable_sni sni_name fast_recovery virtualhost"},
    {"MISC_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n MISC_CHECK {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures misc_path misc_timeout "
     "misc_dynamic user"},
    {"SMTP_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n SMTP_CHECK {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures helo_name host{}"},
    {"DNS_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n DNS_CHECK {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures type name"},
    {"UDP_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n UDP_CHECK {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures payload require_reply "
     "min_reply_length max_reply_length"},
    {"PING_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n PING_CHECK {\n",
     "}\n }\n}\n",
     "connect_ip connect_port bindto bind_port bind_if fwmark connect_timeout retry "
     "delay_before_retry warmup delay_loop alpha log_all_failures"},
    {"FILE_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n FILE_CHECK {\n",
     "}\n }\n}\n", "track_file weight"},
    {"BFD_CHECK",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n BFD_CHECK {\n",
     "}\n }\n}\n", "name"},
    {"url",
     "virtual_server 198.51.100.1 80 {\n real_server 198.51.100.2 80 {\n HTTP_GET {\n url {\n",
     "}\n }\n }\n}\n",
     "path digest status_code virtualhost regex regex_no_match regex_options "
     "regex_min_offset regex_max_offset regex_stack tls_compliant"},
    {"vrrp_sync_group", "vrrp_sync_group G {\n", "}\n",
     "group{} track_interface{} track_script{} track_process{} track_file{} track_bfd{} "
     "notify_master notify_backup notify_fault notify_stop notify smtp_alert "
     "notify_priority_changes sync_group_tracking_weight global_tracking"},
    {"vrrp_script", "vrrp_script S {\n", "}\n",
     "script interval timeout weight rise fall user init_fail"},
    {"vrrp_track_process", "vrrp_track_process S {\n", "}\n",
     "process param_match weight quorum quorum_max delay fork_delay terminate_delay "
     "full_command"},
    {"vrrp_track_file", "vrrp_track_file S {\n", "}\n", "file weight init_file"},
    {"the top level", "", "",
     "global_defs{} garp_group{} bfd_instance{} static_ipaddress{} static_routes{} "
     "static_rules{} track_group{} interface_up_down_delays{} linkbeat_interfaces{} "
     "linkbeat_use_polling SSL{} virtual_server_group{} vrrp_track_file{} track_file{} "
     "vrrp_track_process{} static_track_group{} net_namespace net_namespace_ipvs "
     "namespace_with_ipsets instance use_pid_dir child_wait_time vrrp_script{} "
     "vrrp_sync_group{}"},
};

std::vector<std::string> words(const std::string& text) {
    std::istringstream input(text);
    std::vector<std::string> all;
    for (std::string word; input >> word;) {
        all.push_back(word);
    }
    return all;
}

std::string statement(std::string keyword) {
    if (!keyword.ends_with("{}")) {
        return keyword + " 1\n";
    }
    keyword.resize(keyword.size() - 2);
    return keyword + " {\n}\n";
}

class KeepalivedKeywords : public testing::TestWithParam<Block> {};

TEST_P(KeepalivedKeywords, AreKnownWhereTheyBelong) {
    const Block& block = GetParam();
    for (const std::string& keyword : words(block.keywords)) {
        const std::string said = messages(load_text(block.begin + statement(keyword) + block.end));
        EXPECT_THAT(said, Not(HasSubstr("unknown keyword"))) << keyword;
    }
}

/// With a value that fits (`keyword 1`), these do what keepalived's documentation says; nothing has
/// to be said about them. Whatever is in none of the lists must be named in a diagnostic.
const std::map<std::string, std::string> kHonoured{
    {"global_defs",
     "enable_script_security router_id script_user vrrp_delay_after_boot vrrp_down_timer_adverts "
     "vrrp_garp_interval vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat "
     "vrrp_garp_master_delay vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat "
     "vrrp_garp_master_repeat vrrp_gna_interval vrrp_rt_priority vrrp_startup_delay"},
    {"vrrp_instance",
     "accept advert_int authentication dont_track_primary down_timer_adverts "
     "garp_lower_prio_delay garp_lower_prio_repeat garp_master_delay garp_master_refresh "
     "garp_master_refresh_repeat garp_master_repeat native_ipv6 no_virtual_ipaddress nopreempt "
     "preempt preempt_delay priority track_file track_interface track_process track_script "
     "virtual_ipaddress_excluded virtual_router_id virtual_routes"},
    {"virtual_server",
     "connect_timeout delay_before_retry delay_loop persistence_granularity persistence_timeout "
     "quorum retry virtualhost warmup weight lvs_sched"},
    {"real_server",
     "TCP_CHECK SMTP_CHECK DNS_CHECK UDP_CHECK PING_CHECK FILE_CHECK connect_timeout "
     "delay_before_retry delay_loop retry uthreshold virtualhost warmup "
     "weight"},
    {"TCP_CHECK", "connect_port connect_timeout delay_before_retry delay_loop retry warmup"},
    {"HTTP_GET",
     "connect_port connect_timeout delay_before_retry delay_loop nb_get_retry retry sni_name url "
     "virtualhost warmup"},
    {"SSL_GET",
     "connect_port connect_timeout delay_before_retry delay_loop nb_get_retry retry sni_name url "
     "virtualhost warmup"},
    {"MISC_CHECK",
     "connect_port connect_timeout delay_before_retry delay_loop misc_path misc_timeout retry user "
     "warmup"},
    {"SMTP_CHECK",
     "connect_port connect_timeout delay_before_retry delay_loop retry warmup helo_name host"},
    {"DNS_CHECK",
     "connect_port connect_timeout delay_before_retry delay_loop retry warmup name type"},
    {"UDP_CHECK",
     "connect_port connect_timeout delay_before_retry delay_loop retry warmup payload "
     "require_reply min_reply_length max_reply_length"},
    {"PING_CHECK", "connect_port connect_timeout delay_before_retry delay_loop retry warmup"},
    {"FILE_CHECK", "track_file weight"},
    {"url", "regex regex_max_offset regex_min_offset virtualhost"},
    {"vrrp_sync_group",
     "notify notify_backup notify_fault notify_master notify_stop sync_group_tracking_weight "
     "track_file track_interface track_process track_script"},
    {"vrrp_script", "fall init_fail interval rise timeout user weight"},
    {"vrrp_track_process",
     "delay fork_delay full_command quorum quorum_max terminate_delay weight"},
    {"vrrp_track_file", "init_file weight"},
    {"the top level", "global_defs"},
};

TEST_P(KeepalivedKeywords, AreNeverIgnoredInSilence) {
    const Block& block = GetParam();
    const auto found = kHonoured.find(block.name);
    const std::vector<std::string> honoured =
        words(found == kHonoured.end() ? std::string() : found->second);
    for (std::string keyword : words(block.keywords)) {
        const std::string said = messages(load_text(block.begin + statement(keyword) + block.end));
        if (keyword.ends_with("{}")) {
            keyword.resize(keyword.size() - 2);
        }
        if (std::ranges::find(honoured, keyword) == honoured.end()) {
            EXPECT_THAT(said, HasSubstr(keyword)) << block.name;
        }
    }
}

std::string name_of(const testing::TestParamInfo<Block>& info) {
    std::string name = info.param.name;
    for (char& c : name) {
        c = c == ' ' ? '_' : c;
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Blocks, KeepalivedKeywords, testing::ValuesIn(kBlocks), name_of);

bool has(const CatalogBlock& block, const std::string& keyword) {
    for (const CatalogEntry& entry : block.entries) {
        if (entry.name == keyword) {
            return true;
        }
    }
    return false;
}

TEST_P(KeepalivedKeywords, AreDescribed) {
    const std::string name = GetParam().name;
    const bool check = name.ends_with("_CHECK") || name.ends_with("_GET");
    const std::vector<CatalogBlock> catalog = keyword_catalog();
    for (std::string keyword : words(GetParam().keywords)) {
        keyword = keyword.substr(0, keyword.find('{'));
        bool described = false;
        for (const CatalogBlock& block : catalog) {
            const bool holds = is_named(block, name) || (check && block.name == "checks") ||
                               "the " + block.name == name;
            described = described || (holds && has(block, keyword));
        }
        EXPECT_TRUE(described) << keyword;
    }
}

}  // namespace
}  // namespace tandem::config::test
