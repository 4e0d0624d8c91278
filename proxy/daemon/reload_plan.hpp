// What a reload has to do, and what it cannot. Pure.
#pragma once

#include "proxy/config/load.hpp"
#include "proxy/config/model.hpp"

#include <string>
#include <vector>

namespace tandem::daemon {

/// Names of what has come, is another, or has gone.
struct NameChanges {
    std::vector<std::string> added;
    std::vector<std::string> changed;
    std::vector<std::string> removed;

    [[nodiscard]] bool empty() const { return added.empty() && changed.empty() && removed.empty(); }
    friend bool operator==(const NameChanges&, const NameChanges&) = default;
};

struct ReloadPlan {
    /// As status shows them.
    NameChanges services;
    NameChanges instances;
    /// Of the changed instances those that begin_anew().
    std::vector<std::string> restarted;
    /// Groups, scripts and what else is tracked, for people: "vrrp_script check (new)".
    std::vector<std::string> others;
    /// What differs and cannot be applied while the node runs, for people: "global_defs workers".
    /// With any of these nothing is applied (I5): half of a configuration is nobody's wish.
    std::vector<std::string> obstacles;

    [[nodiscard]] bool changes_nothing() const {
        return services.empty() && instances.empty() && others.empty() && obstacles.empty();
    }
};

/// Why this file is not taken while another configuration runs: the first errors in it. Empty: it
/// is taken. At a start what is right runs without the rest; at a reload that would be a running
/// service that a typing error takes away.
std::string reload_problem(const config::LoadResult& loaded);

ReloadPlan plan_reload(const config::Model& running, const config::Model& wanted);

/// Whether an instance of the same name is another virtual router: on another interface, with
/// another number, version or family, or one that owns its addresses when it did not. It gives its
/// addresses up and takes part from the beginning. Anything else changes while its state stays.
bool begins_anew(const config::InstanceSettings& before, const config::InstanceSettings& after);

/// "services: 1 added (a), 2 changed (b, c)"; "nothing has changed".
std::string describe(const ReloadPlan& plan);

}  // namespace tandem::daemon
