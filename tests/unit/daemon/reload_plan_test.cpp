// What a reload does and what it refuses.
#include "proxy/daemon/reload_plan.hpp"

#include <functional>
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

config::LoadResult loaded(const std::vector<config::Severity>& severities) {
    config::LoadResult result;
    for (const config::Severity severity : severities) {
        const auto line = static_cast<unsigned>(result.diagnostics.size()) + 1;
        result.diagnostics.push_back({"a.conf", line, 1, severity, "wrong", ""});
    }
    return result;
}

TEST(ReloadProblem, WarningsAreNone) {
    using enum config::Severity;
    EXPECT_EQ(reload_problem(loaded({})), "");
    EXPECT_EQ(reload_problem(loaded({Note, Warning})), "");
}

TEST(ReloadProblem, NamesTheFirstErrorsAndTheWorstFirst) {
    using enum config::Severity;
    EXPECT_EQ(reload_problem(loaded({Warning, Error})),
              "the file has 1 error: a.conf:2:1: error: wrong; tandemd -t shows all of them");
    EXPECT_EQ(reload_problem(loaded({Error, Security, Fatal, Error})),
              "the file has 4 errors: a.conf:3:1: fatal: wrong; a.conf:1:1: error: wrong; "
              "a.conf:2:1: security: wrong; ...; tandemd -t shows all of them");
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
    EXPECT_THAT(plan.services.added, ElementsAre("c"));
    EXPECT_THAT(plan.services.changed, ElementsAre("b"));
    EXPECT_THAT(plan.services.removed, ElementsAre("a"));
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
    EXPECT_THAT(plan_reload(before, wanted).services.changed, ElementsAre("a"));
}

TEST(ReloadPlan, InstancesGroupsAndWhatIsTracked) {
    config::Model wanted = model();
    wanted.instances[0].addresses.emplace_back();
    wanted.instances.emplace_back().election.name = "VI_2";
    wanted.scripts.clear();
    wanted.groups.emplace_back().name = "G";
    const ReloadPlan plan = plan_reload(model(), wanted);
    EXPECT_EQ(plan.instances, (NameChanges{.added = {"VI_2"}, .changed = {"VI_1"}, .removed = {}}));
    EXPECT_THAT(plan.restarted, IsEmpty());
    EXPECT_THAT(plan.others, ElementsAre("vrrp_sync_group G (new)", "vrrp_script check (removed)"));
    EXPECT_THAT(plan.obstacles, IsEmpty());
    EXPECT_EQ(describe(plan),
              "instances: 1 added (VI_2), 1 changed (VI_1); vrrp_sync_group G (new), "
              "vrrp_script check (removed)");
    EXPECT_EQ(plan_reload(wanted, model()).instances.removed, std::vector<std::string>{"VI_2"});
}

TEST(ReloadPlan, AnotherVirtualRouterBeginsAnew) {
    const config::InstanceSettings before = model().instances[0];
    const auto after = [&before](const std::function<void(vrrp::InstanceConfig&)>& change) {
        config::InstanceSettings settings = before;
        change(settings.election);
        return settings;
    };
    using Config = vrrp::InstanceConfig;
    EXPECT_TRUE(begins_anew(before, after([](Config& each) { each.interface = "eth9"; })));
    EXPECT_TRUE(begins_anew(before, after([](Config& each) { each.virtual_router_id = 9; })));
    EXPECT_TRUE(begins_anew(before, after([](Config& each) { each.version = vrrp::Version::V3; })));
    EXPECT_TRUE(begins_anew(before, after([](Config& each) { each.family = vrrp::Family::Ipv6; })));
    EXPECT_TRUE(begins_anew(before, after([](Config& each) { each.priority = 255; })));
    EXPECT_FALSE(begins_anew(before, after([](Config& each) {
                                 each.priority = 1;
                                 each.password = "new";
                                 each.unicast_peers.emplace_back();
                                 each.advertisement_interval = std::chrono::seconds{9};
                             })));
    config::Model wanted = model();
    wanted.instances[0].election.interface = "eth9";
    EXPECT_EQ(describe(plan_reload(model(), wanted)),
              "instances: 1 changed (VI_1), of which begin anew: VI_1");
}

TEST(ReloadPlan, WhatNeedsARestartIsNamed) {
    config::Model wanted = model();
    wanted.global.router_id = "a label";
    EXPECT_THAT(plan_reload(model(), wanted).obstacles, IsEmpty());
    config::GlobalSettings& global = wanted.global;
    global.workers = 7;
    global.max_connections = 1;
    global.buffer_memory = 2;
    global.realtime_priority = 3;
    global.realtime_limit = std::chrono::seconds{4};
    global.notify_fifos.emplace_back();
    EXPECT_THAT(plan_reload(model(), wanted).obstacles,
                ElementsAre("global_defs workers", "global_defs max_connections",
                            "global_defs buffer_memory", "global_defs vrrp_rt_priority",
                            "global_defs vrrp_rlimit_rttime", "global_defs notify_fifo"));
}

}  // namespace
}  // namespace tandem::daemon
