// What the file says, block by block, before references and defaults are resolved. keepalived
// wants some blocks before others; drafts are combined after the whole file is read, so order
// does not matter here.
#pragma once

#include "proxy/config/access_log_draft.hpp"
#include "proxy/config/balance_draft.hpp"
#include "proxy/config/diagnostic.hpp"
#include "proxy/config/environment.hpp"
#include "proxy/config/model.hpp"
#include "proxy/config/syntax.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tandem::config {

using Milliseconds = std::chrono::milliseconds;
using IpAddress = boost::asio::ip::address;

template <class T>
struct Located {
    T value{};
    Position at;
};

/// A command as written.
struct CommandDraft {
    std::string text;
    std::string user;
    std::string group;
    Position at;
};

/// notify_* of an instance or a group; the first of each kind counts.
struct NotifyDraft {
    std::optional<CommandDraft> master;
    std::optional<CommandDraft> backup;
    std::optional<CommandDraft> fault;
    std::optional<CommandDraft> stop;
    std::optional<CommandDraft> master_rx_lower_priority;
    std::optional<CommandDraft> generic;
    std::optional<bool> priority_changes;
};

/// notify_fifo and notify_fifo_script, or the same with vrrp_ in front.
struct FifoDraft {
    std::optional<CommandDraft> path;  ///< the path with user and group
    std::optional<CommandDraft> script;
};

/// garp_* of an instance or vrrp_garp_* of global_defs.
struct AnnounceDraft {
    std::optional<unsigned> repeat;
    std::optional<Milliseconds> delay;
    std::optional<Milliseconds> refresh;
    std::optional<unsigned> refresh_repeat;
    std::optional<unsigned> lower_priority_repeat;
    std::optional<Milliseconds> lower_priority_delay;
};

struct GlobalDraft {
    GlobalSettings settings;
    vrrp::Version version = vrrp::Version::V2;
    AnnounceDraft announce;
    bool single_announcement = false;
    /// vrrp_garp_interval, vrrp_gna_interval.
    std::chrono::microseconds arp_interval{0};
    std::chrono::microseconds advertisement_interval{0};
    unsigned down_timer_adverts = 3;
    bool message_only_checksum = false;
    /// vrrp_strict, when it is on.
    std::optional<Position> strict;
    bool lower_priority_no_advert = false;
    /// keepalived: off. Without the last word of the node that gives way, the one that stays does
    /// not learn that a partition has healed, and its neighbours keep what they heard last.
    bool higher_priority_send_advert = true;
    bool owner_ignores_adverts = false;
    std::chrono::microseconds startup_delay{0};
    std::chrono::microseconds delay_after_boot{0};
    std::optional<Located<IpAddress>> multicast_group4;
    std::optional<Located<IpAddress>> multicast_group6;
    /// script_user, its text is not used.
    std::optional<CommandDraft> script_user;
    bool script_security = false;
    bool notify_priority_changes = false;
    FifoDraft notify_fifo;
    FifoDraft vrrp_notify_fifo;
    AccessLogDraft access_log;
};

struct ScriptDraft {
    /// Without the command and with a timeout of zero when there is none.
    ScriptSettings settings;
    CommandDraft command;
    Position at;
};

struct FileDraft {
    TrackedFileSettings settings;
    Position at;
};

struct ProcessDraft {
    TrackedProcessSettings settings;
    Position at;
};

/// One line of a track_* block.
struct TrackDraft {
    vrrp::TrackKind kind{};
    std::string name;
    std::optional<int> weight;
    std::optional<bool> reverse;
    Position at;
};

struct AddressDraft {
    /// `interface` is empty without `dev`: the instance's interface.
    netlink::VirtualAddress address;
    Position at;
};

struct RouteDraft {
    netlink::VirtualRoute route;
    Position at;
};

struct PeerDraft {
    IpAddress address;
    std::optional<std::uint8_t> min_ttl;
    std::optional<std::uint8_t> max_ttl;
    Position at;
};

/// auth_hmac. The values of keys are secrets: they appear in no message.
struct HmacDraft {
    struct Key {
        std::uint8_t id = 0;
        std::string value;
        Position at;
    };
    Position at;
    std::vector<Key> keys;
    std::optional<Located<std::uint8_t>> active_key;
    std::optional<vrrp::AuthHmacConfig::AntiReplay> anti_replay;
    std::optional<std::chrono::seconds> time_window;
    std::optional<Located<vrrp::AuthHmacConfig::Mode>> mode;
};

