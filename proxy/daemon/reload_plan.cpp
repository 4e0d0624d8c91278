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

/// Everything of one kind that is there once only, or not alike.
template <class Named>
void compare(const std::string& kind, const std::vector<Named>& running,
             const std::vector<Named>& wanted, std::vector<std::string>& obstacles) {
    for (const Named& each : wanted) {
        const Named* const before = find(running, name_of(each));
        if (before == nullptr) {
            obstacles.push_back(kind + ' ' + name_of(each) + " (new)");
        } else if (!(*before == each)) {
            obstacles.push_back(kind + ' ' + name_of(each));
        }
    }
    for (const Named& each : running) {
        if (find(wanted, name_of(each)) == nullptr) {
            obstacles.push_back(kind + ' ' + name_of(each) + " (removed)");
        }
    }
}

void append_list(std::string& text, const std::string& what,
                 const std::vector<std::string>& names) {
    if (names.empty()) {
        return;
    }
    text += text.empty() ? "services: " : ", ";
    text += std::to_string(names.size()) + ' ' + what + " (" + boost::algorithm::join(names, ", ") +
            ')';
}

}  // namespace

ReloadPlan plan_reload(const config::Model& running, const config::Model& wanted) {
    ReloadPlan plan;
    for (const relay::ServiceConfig& service : wanted.services) {
        const auto* before = find(running.services, service.name);
        if (before == nullptr) {
            plan.added.push_back(service.name);
        } else if (!(*before == service)) {
            plan.changed.push_back(service.name);
        }
    }
    for (const relay::ServiceConfig& service : running.services) {
        if (find(wanted.services, service.name) == nullptr) {
            plan.removed.push_back(service.name);
        }
    }
    if (!(running.global == wanted.global)) {
        plan.obstacles.emplace_back("global_defs");
    }
    compare("vrrp_instance", running.instances, wanted.instances, plan.obstacles);
    compare("vrrp_sync_group", running.groups, wanted.groups, plan.obstacles);
    compare("vrrp_script", running.scripts, wanted.scripts, plan.obstacles);
    compare("vrrp_track_file", running.files, wanted.files, plan.obstacles);
    compare("vrrp_track_process", running.processes, wanted.processes, plan.obstacles);
    return plan;
}

std::string describe(const ReloadPlan& plan) {
    std::string text;
    append_list(text, "added", plan.added);
    append_list(text, "changed", plan.changed);
    append_list(text, "removed", plan.removed);
    return text.empty() ? "nothing has changed" : text;
}

}  // namespace tandem::daemon
