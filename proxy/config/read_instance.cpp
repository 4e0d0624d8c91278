#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"

#include <utility>

namespace tandem::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestInterface = 15;

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

void read_authentication(InstanceDraft& instance, const Value& value) {
    constexpr Keyword<InstanceDraft> kKeywords[] = {
        {"auth_type", word(),
         [](InstanceDraft& i, const Value& v) {
             i.auth_type = Located<std::string>{v.word, v.at};
         }},
        {"auth_pass", word(),
         [](InstanceDraft& i, const Value& v) {
             i.auth_pass = Located<std::string>{v.word, v.at};
         }},
    };
    constexpr Unused kUnused[] = {{Treatment::Note, "has no effect", "", "auth_hmac"}};
    read_block(instance, value.statement.block, "in authentication", kKeywords, kUnused,
               value.reporter);
}

/// min_ttl N, max_ttl N. Anything else is probably a second address.
void check_peer_options(const Statement& line, Reporter& reporter) {
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
        reporter.note(option.at, "'" + option.text + "' has no effect in this version");
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
        check_peer_options(line, value.reporter);
        instance.peers.push_back({*peer, line.keyword.at});
    }
}

/// The words after a tracked name.
struct TrackOptions {
    std::optional<int> weight;
    bool reverse = false;
};

/// weight W [reverse|noreverse].
TrackOptions read_track_options(const Statement& line, Reporter& reporter) {
    TrackOptions options;
    for (std::size_t i = 0; i < line.arguments.size(); ++i) {
        const Word& option = line.arguments[i];
        if (option.text == "weight" && i + 1 < line.arguments.size()) {
            const auto number = parse_integer(line.arguments[++i].text);
            if (!number || *number < -253 || *number > 253) {
                reporter.error(
                    line.arguments[i].at,
                    "weight '" + line.arguments[i].text + "' is not possible and is ignored",
                    "allowed: -253 to 253");
                continue;
            }
            options.weight = static_cast<int>(*number);
        } else if (option.text == "reverse" || option.text == "noreverse") {
            options.reverse = option.text == "reverse";
        } else {
            reporter.error(option.at, "unknown option '" + option.text + "' is ignored",
                           "write NAME weight NUMBER");
        }
    }
    return options;
}

void read_tracked_scripts(InstanceDraft& instance, const Value& value) {
    value.reporter.warning(value.statement.keyword.at,
                           "'track_script' is not applied in this version: the scripts are not "
                           "run and do not change who is active");
    for (const Statement& line : value.statement.block) {
        if (!line.ignored) {
            instance.scripts.push_back(
                {{line.keyword.text, read_track_options(line, value.reporter).weight},
                 line.keyword.at});
        }
    }
}

void read_tracked_interfaces(InstanceDraft& instance, const Value& value) {
    for (const Statement& line : value.statement.block) {
        if (line.ignored) {
            continue;
        }
        const Word& name = line.keyword;
        const TrackOptions options = read_track_options(line, value.reporter);
        if (name.text.size() > kLongestInterface) {
            value.reporter.error(name.at,
                                 "'" + name.text + "' is no interface name; the line is ignored",
                                 "interface names have at most 15 characters");
        } else if (options.weight.value_or(0) != 0 || options.reverse) {
            value.reporter.warning(name.at,
                                   "the weight of tracked interface " + name.text +
                                       " is not applied in this version; the line is ignored",
                                   "without a weight the instance fails when the interface does");
        } else {
            instance.interfaces.push_back({{name.text, 0}, name.at});
        }
    }
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
    {"vip_lease", integer(0, 86400),
     [](InstanceDraft& i, const Value& v) { i.lease = std::chrono::seconds{v.integer}; }},
    {"track_script", block(), read_tracked_scripts},
    {"track_interface", block(), read_tracked_interfaces},
    {"native_ipv6", flag(), [](InstanceDraft& i, const Value&) { i.ipv6 = true; }},
    {"accept", flag(), [](InstanceDraft&, const Value&) { /* always on */ }},
};

