// What the file says, block by block, before references and defaults are resolved. keepalived
// wants some blocks before others; drafts are combined after the whole file is read, so order
// does not matter here.
#pragma once

#include "proxy/config/diagnostic.hpp"
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

/// garp_* of an instance or vrrp_garp_* of global_defs.
struct AnnounceDraft {
    std::optional<unsigned> repeat;
    std::optional<Milliseconds> delay;
    std::optional<Milliseconds> refresh;
    std::optional<unsigned> refresh_repeat;
};

struct GlobalDraft {
    GlobalSettings settings;
    vrrp::Version version = vrrp::Version::V2;
    AnnounceDraft announce;
    bool single_announcement = false;
    unsigned down_timer_adverts = 3;
    bool message_only_checksum = false;
    std::string script_user;
};

struct ScriptDraft {
    ScriptSettings settings;
    Position at;
};

struct AddressDraft {
    /// `interface` is empty without `dev`: the instance's interface.
    netlink::VirtualAddress address;
    Position at;
};

template <class T>
struct Located {
    T value{};
    Position at;
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
    std::optional<Located<std::string>> auth_type;
    std::optional<Located<std::string>> auth_pass;
    std::optional<Located<IpAddress>> source;
    std::vector<Located<IpAddress>> peers;
    std::optional<Position> peers_at;  ///< of unicast_peer, when there is one
    AnnounceDraft announce;
    std::optional<std::chrono::seconds> lease;
    std::vector<Located<TrackedScript>> scripts;
    std::vector<Located<TrackedInterface>> interfaces;
    bool ipv6 = false;  ///< native_ipv6: the family when no address tells it
    bool no_addresses_intended = false;
};

/// Values that a checker inherits: virtual_server, then real_server, then the checker's block.
struct CheckDraft {
    std::optional<Milliseconds> delay_loop;
    std::optional<Milliseconds> connect_timeout;
    std::optional<unsigned> retry;
    std::optional<Milliseconds> delay_before_retry;
    std::optional<Milliseconds> warmup;
    std::optional<bool> alpha;
};

struct CheckerDraft {
    CheckDraft check;
    std::optional<IpAddress> connect_ip;
    std::optional<std::uint16_t> connect_port;
    bool http = false;
};

struct UpstreamDraft {
    Position at;
    IpAddress address;
    std::optional<std::uint16_t> port;
    std::optional<unsigned> weight;
    CheckDraft check;
    std::optional<CheckerDraft> checker;
};

struct ServiceDraft {
    Position at;
    relay::Endpoint listen;
    CheckDraft check;
    std::optional<Located<std::string>> algorithm;
    std::string kind;
    bool protocol_given = false;
    bool refused = false;
    std::optional<unsigned> weight;
    std::vector<UpstreamDraft> upstreams;
    std::optional<Located<IpAddress>> source;
    std::optional<Milliseconds> connect_timeout;
    std::optional<Milliseconds> idle_timeout;
    std::optional<Milliseconds> fin_timeout;
    std::optional<unsigned> max_connections;
};

struct Drafts {
    GlobalDraft global;
    std::vector<ScriptDraft> scripts;
    std::vector<InstanceDraft> instances;
    std::vector<ServiceDraft> services;
};

// Reading: syntax tree → drafts. Each reports what is wrong in its block.
void read_root(Drafts& drafts, const std::vector<Statement>& statements, Reporter& reporter);
void read_global(GlobalDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_script(ScriptDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_instance(InstanceDraft& draft, const std::vector<Statement>& block, Reporter& reporter);
void read_addresses(std::vector<AddressDraft>& addresses, const std::vector<Statement>& block,
                    Reporter& reporter);
/// @returns nothing when the header is refused; that is reported.
std::optional<ServiceDraft> read_service(const Statement& statement, Reporter& reporter);

// Building: drafts → model. Resolves references, applies defaults, finds contradictions.
void build_instances(Model& model, const Drafts& drafts, Reporter& reporter);
void build_services(Model& model, const Drafts& drafts, Reporter& reporter);

}  // namespace tandem::config