struct InstanceDraft {
    std::string name;
    Position at;
    std::string interface;
    Position interface_at;
    std::optional<std::uint8_t> virtual_router_id;
    std::optional<std::uint8_t> priority;
    bool master = false;
    Position state_at;
    std::optional<Located<vrrp::Version>> version;
    Located<std::chrono::microseconds> interval{std::chrono::seconds{1}, {}};
    std::optional<Position> nopreempt;
    std::optional<unsigned> down_timer_adverts;
    std::optional<bool> message_only_checksum;
    std::vector<AddressDraft> addresses;
    std::vector<AddressDraft> excluded;
    std::vector<RouteDraft> routes;
    std::optional<Located<std::string>> auth_type;
    std::optional<Located<std::string>> auth_pass;
    std::optional<Located<IpAddress>> source;
    std::vector<PeerDraft> peers;
    std::optional<Position> peers_at;  ///< of unicast_peer, when there is one
    std::optional<Located<std::uint8_t>> unicast_ttl;
    std::optional<Located<IpAddress>> multicast_group;
    std::optional<HmacDraft> hmac;
    std::optional<Located<std::chrono::microseconds>> preempt_delay;
    std::optional<bool> lower_priority_no_advert;
    std::optional<bool> higher_priority_send_advert;
    std::optional<bool> owner_ignores_adverts;
    /// strict_mode; without it global_defs tells.
    std::optional<Located<bool>> strict;
    AnnounceDraft announce;
    std::optional<std::chrono::seconds> lease;
    std::vector<TrackDraft> tracked;
    bool track_primary = true;
    NotifyDraft notify;
    bool ipv6 = false;  ///< native_ipv6: the family when no address tells it
    bool no_addresses_intended = false;
};

struct GroupDraft {
    std::string name;
    Position at;
    std::vector<Located<std::string>> members;
    bool has_members = false;  ///< there is a group block
    std::vector<TrackDraft> tracked;
    NotifyDraft notify;
    bool tracking_weight = false;
    std::optional<Position> global_tracking;
};

/// Values that a checker inherits: virtual_server, then real_server, then the checker's block.
struct CheckDraft {
    std::optional<Milliseconds> delay_loop;
    std::optional<Milliseconds> connect_timeout;
    std::optional<unsigned> retry;
    std::optional<Milliseconds> delay_before_retry;
    std::optional<Milliseconds> warmup;
    std::optional<bool> alpha;
    std::optional<unsigned> rise;
};

/// One checker of a real_server; what belongs to another kind stays as it is.
/// `host` of SMTP_CHECK.
struct SmtpHostDraft {
    std::optional<Milliseconds> connect_timeout;
    std::optional<IpAddress> connect_ip;
    std::optional<std::uint16_t> connect_port;
    std::optional<Located<IpAddress>> bind_to;
};

struct CheckerDraft {
    /// "TCP_CHECK"…
    std::string kind;
    Position at;
    CheckDraft check;
    std::optional<IpAddress> connect_ip;
    std::optional<std::uint16_t> connect_port;
    std::optional<Located<IpAddress>> bind_to;
    // TCP_CHECK.
    relay::TcpCheck tcp;
    // HTTP_GET, SSL_GET.
    std::vector<relay::UrlCheck> urls;
    unsigned http_version = 10;
    std::optional<std::string> virtual_host;
    std::string tls_name;
    // MISC_CHECK.
    std::optional<CommandDraft> program;
    CommandDraft account;
    std::optional<Milliseconds> timeout;
    bool dynamic = false;
    // SMTP_CHECK.
    relay::SmtpCheck smtp;
    std::vector<SmtpHostDraft> hosts;
    // DNS_CHECK, UDP_CHECK.
    relay::DnsCheck dns;
    relay::UdpCheck udp;
    // FILE_CHECK; the weight is the file's own unless it is given.
    std::optional<Located<std::string>> track_file;
    std::optional<std::int64_t> file_weight;
    bool file_reverse = false;
};

/// What is read before a real_server is chosen.
struct PrereadDraft {
    std::vector<relay::Network> senders;
    bool required = false;
    std::optional<Milliseconds> timeout;
};

struct UpstreamDraft {
    Position at;
    IpAddress address;
    std::optional<std::uint16_t> port;
    std::optional<unsigned> weight;
    UpstreamBalanceDraft balance;
    CheckDraft check;
    std::vector<CheckerDraft> checkers;
    std::optional<std::string> virtual_host;
    std::vector<Located<IpAddress>> sources;
    std::optional<relay::ProxyProtocol> proxy_protocol;
    relay::RouteConfig route;
};

/// One line of a virtual_server_group: an address with a port, or a range of them.
struct ListenerRangeDraft {
    IpAddress first;
    IpAddress last;  ///< of the same family, not below `first`; included
    std::uint16_t port = 0;
    Position at;
};

/// virtual_server_group.
struct ListenerGroupDraft {
    std::string name;
    Position at;
    std::vector<ListenerRangeDraft> ranges;
    /// Addresses in all ranges; bounded when they are read.
    std::size_t size = 0;
};

struct ServiceDraft {
    Position at;
    /// Instead of `listen`: one service for each listener of this group.
    std::string group;
    relay::Endpoint listen;
    /// Of the line with the address.
    Position listen_at;
    CheckDraft check;
    std::optional<std::string> virtual_host;
    ServiceBalanceDraft balance;
    std::string kind;
    bool protocol_given = false;
    bool refused = false;
    std::optional<unsigned> weight;
    std::vector<UpstreamDraft> upstreams;
    std::vector<Located<IpAddress>> sources;
    std::optional<relay::PortRange> source_ports;
    std::optional<Milliseconds> connect_timeout;
    std::optional<Milliseconds> idle_timeout;
    std::optional<Milliseconds> fin_timeout;
    std::optional<unsigned> max_connections;
    relay::LimitsConfig limits;
    AccessLogDraft access_log;
    /// The block stands for one service per port from `listen` to this one.
    std::optional<Located<std::uint16_t>> last_port;
    PrereadDraft preread;
    std::optional<relay::ProxyProtocol> proxy_protocol;
};

