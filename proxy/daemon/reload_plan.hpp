// What a reload has to do, and what it cannot. Pure.
#pragma once

#include "proxy/config/model.hpp"

#include <string>
#include <vector>

namespace tandem::daemon {

/// Names of services as status shows them.
struct ReloadPlan {
    std::vector<std::string> added;
    std::vector<std::string> changed;
    std::vector<std::string> removed;
    /// What differs and cannot be applied while the node runs, for people: "vrrp_instance VI_1".
    /// With any of these nothing is applied (I5): half of a configuration is nobody's wish.
    std::vector<std::string> obstacles;

    [[nodiscard]] bool changes_nothing() const {
        return added.empty() && changed.empty() && removed.empty() && obstacles.empty();
    }
};

ReloadPlan plan_reload(const config::Model& running, const config::Model& wanted);

/// "1 service added (a), 2 changed (b, c)"; "nothing has changed".
std::string describe(const ReloadPlan& plan);

}  // namespace tandem::daemon