constexpr Unused kUnused[] = {
    {Treatment::Warning, "is ignored: a proxy must answer on its virtual address", "remove it",
     "no_accept"},
    {Treatment::Note,
     "does not turn accept mode off here: a proxy must answer on its virtual address", "",
     "strict_mode"},
    {Treatment::Warning,
     "is ignored: virtual addresses use the MAC address of the interface and are announced with "
     "gratuitous ARP",
     "remove it", "use_vmac vmac_xmit_base use_vmac_addr use_ipvlan"},
    {Treatment::Warning, "has no effect in this version: a higher priority preempts at once", "",
     "preempt_delay"},
    {Treatment::Warning, "is not supported: advertisements are sent without it", "", "auth_hmac"},
    {Treatment::Warning, "has no effect: advertisements use the standard group in this version", "",
     "mcast_dst_ip"},
    {Treatment::Warning, "is not run in this version", "",
     "notify notify_master notify_backup notify_fault notify_stop notify_deleted "
     "notify_master_rx_lower_pri notify_priority_changes"},
    {Treatment::Note, "has no effect: tandem sends no mail in this version", "", "smtp_alert"},
    {Treatment::Warning, "has no effect in this version: routes and rules are not moved", "",
     "virtual_routes virtual_rules"},
    {Treatment::Warning, "is not applied in this version: it does not change who is active", "",
     "track_process track_file track_bfd track_src_ip dont_track_primary unicast_fault_no_peer "
     "lower_prio_no_advert higher_prio_send_advert owner_ignore_adverts timer_expired_backup "
     "linkbeat_use_polling"},
    {Treatment::Note,
     "is always on and stricter here: advertisements are accepted only from the listed peers", "",
     "check_unicast_src"},
    {Treatment::Note, "has no effect in this version", "",
     "unicast_ttl old_unicast_checksum skip_check_adv_addr promote_secondaries "
     "debug kernel_rx_buf_size garp_lower_prio_delay garp_lower_prio_repeat garp_extra_if vrf"},
    {Treatment::Note, "has no effect: connections are relayed in user space, IPVS is not used", "",
     "lvs_sync_daemon_interface lvs_sync_daemon_inteface"},
};

constexpr auto kLongestDuration = std::chrono::hours{24 * 31};

/// Words after the command are lost in keepalived without a message.
void read_command(ScriptDraft& script, const Value& value) {
    script.settings.command = value.word;
    const auto words = split_script_words(value.statement.rest);
    if (words && words->size() > 1) {
        value.reporter.warning((*words)[1].at,
                               "only '" + value.word + "' is the command; the rest is ignored",
                               "put the command and its arguments in double quotes");
    }
}

constexpr Keyword<ScriptDraft> kScriptKeywords[] = {
    {"script", script(), read_command},
    {"interval", duration(1us, kLongestDuration),
     [](ScriptDraft& s, const Value& v) { s.settings.interval = v.duration; }},
    {"timeout", duration(0us, kLongestDuration),
     [](ScriptDraft& s, const Value& v) { s.settings.timeout = v.duration; }},
    {"weight", integer(-253, 253),
     [](ScriptDraft& s, const Value& v) {
         s.settings.weight = static_cast<int>(v.integer);
         s.settings.reverse =
             v.statement.arguments.size() > 1 && v.statement.arguments[1].text == "reverse";
     }},
    {"rise", integer(1, 1'000'000),
     [](ScriptDraft& s, const Value& v) { s.settings.rise = static_cast<unsigned>(v.integer); }},
    {"fall", integer(1, 1'000'000),
     [](ScriptDraft& s, const Value& v) { s.settings.fall = static_cast<unsigned>(v.integer); }},
    {"user", word(), [](ScriptDraft& s, const Value& v) { s.settings.user = v.word; }},
    {"init_fail", flag(), [](ScriptDraft& s, const Value&) { s.settings.init_fail = true; }},
};

constexpr Unused kScriptUnused[] = {{Treatment::Note, "has no effect", "", "debug"}};

}  // namespace

void read_instance(InstanceDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    read_block(draft, block, "in vrrp_instance", kKeywords, kUnused, reporter);
}

void read_script(ScriptDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    read_block(draft, block, "in vrrp_script", kScriptKeywords, kScriptUnused, reporter);
}

}  // namespace tandem::config
