// global_defs → model.
#include "proxy/config/draft.hpp"
#include "proxy/config/resolve_command.hpp"

#include <utility>

namespace tandem::config {
namespace {

void check_group(const std::optional<Located<IpAddress>>& group, bool v4, Reporter& reporter) {
    if (group && (!group->value.is_multicast() || group->value.is_v4() != v4)) {
        reporter.error(group->at,
                       group->value.to_string() + " is no " + (v4 ? "IPv4" : "IPv6") +
                           " multicast address; the standard group is used",
                       v4 ? "write an address of 224.0.0.0/4" : "write an address of ff00::/8");
    }
}

void add_fifo(Model& model, const FifoDraft& draft, const std::string& keyword,
              CommandResolver& commands, Reporter& reporter) {
    if (!draft.path) {
        if (draft.script) {
            reporter.error(draft.script->at,
                           keyword + "_script without " + keyword + "; it is not run",
                           "add " + keyword + " /PATH");
        }
        return;
    }
    if (!draft.path->text.starts_with('/')) {
        reporter.error(draft.path->at,
                       keyword + ": '" + draft.path->text + "' is no full path; it is ignored",
                       "begin it with /");
        return;
    }
    for (const FifoSettings& other : model.global.notify_fifos) {
        if (other.path == draft.path->text) {
            reporter.error(draft.path->at,
                           keyword + ": " + other.path + " is in use already; it is ignored",
                           "give each FIFO its own path");
            return;
        }
    }
    const auto account = commands.account(*draft.path, keyword);
    if (!account) {
        return;
    }
    FifoSettings fifo{draft.path->text, account->uid, account->gid, {}};
    if (draft.script) {
        fifo.script = commands.resolve(*draft.script, keyword + "_script");
    }
    model.global.notify_fifos.push_back(std::move(fifo));
}

}  // namespace

void build_global(Model& model, const BuildContext& context, CommandResolver& commands) {
    const GlobalDraft& draft = context.drafts.global;
    model.global = draft.settings;
    if (model.global.router_id.empty()) {
        model.global.router_id = context.environment.host_name();
    }
    check_group(draft.multicast_group4, true, context.reporter);
    check_group(draft.multicast_group6, false, context.reporter);
    add_fifo(model, draft.notify_fifo, "notify_fifo", commands, context.reporter);
    add_fifo(model, draft.vrrp_notify_fifo, "vrrp_notify_fifo", commands, context.reporter);
}

}  // namespace tandem::config
