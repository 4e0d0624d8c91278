#include "proxy/config/keyword_texts.hpp"

namespace tandem::config {
namespace {

constexpr auto kTandem = Origin::Tandem;

constexpr KeywordText kAnywhere[] = {
    {"include", "FILE", "",
     "Reads FILE here, or all files of a pattern such as conf.d/*.conf. A file that is not there "
     "is a warning; a pattern may match nothing."},
    {"includer", "FILE", "", "As include; every file must be readable, or nothing runs."},
    {"includem", "FILE", "", "As include; something must match."},
    {"includew", "FILE", "", "As include; every pattern with a wildcard must match."},
    {"includeb", "FILE", "", "As include; every alternative of {A,B} must match."},
    {"includea", "FILE", "", "All demands of the other four."},
};

constexpr KeywordText kRoot[] = {
    {"global_defs", "{ ... }", "", "Settings of the whole node, and defaults for the instances."},
    {"vrrp_instance", "NAME { ... }", "",
     "One virtual router: addresses that one node of the pair has at a time."},
    {"vrrp_sync_group", "NAME { ... }", "", "Instances that are active together, or not at all."},
    {"vrrp_script", "NAME { ... }", "", "A program whose exit code instances can track."},
    {"track_file", "NAME { ... }", "", "A file whose number instances can track."},
    {"vrrp_track_file", "NAME { ... }", "", "An older name of track_file."},
    {"vrrp_track_process", "NAME { ... }", "",
     "Processes that must run, which instances can track."},
    {"virtual_server", "ADDRESS PORT { ... } | group NAME { ... }", "",
     "A service: what is accepted on this address and port is relayed to its real_servers. "
     "virtual_server fwmark N is refused: tandem listens on addresses, not on marks of the "
     "firewall."},
    {"virtual_server_group", "NAME { ... }", "",
     "Addresses and ports, one line each (ADDRESS[-LAST] PORT), for one virtual_server: a service "
     "for each of them."},
};

constexpr KeywordText kGlobal[] = {
    {"router_id", "NAME", "the host's name", "A label for people; nothing depends on it."},
    {"workers", "", "0", "Threads that relay. 0: one for each processor.", kTandem},
    {"max_connections", "", "0",
     "Relayed connections at once, of all services. 0: as many as the limit of descriptors allows.",
     kTandem},
    {"buffer_memory", "SIZE", "a quarter of the memory",
     "Bytes of buffers of all connections together, 1m to 1024g. At the limit reading pauses.",
     kTandem},
    {"access_log", "FILE|syslog|off", "off",
     "One line for each connection when it is over, for every service that does not say otherwise.",
     kTandem},
    {"access_log_format", "text|json", "text", "Form of the access log.", kTandem},
    {"vrrp_rt_priority", "", "1", "Real-time priority (SCHED_RR) of the election thread."},
    {"vrrp_version", "", "2",
     "VRRP version of instances that do not say otherwise. IPv6 is always version 3."},
    {"vrrp_garp_master_delay", "", "5", "Default of garp_master_delay."},
    {"vrrp_garp_master_repeat", "", "5", "Default of garp_master_repeat."},
    {"vrrp_garp_master_refresh", "", "0", "Default of garp_master_refresh."},
    {"vrrp_garp_master_refresh_repeat", "", "1", "Default of garp_master_refresh_repeat."},
    {"vrrp_garp_lower_prio_delay", "", "as vrrp_garp_master_delay",
     "Default of garp_lower_prio_delay."},
    {"vrrp_garp_lower_prio_repeat", "", "as vrrp_garp_master_repeat",
     "Default of garp_lower_prio_repeat."},
    {"vrrp_min_garp", "", "off",
     "One announcement for each address instead of two bursts, where nothing else is configured."},
    {"vrrp_garp_interval", "", "0",
     "Least time between two gratuitous ARP frames on an interface."},
    {"vrrp_gna_interval", "", "0",
     "Least time between two unsolicited neighbour advertisements on an interface."},
    {"vrrp_down_timer_adverts", "", "3", "Default of down_timer_adverts."},
    {"v3_checksum_as_v2", "", "off", "Default of v3_checksum_as_v2 in vrrp_instance."},
    {"vrrp_lower_prio_no_advert", "", "off", "Default of lower_prio_no_advert."},
    {"vrrp_higher_prio_send_advert", "", "on",
     "Default of higher_prio_send_advert. On, unlike in keepalived: without the last word of the "
     "node that gives way, the one that stays does not learn that a partition has healed."},
    {"vrrp_owner_ignore_adverts", "", "off", "Default of owner_ignore_adverts."},
    {"vrrp_startup_delay", "", "0",
     "After the start advertisements are ignored for so long, and the first wait begins only "
     "then."},
    {"vrrp_delay_after_boot", "", "0",
     "The same, counted from the boot of the host; nothing when that was longer ago."},
    {"vrrp_mcast_group4", "", "224.0.0.18", "Multicast group of IPv4 advertisements."},
    {"vrrp_mcast_group6", "", "ff02::12", "Multicast group of IPv6 advertisements."},
    {"vrrp_rlimit_rttime", "MICROSECONDS", "no limit",
     "Processor time that the election thread may use without waiting, before the kernel ends the "
     "process."},
    {"vrrp_strict", "", "off",
     "As far as it shows on the wire: see what tandemd -t says. Accept mode stays on: a proxy must "
     "answer on its virtual address."},
    {"script_user", "USER [GROUP]", "keepalived_script, else root",
     "Who runs scripts that do not name a user."},
    {"enable_script_security", "", "off",
     "Scripts that somebody other than root could change are not run."},
    {"vrrp_notify_priority_changes", "", "off", "Default of notify_priority_changes."},
    {"notify_fifo", "PATH [USER [GROUP]]", "none",
     "A FIFO that gets a line for every change of an instance or a group."},
    {"notify_fifo_script", "\"PROGRAM ARGUMENTS\"", "none",
     "Reads notify_fifo; started with the path as its last argument, and again when it ends."},
    {"vrrp_notify_fifo", "PATH [USER [GROUP]]", "none", "As notify_fifo; both get every line."},
    {"vrrp_notify_fifo_script", "\"PROGRAM ARGUMENTS\"", "none", "Reads vrrp_notify_fifo."},
};

constexpr KeywordText kScript[] = {
    {"script", "\"PROGRAM ARGUMENTS\"", "",
     "What is run, without a shell; exit code 0 is well. Required."},
    {"interval", "", "1", "From one start to the next."},
    {"timeout", "", "as interval", "After so long the program is ended, and it counts as failed."},
    {"weight", "NUMBER [reverse]", "0",
     "What the result adds to the priority. Positive: while it is well; negative: while it fails. "
     "0: a failure is a fault of the instance."},
    {"rise", "", "1", "Successes in a row until it counts as well."},
    {"fall", "", "1", "Failures in a row until it counts as failed."},
    {"user", "USER [GROUP]", "script_user", "Who runs it."},
    {"init_fail", "", "off", "Failed until the first success."},
};

constexpr KeywordText kFile[] = {
    {"file", "PATH", "", "The file; the first number in it counts, a missing file is 0. Required."},
    {"weight", "NUMBER [reverse]", "1",
     "The number times this is added to the priority. 0: any number but 0 is a fault of the "
     "instance."},
    {"init_file", "[NUMBER] [overwrite]", "not created",
     "Creates the file with this number if it does not exist, or in any case."},
};

constexpr KeywordText kProcess[] = {
    {"process", "NAME [PARAMETER...]", "",
     "Name (the kernel's, 15 bytes) or path of the processes that are counted. With parameters "
     "these must be equal, too. Required."},
    {"param_match", "initial|partial", "all are equal",
     "partial: these parameters first, others may follow. initial: the last one may go on."},
    {"weight", "NUMBER [reverse]", "0", "As in vrrp_script."},
    {"quorum", "", "1", "So many must run."},
    {"quorum_max", "", "no limit", "And no more than so many."},
    {"fork_delay", "", "0", "How long there must be enough before it counts."},
    {"terminate_delay", "", "0", "How long there must be too few before it counts."},
    {"delay", "", "0", "Both delays at once."},
    {"full_command", "", "off",
     "Compares the whole path of the command instead of the kernel's name."},
};

constexpr BlockText kBlocks[] = {
    {"any line", kAnywhere},
    {"top level", kRoot},
    {"global_defs", kGlobal},
    {"vrrp_script", kScript},
    {"track_file, vrrp_track_file", kFile},
    {"vrrp_track_process", kProcess},
};

}  // namespace

std::span<const BlockText> general_texts() {
    return kBlocks;
}

}  // namespace tandem::config