struct Drafts {
    GlobalDraft global;
    std::vector<ScriptDraft> scripts;
    std::vector<FileDraft> files;
    std::vector<ProcessDraft> processes;
    std::vector<InstanceDraft> instances;
    std::vector<GroupDraft> groups;
    std::vector<ListenerGroupDraft> listener_groups;
    std::vector<ServiceDraft> services;
};

// Reading: syntax tree → drafts. Each reports what is wrong in its block.
void read_root(Drafts& drafts, const std::vector<Statement>& statements, Reporter& reporter);
void read_global(GlobalDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_script(ScriptDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_track_file(FileDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_track_process(ProcessDraft& draft, const std::vector<Statement>& block,
                        Reporter& reporter);
void read_instance(InstanceDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_group(GroupDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_hmac(HmacDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_listener_group(ListenerGroupDraft& draft, const std::vector<Statement>& block,
                         Reporter& reporter);
/// The address behind; @pre there is one.
IpAddress successor(const IpAddress& address);
/// The lines of a track_* block.
void read_tracked(std::vector<TrackDraft>& tracked, vrrp::TrackKind kind,
                  const std::vector<Statement>& block, Reporter& reporter);
void read_addresses(std::vector<AddressDraft>& addresses, const std::vector<Statement>& block,
                    Reporter& reporter);
void read_routes(std::vector<RouteDraft>& routes, const std::vector<Statement>& block,
                 Reporter& reporter);
struct Value;
void read_accept_proxy(PrereadDraft& draft, const Value& value);
void read_proxy_protocol(std::optional<relay::ProxyProtocol>& version, const Value& value);
void read_server_names(relay::RouteConfig& route, const Value& value);
void read_protocols(relay::RouteConfig& route, const Value& value);
/// @returns nothing when the header is refused; that is reported.
std::optional<ServiceDraft> read_service(const Statement& statement, Reporter& reporter);

/// What the file says wins over what is there.
template <class Target, class Value>
void take(Target& target, const std::optional<Value>& value) {
    if (value) {
        target = *value;
    }
}

/// What building needs beside the drafts.
struct BuildContext {
    const Drafts& drafts;
    Environment& environment;
    Reporter& reporter;
    /// Report what is missing on this host.
    bool check_host = true;
};

class CommandResolver;

/// What vrrp_strict and strict_mode take away is taken from the instances; one note for each that
/// loses or keeps something tells what.
void apply_strict(Drafts& drafts, Reporter& reporter);
bool is_strict(const InstanceDraft& instance, const GlobalDraft& global);

// Building: drafts → model. Resolves references, applies defaults, finds contradictions.
void build_global(Model& model, const BuildContext& context, CommandResolver& commands);
void build_instances(Model& model, const BuildContext& context);
/// The election part of one instance.
InstanceSettings build_instance(const InstanceDraft& draft, const BuildContext& context);
/// Password, or auth_hmac with its keys.
void build_authentication(vrrp::InstanceConfig& election, const InstanceDraft& draft,
                          const BuildContext& context);
/// Sync groups, tracked objects and notify commands; after all instances are in the model.
void build_relations(Model& model, const BuildContext& context, CommandResolver& commands);
/// After the upstreams are in the service.
void build_preread(relay::ServiceConfig& service, const ServiceDraft& draft, Reporter& reporter);
void build_services(Model& model, const Drafts& drafts, CommandResolver& commands,
                    Reporter& reporter);
struct CheckedUpstream {
    const ServiceDraft& service;
    const UpstreamDraft& draft;
    relay::Endpoint endpoint;
    unsigned weight = 1;
    /// Names it in messages.
    std::string label;
};
/// @param drafts for the files that FILE_CHECK names.
std::vector<relay::HealthCheckConfig> build_checks(Model& model, const Drafts& drafts,
                                                   const CheckedUpstream& upstream,
                                                   CommandResolver& commands, Reporter& reporter);
/// Everything about the choice of an upstream; after the service's upstreams are known.
/// @param label names the service in messages.
void build_balance(relay::ServiceConfig& service, const ServiceDraft& draft,
                   const std::string& label, Reporter& reporter);
relay::UpstreamBalance build_upstream_balance(const UpstreamDraft& draft, const std::string& label,
                                              Reporter& reporter);
/// Without a name yet.
std::optional<relay::UpstreamConfig> build_sorry_server(const relay::ServiceConfig& service,
                                                        const ServiceDraft& draft,
                                                        const std::string& label,
                                                        Reporter& reporter);

}  // namespace tandem::config
