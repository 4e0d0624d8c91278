#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"
#include "proxy/config/keyword_lists.hpp"

#include <algorithm>
#include <optional>
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

/// The name of a new block; unset and a diagnostic when it is missing or taken.
template <class Draft, class NameOf>
std::optional<std::string> new_name(const Value& value, const std::vector<Draft>& drafts,
                                    NameOf name_of) {
    std::string name = block_name(value);
    if (name.empty()) {
        return std::nullopt;
    }
    if (std::any_of(drafts.begin(), drafts.end(),
                    [&](const Draft& other) { return name_of(other) == name; })) {
        const std::string& keyword = value.statement.keyword.text;
        value.reporter.error(value.at,
                             keyword + " '" + name + "' exists already; this one is ignored",
                             "give each " + keyword + " its own name");
        return std::nullopt;
    }
    return name;
}

constexpr auto kOwnName = [](const auto& draft) -> const std::string& { return draft.name; };
constexpr auto kSettingsName = [](const auto& draft) -> const std::string& {
    return draft.settings.name;
};

void report_empty(const Value& value, const std::string& what, const std::string& advice) {
    value.reporter.error(
        value.at,
        value.statement.keyword.text + " '" + value.word + "' has no " + what + "; it is ignored",
        advice);
}

void add_instance(Drafts& drafts, const Value& value) {
    if (auto name = new_name(value, drafts.instances, kOwnName)) {
        InstanceDraft draft;
        draft.name = *std::move(name);
        draft.at = value.at;
        read_instance(draft, value.statement.block, value.reporter);
        drafts.instances.push_back(std::move(draft));
    }
}

void add_group(Drafts& drafts, const Value& value) {
    if (auto name = new_name(value, drafts.groups, kOwnName)) {
        GroupDraft draft;
        draft.name = *std::move(name);
        draft.at = value.at;
        read_group(draft, value.statement.block, value.reporter);
        drafts.groups.push_back(std::move(draft));
    }
}

void add_listener_group(Drafts& drafts, const Value& value) {
    if (auto name = new_name(value, drafts.listener_groups, kOwnName)) {
        ListenerGroupDraft draft;
        draft.name = *std::move(name);
        draft.at = value.at;
        read_listener_group(draft, value.statement.block, value.reporter);
        drafts.listener_groups.push_back(std::move(draft));
    }
}

void add_script(Drafts& drafts, const Value& value) {
    if (auto name = new_name(value, drafts.scripts, kSettingsName)) {
        ScriptDraft draft;
        draft.settings.name = *std::move(name);
        draft.at = value.at;
        read_script(draft, value.statement.block, value.reporter);
        if (draft.command.text.empty()) {
            report_empty(value, "script", "add script \"COMMAND\"");
            return;
        }
        drafts.scripts.push_back(std::move(draft));
    }
}

void add_track_file(Drafts& drafts, const Value& value) {
    if (auto name = new_name(value, drafts.files, kSettingsName)) {
        FileDraft draft;
        draft.settings.name = *std::move(name);
        draft.at = value.at;
        read_track_file(draft, value.statement.block, value.reporter);
        if (!draft.settings.path.starts_with('/')) {
            report_empty(value, "file with a full path", "add file /PATH");
            return;
        }
        drafts.files.push_back(std::move(draft));
    }
}

void add_track_process(Drafts& drafts, const Value& value) {
    if (auto name = new_name(value, drafts.processes, kSettingsName)) {
        ProcessDraft draft;
        draft.settings.name = *std::move(name);
        draft.at = value.at;
        read_track_process(draft, value.statement.block, value.reporter);
        if (draft.settings.command.empty() || draft.settings.command.front().empty()) {
            report_empty(value, "process", "add process NAME");
            return;
        }
        drafts.processes.push_back(std::move(draft));
    }
}

constexpr Keyword<Drafts> kKeywords[] = {
    {"global_defs", block(),
     [](Drafts& d, const Value& v) { read_global(d.global, v.statement.block, v.reporter); }},
    {"vrrp_instance", block(), add_instance},
    {"vrrp_sync_group", block(), add_group},
    {"vrrp_script", block(), add_script},
    {"track_file", block(), add_track_file},
    {"vrrp_track_file", block(), add_track_file},
    {"vrrp_track_process", block(), add_track_process},
    {"virtual_server_group", block(), add_listener_group},
    {"virtual_server", block(),
     [](Drafts& d, const Value& v) {
         if (auto service = read_service(v.statement, v.reporter)) {
             d.services.push_back(*std::move(service));
         }
     }},
};

constexpr Unused kUnused[] = {
    {Treatment::Warning, "is not applied: tandem has no BFD; it does not change who is active",
     "track a script or an interface", "bfd_instance"},
    {Treatment::Warning, "is not applied: a link counts as down at once", "",
     "interface_up_down_delays linkbeat_interfaces linkbeat_use_polling"},
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

KeywordList root_keywords() {
    return list_keywords(kKeywords, kUnused);
}

void read_root(Drafts& drafts, const std::vector<Statement>& statements, Reporter& reporter) {
    read_block(drafts, statements, "at the top level", kKeywords, kUnused, reporter);
}

}  // namespace tandem::config
