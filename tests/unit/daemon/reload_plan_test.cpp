// What a reload does and what it refuses.
#include "proxy/daemon/reload_plan.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

relay::ServiceConfig service(const std::string& name) {
    relay::ServiceConfig service;
    service.name = name;
    return service;
}

config::Model model() {
    config::Model model;
    model.services = {service("a"), service("b")};
    model.instances.emplace_back().election.name = "VI_1";
    model.scripts.emplace_back().name = "check";
    return model;
}

TEST(ReloadPlan, TheSameChangesNothing) {
    const ReloadPlan plan = plan_reload(model(), model());
    EXPECT_TRUE(plan.changes_nothing());
    EXPECT_EQ(describe(plan), "nothing has changed");
}

TEST(ReloadPlan, ServicesAreToldApartByName) {
    config::Model wanted = model();
    wanted.services = {service("c"), service("b")};
    wanted.services[1].idle_timeout = std::chrono::seconds{1};
    const ReloadPlan plan = plan_reload(model(), wanted);
    EXPECT_THAT(plan.added, ElementsAre("c"));
    EXPECT_THAT(plan.changed, ElementsAre("b"));
    EXPECT_THAT(plan.removed, ElementsAre("a"));
    EXPECT_THAT(plan.obstacles, IsEmpty());
    EXPECT_EQ(describe(plan), "services: 1 added (c), 1 changed (b), 1 removed (a)");
}

TEST(ReloadPlan, TheOrderOfServicesIsNoChange) {
    config::Model wanted = model();
    std::swap(wanted.services[0], wanted.services[1]);
    EXPECT_TRUE(plan_reload(model(), wanted).changes_nothing());
}

TEST(ReloadPlan, WhatAnUpstreamsCheckDoesIsAChangeOfTheService) {
    config::Model before = model();
    auto& check = before.services[0].upstreams.emplace_back().checks.emplace_back();
    check.what = relay::ProgramCheck{.program = 0, .text = "/bin/true"};
    config::Model wanted = before;
    auto& program = std::get<relay::ProgramCheck>(wanted.services[0].upstreams[0].checks[0].what);
    program.program = 1;
    EXPECT_TRUE(plan_reload(before, wanted).changes_nothing());
    program.text = "/bin/false";
    EXPECT_THAT(plan_reload(before, wanted).changed, ElementsAre("a"));
}

TEST(ReloadPlan, WhatNeedsARestartIsNamed) {
    config::Model wanted = model();
    wanted.global.workers = 7;
    wanted.instances[0].addresses.emplace_back();
    wanted.instances.emplace_back().election.name = "VI_2";
    wanted.scripts.clear();
    wanted.groups.emplace_back().name = "G";
    EXPECT_THAT(plan_reload(model(), wanted).obstacles,
                ElementsAre("global_defs", "vrrp_instance VI_1", "vrrp_instance VI_2 (new)",
                            "vrrp_sync_group G (new)", "vrrp_script check (removed)"));
}

}  // namespace
}  // namespace tandem::daemon
