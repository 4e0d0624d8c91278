#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

/// Name of a block; empty and a diagnostic when it has none.
std::string block_name(const Value& value) {
    if (value.word.empty()) {
        value.reporter.error(value.at,
                             value.statement.keyword.text + " without a name; the block is ignored",
                             "write " + value.statement.keyword.text + " NAME { ... }");
    }
    return value.word;
}

void add_instance(Drafts& drafts, const Value& value) {
    const std::string name = block_name(value);
    if (name.empty()) {
        return;
    }
    const bool duplicate =
        std::any_of(drafts.instances.begin(), drafts.instances.end(),
                    [&](const InstanceDraft& other) { return other.name == name; });
    if (duplicate) {
        value.reporter.error(value.at,
                             "vrrp_instance '" + name + "' exists already; this one is ignored",
                             "give each instance its own name");
        return;
    }
    InstanceDraft draft;
    draft.name = name;
    draft.at = value.at;
    read_instance(draft, value.statement.block, value.reporter);
    drafts.instances.push_back(std::move(draft));
}

void add_script(Drafts& drafts, const Value& value) {
    const std::string name = block_name(value);
    if (name.empty()) {
        return;
    }
    const bool duplicate =
        std::any_of(drafts.scripts.begin(), drafts.scripts.end(),
                    [&](const ScriptDraft& other) { return other.settings.name == name; });
    if (duplicate) {
        value.reporter.error(value.at,
                             "vrrp_script '" + name + "' exists already; this one is ignored",
                             "give each script its own name");
        return;
    }
    ScriptDraft draft;
    draft.settings.name = name;
    draft.at = value.at;
    read_script(draft, value.statement.block, value.reporter);
    if (draft.settings.command.empty()) {
        value.reporter.error(value.at, "vrrp_script '" + name + "' has no script; it is ignored",
                             "add script \"COMMAND\"");
        return;
    }
    drafts.scripts.push_back(std::move(draft));
}

constexpr Keyword<Drafts> kKeywords[] = {
    {"global_defs", block(),
     [](Drafts& d, const Value& v) { read_global(d.global, v.statement.block, v.reporter); }},
    {"vrrp_instance", block(), add_instance},
    {"vrrp_script", block(), add_script},
    {"virtual_server", block(),
     [](Drafts& d, const Value& v) {
         if (auto service = read_service(v.statement, v.reporter)) {
             d.services.push_back(*std::move(service));
         }
     }},
};

constexpr Unused kUnused[] = {
    {Treatment::Warning, "is not applied in this version: each instance is elected for itself", "",
     "vrrp_sync_group"},
    {Treatment::Warning, "is not applied in this version: it does not change who is active", "",
     "vrrp_track_process track_file vrrp_track_file bfd_instance interface_up_down_delays "
     "linkbeat_interfaces linkbeat_use_polling"},
    {Treatment::Error, "is not supported: the group and the services that use it are ignored",
     "write one virtual_server ADDRESS PORT block per service", "virtual_server_group"},
    {Treatment::Note, "has no effect in this version", "",
     "peer_link garp_group static_track_group track_group SSL child_wait_time use_pid_dir "
     "instance"},
    {Treatment::Warning, "has no effect in this version: static entries are not installed",
     "configure them in the system's network configuration",
     "static_ipaddress static_routes static_rules"},
    {Treatment::Warning, "has no effect: tandem runs in the network namespace it is started in",
     "start it with ip netns exec", "net_namespace net_namespace_ipvs namespace_with_ipsets"},
};

}  // namespace

void read_root(Drafts& drafts, const std::vector<Statement>& statements, Reporter& reporter) {
    read_block(drafts, statements, "at the top level", kKeywords, kUnused, reporter);
}

}  // namespace tandem::config
