#include "proxy/daemon/reload_plan.hpp"

#include <algorithm>

#include <boost/algorithm/string/join.hpp>

namespace tandem::daemon {

namespace {

const std::string& name_of(const config::InstanceSettings& instance) {
    return instance.election.name;
}
template <class Named>
const std::string& name_of(const Named& named) {
    return named.name;
}

/// The one of the same name; null: there is none.
template <class Named>
const Named* find(const std::vector<Named>& list, const std::string& name) {
    const auto found =
        std::ranges::find_if(list, [&](const Named& each) { return name_of(each) == name; });
    return found == list.end() ? nullptr : &*found;
}

template <class Named>
NameChanges compare(const std::vector<Named>& running, const std::vector<Named>& wanted) {
    NameChanges changes;
    for (const Named& each : wanted) {
        const Named* const before = find(running, name_of(each));
        if (before == nullptr) {
            changes.added.push_back(name_of(each));
        } else if (!(*before == each)) {
            changes.changed.push_back(name_of(each));
        }
    }
    for (const Named& each : running) {
        if (find(wanted, name_of(each)) == nullptr) {
            changes.removed.push_back(name_of(each));
        }
    }
    return changes;
}

void list(const std::string& kind, const NameChanges& changes, std::vector<std::string>& out) {
    for (const std::string& name : changes.added) {
        out.push_back(kind + ' ' + name + " (new)");
    }
    for (const std::string& name : changes.changed) {
        out.push_back(kind + ' ' + name);
    }
    for (const std::string& name : changes.removed) {
        out.push_back(kind + ' ' + name + " (removed)");
    }
}

/// What the node takes from global_defs once, when it starts.
std::vector<std::string> fixed_differences(const config::GlobalSettings& running,
                                           const config::GlobalSettings& wanted) {
    std::vector<std::string> names;
    const auto note = [&names](bool differs, const char* keyword) {
        if (differs) {
            names.push_back(std::string{"global_defs "} + keyword);
        }
    };
    note(running.workers != wanted.workers, "workers");
    note(running.max_connections != wanted.max_connections, "max_connections");
    note(running.buffer_memory != wanted.buffer_memory, "buffer_memory");
    note(running.realtime_priority != wanted.realtime_priority, "vrrp_rt_priority");
    note(running.realtime_limit != wanted.realtime_limit, "vrrp_rlimit_rttime");
    note(running.notify_fifos != wanted.notify_fifos, "notify_fifo");
    return names;
}

std::string counted(const std::string& what, const std::vector<std::string>& names) {
    return std::to_string(names.size()) + ' ' + what + " (" + boost::algorithm::join(names, ", ") +
           ')';
}

void append(std::string& text, const std::string& kind, const NameChanges& changes) {
    std::vector<std::string> parts;
    if (!changes.added.empty()) {
        parts.push_back(counted("added", changes.added));
    }
    if (!changes.changed.empty()) {
        parts.push_back(counted("changed", changes.changed));
    }
    if (!changes.removed.empty()) {
        parts.push_back(counted("removed", changes.removed));
    }
    if (!parts.empty()) {
        text += (text.empty() ? "" : "; ") + kind + ": " + boost::algorithm::join(parts, ", ");
    }
}

}  // namespace

bool begins_anew(const config::InstanceSettings& before, const config::InstanceSettings& after) {
    const vrrp::InstanceConfig& was = before.election;
    const vrrp::InstanceConfig& is = after.election;
    const bool owned = was.priority == vrrp::kOwnerPriority;
    return was.interface != is.interface || was.version != is.version || was.family != is.family ||
           was.virtual_router_id != is.virtual_router_id ||
           owned != (is.priority == vrrp::kOwnerPriority);
}

std::string reload_problem(const config::LoadResult& loaded) {
    constexpr std::size_t kMostNamed = 3;
    std::vector<std::string> named;
    std::size_t count = 0;
    // What cannot run at all first.
    for (const bool fatal : {true, false}) {
        for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
            if (diagnostic.severity >= config::Severity::Error &&
                (diagnostic.severity == config::Severity::Fatal) == fatal &&
                ++count <= kMostNamed) {
                named.push_back(config::to_string(diagnostic));
            }
        }
    }
    if (count == 0) {
        return loaded.runnable() ? std::string{} : "the file cannot be used";
    }
    return "the file has " + std::to_string(count) + (count == 1 ? " error: " : " errors: ") +
           boost::algorithm::join(named, "; ") + (count > kMostNamed ? "; ..." : "") +
           "; tandemd -t shows all of them";
}

ReloadPlan plan_reload(const config::Model& running, const config::Model& wanted) {
    ReloadPlan plan;
    plan.services = compare(running.services, wanted.services);
    plan.instances = compare(running.instances, wanted.instances);
    for (const std::string& name : plan.instances.changed) {
        if (begins_anew(*find(running.instances, name), *find(wanted.instances, name))) {
            plan.restarted.push_back(name);
        }
    }
    list("vrrp_sync_group", compare(running.groups, wanted.groups), plan.others);
    list("vrrp_script", compare(running.scripts, wanted.scripts), plan.others);
    list("vrrp_track_file", compare(running.files, wanted.files), plan.others);
    list("vrrp_track_process", compare(running.processes, wanted.processes), plan.others);
    plan.obstacles = fixed_differences(running.global, wanted.global);
    return plan;
}

std::string describe(const ReloadPlan& plan) {
    std::string text;
    append(text, "services", plan.services);
    append(text, "instances", plan.instances);
    if (!plan.restarted.empty()) {
        text += ", of which begin anew: " + boost::algorithm::join(plan.restarted, ", ");
    }
    if (!plan.others.empty()) {
        text += (text.empty() ? "" : "; ") + boost::algorithm::join(plan.others, ", ");
    }
    return text.empty() ? "nothing has changed" : text;
}

}  // namespace tandem::daemon
