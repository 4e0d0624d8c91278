#include "tests/unit/config/print_model.hpp"

#include "proxy/config/value.hpp"

#include <sstream>

namespace tandem::config::test {
namespace {

std::string yes(bool value) {
    return value ? "yes" : "no";
}

std::string seconds(std::chrono::microseconds value) {
    return format_seconds(value) + "s";
}

/// What differs from the defaults.
void print_rules(std::ostream& out, const vrrp::InstanceConfig& c) {
    if (c.preempt_delay.count() != 0 || c.startup_delay.count() != 0) {
        out << "  preempt_delay " << seconds(c.preempt_delay) << " startup_delay "
            << seconds(c.startup_delay) << "\n";
    }
    if (c.lower_priority_no_advert || !c.higher_priority_send_advert || c.owner_ignores_adverts ||
        c.in_sync_group) {
        out << "  rules" << (c.lower_priority_no_advert ? " lower_priority_no_advert" : "")
            << (c.higher_priority_send_advert ? "" : " no_higher_priority_send_advert")
            << (c.owner_ignores_adverts ? " owner_ignores_adverts" : "")
            << (c.in_sync_group ? " in_sync_group" : "") << "\n";
    }
}

/// Sizes of the keys only.
void print_hmac(std::ostream& out, const vrrp::InstanceConfig& c) {
    if (!c.auth_hmac) {
        return;
    }
    const vrrp::AuthHmacConfig& hmac = *c.auth_hmac;
    out << "  auth_hmac active " << int{hmac.active_key} << " anti_replay "
        << static_cast<int>(hmac.anti_replay) << " mode " << static_cast<int>(hmac.mode)
        << " window " << hmac.time_window.count() << "s keys";
    for (const auto& [id, key] : hmac.keys) {
        out << ' ' << int{id} << " of " << key.size() << " bytes";
    }
    out << "\n";
}

void print_election(std::ostream& out, const vrrp::InstanceConfig& c) {
    out << "instance " << c.name << "\n  interface " << c.interface << " version "
        << static_cast<int>(c.version) << " family "
        << (c.family == vrrp::Family::Ipv4 ? "ipv4" : "ipv6") << " vrid "
        << int{c.virtual_router_id} << " priority " << int{c.priority} << "\n  interval "
        << seconds(c.advertisement_interval) << " down_timer_adverts " << c.down_timer_adverts
        << " start_as_active " << yes(c.start_as_active) << " preempt " << yes(c.preempt)
        << " checksum "
        << (c.checksum_form == vrrp::ChecksumForm::PseudoHeader ? "pseudo_header" : "message_only")
        << "\n";
    if (!c.password.empty()) {
        out << "  password " << c.password << "\n";
    }
    if (c.source_address) {
        out << "  source " << c.source_address->to_string() << "\n";
    }
    for (const auto& peer : c.unicast_peers) {
        out << "  peer " << peer.address.to_string() << " ttl " << int{peer.min_ttl} << " to "
            << int{peer.max_ttl} << "\n";
    }
    if (c.unicast_ttl != 255) {
        out << "  unicast_ttl " << int{c.unicast_ttl} << "\n";
    }
    if (c.multicast_group) {
        out << "  group " << c.multicast_group->to_string() << "\n";
    }
    print_rules(out, c);
    print_hmac(out, c);
    for (const auto& address : c.addresses) {
        out << "  advertises " << address.to_string() << "\n";
    }
}

std::string command_of(const Command& command) {
    std::string text;
    for (const std::string& argument : command.arguments) {
        text += '[' + argument + ']';
    }
    return text + " as " + std::to_string(command.uid) + ':' + std::to_string(command.gid);
}

void print_notify(std::ostream& out, const NotifySettings& notify) {
    const auto print = [&](const char* name, const std::optional<Command>& command) {
        if (command) {
            out << "  notify " << name << ' ' << command_of(*command) << "\n";
        }
    };
    print("master", notify.master);
    print("backup", notify.backup);
    print("fault", notify.fault);
    print("stop", notify.stop);
    print("master_rx_lower_priority", notify.master_rx_lower_priority);
    print("generic", notify.generic);
    if (notify.priority_changes) {
        out << "  notify priority_changes\n";
    }
}

void print_route(std::ostream& out, const netlink::VirtualRoute& r) {
    out << "  route type " << static_cast<int>(r.type) << ' ' << r.destination.to_string() << '/'
        << int{r.prefix_length};
    if (r.gateway) {
        out << " via " << r.gateway->to_string();
    }
    if (!r.interface.empty()) {
        out << " dev " << r.interface;
    }
    if (r.source) {
        out << " src " << r.source->to_string();
    }
    out << " table " << r.table << " metric " << r.metric;
    if (r.scope) {
        out << " scope " << int{*r.scope};
    }
    out << (r.onlink ? " onlink" : "") << "\n";
}

const char* name_of(vrrp::TrackKind kind) {
    constexpr const char* kNames[] = {"interface", "script", "file", "process"};
    return kNames[static_cast<std::size_t>(kind)];
}

void print_instance(std::ostream& out, const InstanceSettings& s) {
    print_election(out, s.election);
    for (const auto& a : s.addresses) {
        out << "  address " << a.address.to_string() << '/' << int{a.prefix_length} << " dev "
            << a.interface << " scope " << int{a.scope};
        if (!a.label.empty()) {
            out << " label " << a.label;
        }
        if (a.broadcast) {
            out << " broadcast " << a.broadcast->to_string();
        }
        out << (a.duplicate_address_detection ? " dad" : "") << "\n";
    }
    out << "  announce " << s.announce.repeat << " again after "
        << seconds(s.announce.second_burst_delay) << " refresh " << seconds(s.announce.refresh)
        << " repeat " << s.announce.refresh_repeat << "\n  lease " << s.lease.count() << "s\n";
    if (s.announce.lower_priority_repeat || s.announce.lower_priority_delay) {
        out << "  announce lower priority "
            << s.announce.lower_priority_repeat.value_or(s.announce.repeat) << " again after "
            << seconds(s.announce.lower_priority_delay.value_or(s.announce.second_burst_delay))
            << "\n";
    }
    if (s.announce.arp_interval.count() != 0 || s.announce.advertisement_interval.count() != 0) {
        out << "  announce spaced " << seconds(s.announce.arp_interval) << ' '
            << seconds(s.announce.advertisement_interval) << "\n";
    }
    for (const auto& route : s.routes) {
        print_route(out, route);
    }
    for (const auto& tracked : s.tracked) {
        out << "  tracks " << name_of(tracked.kind) << ' ' << tracked.name << " weight "
            << tracked.weight << (tracked.reverse ? " reverse" : "") << "\n";
    }
    if (!s.track_primary) {
        out << "  own link not tracked\n";
    }
    print_notify(out, s.notify);
}

void print_objects(std::ostream& out, const Model& model) {
    for (const auto& s : model.scripts) {
        out << "script " << s.name << ' ' << command_of(s.command) << " interval "
            << seconds(s.interval) << " timeout " << seconds(s.timeout) << " weight " << s.weight
            << " reverse " << yes(s.reverse) << " rise " << s.rise << " fall " << s.fall
            << " init_fail " << yes(s.init_fail) << "\n";
    }
    for (const auto& f : model.files) {
        out << "file " << f.name << ' ' << f.path << " weight " << f.weight
            << (f.reverse ? " reverse" : "") << " initial "
            << (f.initial_value ? std::to_string(*f.initial_value) : "-")
            << (f.overwrite ? " overwrite" : "") << "\n";
    }
    for (const auto& p : model.processes) {
        out << "process " << p.name << ' ';
        for (const auto& word : p.command) {
            out << '[' << word << ']';
        }
        out << " match " << static_cast<int>(p.match) << (p.full_command ? " full_command" : "")
            << " weight " << p.weight << (p.reverse ? " reverse" : "") << " quorum " << p.quorum
            << " to " << (p.quorum_max ? std::to_string(*p.quorum_max) : "any") << " delays "
            << seconds(p.fork_delay) << ' ' << seconds(p.terminate_delay) << "\n";
    }
    for (const auto& p : model.check_programs) {
        out << "check program " << command_of(p) << "\n";
    }
    for (const auto& f : model.global.notify_fifos) {
        out << "fifo " << f.path << " of " << f.uid << ':' << f.gid << ' '
            << (f.script ? command_of(*f.script) : "-") << "\n";
    }
}

struct WhatPrinter {
    std::ostream& out;
    void operator()(const relay::TcpCheck& tcp) const {
        if (!tcp.send.empty() || !tcp.expect.empty()) {
            out << "      send " << tcp.send.size() << " bytes expect " << tcp.expect << "\n";
        }
    }
    void operator()(const relay::HttpCheck& http) const {
        for (const auto& url : http.urls) {
            out << "      " << (http.tls ? "https" : "http") << ' ' << http.version << ' '
                << url.path << " host " << url.virtual_host;
            if (!http.tls_name.empty()) {
                out << " name " << http.tls_name;
            }
            out << " status";
            for (const auto& range : url.statuses) {
                out << ' ' << range.first << '-' << range.last;
            }
            out << " digest " << url.digest << " regex " << url.regex.text;
            print_options(url.regex);
            out << "\n";
        }
    }
    void print_options(const relay::BodyRegex& regex) const {
        out << (regex.must_not_match ? " not" : "") << (regex.ignores_case ? " caseless" : "")
            << (regex.dot_matches_newline ? " dotall" : "") << (regex.multiline ? " multiline" : "")
            << (regex.extended ? " extended" : "")
            << (regex.dollar_end_only ? " dollar_endonly" : "");
        if (regex.min_offset != 0 || regex.max_offset) {
            out << " from " << regex.min_offset << " to ";
            regex.max_offset ? out << *regex.max_offset : out << "end";
        }
    }
    void operator()(const relay::ProgramCheck& program) const {
        out << "      program " << program.program << " timeout " << seconds(program.timeout)
            << (program.sets_weight ? " dynamic" : "") << "\n";
    }
    void operator()(const relay::SmtpCheck& smtp) const {
        out << "      smtp helo " << smtp.helo_name << "\n";
    }
    void operator()(const relay::DnsCheck& dns) const {
        out << "      dns type " << dns.type << " name " << dns.name << "\n";
    }
    void operator()(const relay::UdpCheck& udp) const {
        out << "      udp payload " << hex(udp.payload);
        if (udp.requires_reply) {
            out << " reply " << hex(udp.reply) << " mask " << hex(udp.reply_mask) << " of "
                << udp.min_reply_length << " to " << udp.max_reply_length;
        }
        out << "\n";
    }
    void operator()(const relay::PingCheck& /*ping*/) const { out << "      ping\n"; }
    void operator()(const relay::FileCheck& file) const {
        out << "      file " << file.path << " weight " << file.weight
            << (file.reverse ? " reverse" : "") << " added to " << file.base_weight << "\n";
    }
    static std::string hex(const std::string& bytes) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        std::string text;
        for (const char byte : bytes) {
            const auto number = static_cast<unsigned char>(byte);
            text += kDigits[number >> 4U];
            text += kDigits[number & 15U];
        }
        return text.empty() ? "-" : text;
    }
};

void print_check(std::ostream& out, const relay::HealthCheckConfig& c) {
    out << "    check interval " << seconds(c.interval) << " timeout " << seconds(c.connect_timeout)
        << " retries " << c.retries << " delay " << seconds(c.delay_before_retry) << " warmup "
        << seconds(c.warmup) << " start_down " << yes(c.start_down);
    if (c.rise != 1) {
        out << " rise " << c.rise;
    }
    if (c.target) {
        out << " target " << c.target->address().to_string() << ' ' << c.target->port();
    }
    if (c.source) {
        out << " from " << c.source->to_string();
    }
    out << "\n";
    std::visit(WhatPrinter{out}, c.what);
}

std::string print_sources(const std::vector<relay::IpAddress>& sources) {
    std::string text;
    for (const auto& source : sources) {
        text += ' ' + source.to_string();
    }
    return text.empty() ? " -" : text;
}

void print_keepalive(std::ostream& out, const char* name,
                     const std::optional<relay::KeepaliveConfig>& keepalive) {
    out << ' ' << name << ' ';
    if (!keepalive) {
        out << "off";
        return;
    }
    out << keepalive->idle.count() << ' ' << keepalive->interval.count() << ' ' << keepalive->count;
}

/// Only what is not as usual: most services have no limits.
void print_limits(std::ostream& out, const relay::LimitsConfig& l) {
    for (const relay::AccessRule& rule : l.access) {
        out << "  " << (rule.allow ? "allow " : "deny ") << rule.network.to_string() << '/'
            << rule.prefix_length << "\n";
    }
    const auto line = [&out](const char* name, auto value) {
        if (value != 0) {
            out << "  " << name << ' ' << value << "\n";
        }
    };
    if (l.client_prefix_v4 != 32 || l.client_prefix_v6 != 64) {
        out << "  client_prefix " << l.client_prefix_v4 << ' ' << l.client_prefix_v6 << "\n";
    }
    line("max_connections_per_client", l.max_connections_per_client);
    line("max_client_connection_rate", l.max_client_connection_rate);
    line("max_connection_rate", l.max_connection_rate);
    line("download_rate", l.download_rate);
    line("upload_rate", l.upload_rate);
    line("first_byte_timeout_ms", l.first_byte_timeout.count());
    line("max_lifetime_ms", l.max_lifetime.count());
    const relay::SocketLimits& sockets = l.sockets;
    const relay::KeepaliveConfig usual;
    const bool client_usual = sockets.keepalive && sockets.keepalive->idle == usual.idle &&
                              sockets.keepalive->interval == usual.interval &&
                              sockets.keepalive->count == usual.count;
    if (!client_usual || sockets.upstream_keepalive || sockets.user_timeout.count() != 0) {
        out << "  sockets";
        print_keepalive(out, "keepalive", sockets.keepalive);
        print_keepalive(out, "upstream_keepalive", sockets.upstream_keepalive);
        out << " user_timeout_ms " << sockets.user_timeout.count() << "\n";
    }
}

/// Only where there is one.
void print_access_log(std::ostream& out, const relay::AccessLogConfig& log) {
    if (log.enabled()) {
        out << "  access_log "
            << (log.target == relay::AccessLogConfig::Target::File ? log.file : "syslog")
            << (log.format == relay::AccessLogConfig::Format::Json ? " json" : " text") << "\n";
    }
}

const char* name_of(relay::Algorithm algorithm) {
    constexpr const char* kNames[] = {"rr", "wrr", "lc",  "wlc", "hash",
                                      "fo", "ovf", "sed", "nq",  "twos"};
    return kNames[static_cast<std::size_t>(algorithm)];
}

/// What differs from the defaults.
void print_balance(std::ostream& out, const relay::ServiceBalance& b) {
    const relay::ServiceBalance d;
    std::ostringstream line;
    const auto print = [&line](const char* name, const auto& value, const auto& usual) {
        if (value != usual) {
            line << ' ' << name << ' ' << value;
        }
    };
    print("quorum", b.quorum, d.quorum);
    print("hysteresis", b.hysteresis, d.hysteresis);
    print("panic", b.panic_threshold, d.panic_threshold);
    print("persistence", b.persistence_timeout.count(), 0);
    print("bits_v4", b.client_bits_v4, d.client_bits_v4);
    print("bits_v6", b.client_bits_v6, d.client_bits_v6);
    print("slow_start_ms", b.slow_start.count(), 0);
    print("max_fails", b.max_fails, d.max_fails);
    print("fail_timeout_ms", b.fail_timeout.count(), d.fail_timeout.count());
    print("queue", b.queue_limit, d.queue_limit);
    print("queue_timeout_ms", b.queue_timeout.count(), d.queue_timeout.count());
    if (b.retries) {
        line << " retries " << *b.retries;
    }
    if (!line.str().empty()) {
        out << "  balance" << line.str() << "\n";
    }
}

void print_balance(std::ostream& out, const relay::UpstreamBalance& b) {
    out << (b.role == relay::UpstreamRole::Backup  ? " backup"
            : b.role == relay::UpstreamRole::Sorry ? " sorry"
                                                   : "");
    out << (b.reset_on_down ? " reset_on_down" : "");
    if (b.upper_threshold != 0) {
        out << " thresholds " << b.lower_threshold << " to " << b.upper_threshold;
    }
}

const char* version(relay::ProxyProtocol protocol) {
    return protocol == relay::ProxyProtocol::V1 ? "v1" : "v2";
}

void print_preread(std::ostream& out, const relay::PrereadConfig& p) {
    if (p.timeout != relay::PrereadConfig{}.timeout) {
        out << "  preread timeout " << seconds(p.timeout) << "\n";
    }
    if (!p.proxy_senders.empty()) {
        out << "  proxy senders";
        for (const auto& network : p.proxy_senders) {
            out << ' ' << network.address.to_string() << '/' << network.prefix_length;
        }
        out << " required " << yes(p.proxy_required) << "\n";
    }
}

void print_route(std::ostream& out, const relay::RouteConfig& route) {
    for (const auto& name : route.server_names) {
        out << "    sni " << name << "\n";
    }
    for (const auto& protocol : route.protocols) {
        out << "    alpn " << protocol << "\n";
    }
}

void print_service(std::ostream& out, const relay::ServiceConfig& s) {
    out << "service " << s.name << "\n  listen " << s.listen.address().to_string() << ' '
        << s.listen.port() << " instance " << (s.instance.empty() ? "-" : s.instance) << " source"
        << print_sources(s.source_addresses) << " ports " << s.source_ports.first << '-'
        << s.source_ports.last << " algorithm " << name_of(s.algorithm) << "\n  connect "
        << seconds(s.connect_timeout) << " idle " << seconds(s.idle_timeout) << " fin "
        << seconds(s.fin_timeout) << " max_connections " << s.max_connections << "\n";
    print_balance(out, s.balance);
    print_limits(out, s.limits);
    print_access_log(out, s.access_log);
    print_preread(out, s.preread);
    for (const auto& u : s.upstreams) {
        out << "  upstream " << u.name << " to " << u.endpoint.address().to_string() << ' '
            << u.endpoint.port() << " weight " << u.weight;
        print_balance(out, u.balance);
        if (!u.source_addresses.empty()) {
            out << " source" << print_sources(u.source_addresses);
        }
        out << "\n";
        if (u.proxy_protocol != relay::ProxyProtocol::Off) {
            out << "    proxy_protocol " << version(u.proxy_protocol) << "\n";
        }
        print_route(out, u.route);
        for (const auto& check : u.checks) {
            print_check(out, check);
        }
    }
}

}  // namespace

std::string print_model(const Model& model) {
    std::ostringstream out;
    out << "global router_id " << model.global.router_id << " workers " << model.global.workers
        << " max_connections " << model.global.max_connections << " realtime_priority "
        << model.global.realtime_priority << "\n";
    if (model.global.buffer_memory != 0) {
        out << "global buffer_memory " << model.global.buffer_memory << "\n";
    }
    if (model.global.realtime_limit.count() != 0) {
        out << "global realtime_limit " << seconds(model.global.realtime_limit) << "\n";
    }
    print_objects(out, model);
    for (const auto& instance : model.instances) {
        print_instance(out, instance);
    }
    for (const auto& group : model.groups) {
        out << "group " << group.name;
        for (const auto& member : group.members) {
            out << ' ' << member;
        }
        out << "\n";
        print_notify(out, group.notify);
    }
    for (const auto& service : model.services) {
        print_service(out, service);
    }
    return out.str();
}

}  // namespace tandem::config::test
