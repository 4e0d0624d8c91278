#include "proxy/daemon/status.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr std::chrono::system_clock::time_point kMoment{1'764'000'000'007ms};

InstanceSnapshot sample_instance() {
    InstanceSnapshot shot;
    shot.config.name = "VI_1";
    shot.config.interface = "eth0";
    shot.config.version = vrrp::Version::V3;
    shot.config.virtual_router_id = 51;
    shot.config.priority = 150;
    shot.config.advertisement_interval = 100ms;
    netlink::VirtualAddress address;
    address.address = boost::asio::ip::make_address("198.51.100.100");
    address.prefix_length = 24;
    shot.addresses.push_back(address);
    shot.lease = 1s;
    shot.state = vrrp::State::Backup;
    shot.reason = vrrp::Reason::HigherPriority;
    shot.since = kMoment;
    shot.active_down_interval = 341'406us;
    return shot;
}

TEST(Status, TimesAreRfc3339WithMilliseconds) {
    EXPECT_EQ(to_rfc3339(kMoment), "2025-11-24T16:00:00.007Z");
}

TEST(Status, InstanceTellsRolePeerHoldAndFault) {
    InstanceSnapshot shot = sample_instance();
    shot.peer =
        vrrp::ReceivedAdvertisement{200, boost::asio::ip::make_address("198.51.100.12"), 100ms};
    shot.peer_heard_ago = 42ms;
    shot.holding = true;
    shot.hold_until = kMoment;
    shot.faults = {"link down on eth0"};
    const auto reply = status_reply({.name = "node1",
                                     .config_path = "/etc/x.conf",
                                     .process_id = 7,
                                     .uptime = 5s,
                                     .access_records_lost = 12},
                                    {shot}, {});
    const auto& instance = reply.body.at("instances").at(0);
    EXPECT_EQ(instance.at("state"), "backup");
    EXPECT_EQ(instance.at("reason"), "higher-priority");
    EXPECT_EQ(instance.at("since"), "2025-11-24T16:00:00.007Z");
    EXPECT_EQ(instance.at("advertisement_interval_ms").as_double(), 100.0);
    EXPECT_EQ(instance.at("active_down_interval_ms").as_double(), 341.406);
    EXPECT_EQ(instance.at("addresses").at(0), "198.51.100.100/24");
    EXPECT_EQ(instance.at("peer").at("address"), "198.51.100.12");
    EXPECT_EQ(instance.at("peer").at("last_heard_ms").to_number<int>(), 42);
    EXPECT_TRUE(instance.at("hold").at("active").as_bool());
    EXPECT_EQ(instance.at("hold").at("until"), "2025-11-24T16:00:00.007Z");
    EXPECT_EQ(instance.at("faults").at(0), "link down on eth0");
    EXPECT_EQ(reply.body.at("node").at("pid").to_number<int>(), 7);
    EXPECT_EQ(reply.body.at("node").at("access_records_lost").to_number<int>(), 12);
}

TEST(Status, WhatIsUnknownIsNullOrEmpty) {
    InstanceSnapshot shot = sample_instance();
    shot.reason.reset();
    const auto reply = status_reply({}, {shot}, {});
    const auto& instance = reply.body.at("instances").at(0);
    EXPECT_TRUE(instance.at("peer").is_null());
    EXPECT_TRUE(instance.at("hold").at("until").is_null());
    EXPECT_TRUE(instance.at("faults").as_array().empty());
    EXPECT_EQ(instance.at("reason"), "not-started");
}

TEST(Status, InstanceTellsWhatItTracksAndWhatConcernsIt) {
    InstanceSnapshot shot = sample_instance();
    shot.effective_priority = 130;
    shot.sync_group = "VG_1";
    shot.tracked = {{vrrp::TrackKind::Script, "chk_web", -20, false},
                    {vrrp::TrackKind::File, "manual", 1, true}};
    shot.tracked_status = {{false, 0, "exit code 1"}, {}};
    Alarm alarm;
    alarm.kind = "ip-ttl-error";
    alarm.source = "198.51.100.66";
    alarm.mac = "02:00:00:00:00:66";
    alarm.detail = "TTL 64, not 255";
    alarm.count = 3;
    alarm.last = kMoment;
    shot.alarms = {alarm};
    shot.counters.discarded_by_reason.at(static_cast<std::size_t>(vrrp::Discard::TimeToLive)) = 7;
    const auto reply = status_reply({}, {shot}, {});
    const auto& instance = reply.body.at("instances").at(0);
    EXPECT_EQ(instance.at("priority").to_number<int>(), 150);
    EXPECT_EQ(instance.at("effective_priority").to_number<int>(), 130);
    EXPECT_EQ(instance.at("sync_group"), "VG_1");
    const auto& script = instance.at("tracked").at(0);
    EXPECT_EQ(script.at("name"), "chk_web");
    EXPECT_EQ(script.at("state"), "down");
    EXPECT_EQ(script.at("weight").to_number<int>(), -20);
    EXPECT_EQ(script.at("detail"), "exit code 1");
    EXPECT_EQ(instance.at("tracked").at(1).at("state"), "unknown");
    const auto& told = instance.at("alarms").at(0);
    EXPECT_EQ(told.at("kind"), "ip-ttl-error");
    EXPECT_EQ(told.at("source"), "198.51.100.66");
    EXPECT_EQ(told.at("mac"), "02:00:00:00:00:66");
    EXPECT_EQ(told.at("count").to_number<int>(), 3);
    EXPECT_EQ(told.at("last"), "2025-11-24T16:00:00.007Z");
    const auto& reasons = instance.at("counters").at("discarded_by_reason");
    EXPECT_EQ(reasons.at("ip-ttl-error").to_number<int>(), 7);
    EXPECT_EQ(reasons.as_object().size(), vrrp::kDiscardReasons);
}

TEST(Status, ServiceListsUpstreams) {
    relay::ServiceStatus service;
    service.name = "198.51.100.100:80";
    service.accepting = true;
    service.counters.reset_by_demotion = 3;
    relay::UpstreamStatus upstream;
    upstream.name = "198.51.100.21:80";
    upstream.up = false;
    upstream.last_error = "connection refused";
    service.upstreams.push_back(upstream);
    const auto reply = status_reply({}, {}, {service});
    const auto& out = reply.body.at("services").at(0);
    EXPECT_EQ(out.at("reset_by_demotion").to_number<int>(), 3);
    EXPECT_EQ(out.at("upstreams").at(0).at("state"), "down");
    EXPECT_EQ(out.at("upstreams").at(0).at("last_error"), "connection refused");
}

TEST(Status, EveryUpstreamHasItsOwnChecks) {
    relay::ServiceStatus service;
    service.name = "198.51.100.100:80";
    service.upstreams.resize(2);
    service.upstreams[0].name = "203.0.113.21:80";
    service.upstreams[1].name = "203.0.113.22:80";
    relay::CheckStatus check;
    check.service = service.name;
    check.upstream = "203.0.113.22:80";
    check.kind = "HTTP_GET";
    check.result = "/: status 503";
    check.since = kMoment;
    check.skipped = 2;
    check.obstacle = "no own address";
    relay::CheckStatus other = check;
    other.service = "198.51.100.100:81";
    const auto reply = status_reply({}, {}, {service}, {other, check});
    const auto& upstreams = reply.body.at("services").at(0).at("upstreams");
    EXPECT_TRUE(upstreams.at(0).at("checks").as_array().empty());
    EXPECT_EQ(json::serialize(upstreams.at(1).at("checks")),
              R"([{"kind":"HTTP_GET","state":"down","since":"2025-11-24T16:00:00.007Z",)"
              R"("result":"/: status 503","skipped":2,"obstacle":"no own address"}])");
}

TEST(Status, FailoverResultKeepsCodeGapAndRefusals) {
    FailoverResult result;
    result.outcome = Outcome::Refused;
    result.message = "refused: no";
    result.refused.push_back({"NOT_ACTIVE", "no", false});
    const auto refused = failover_reply(result);
    EXPECT_EQ(refused.code, control::ExitCode::Refused);
    EXPECT_TRUE(refused.body.at("gap_ms").is_null());
    EXPECT_EQ(refused.body.at("refused").at(0).at("code"), "NOT_ACTIVE");

    result = {};
    result.gap = 12'300us;
    result.release_time = 1'500us;
    const auto done = failover_reply(result);
    EXPECT_EQ(done.code, control::ExitCode::Done);
    EXPECT_EQ(done.body.at("gap_ms").as_double(), 12.3);
    EXPECT_EQ(done.body.at("phases").at("release_ms").as_double(), 1.5);
}

TEST(Status, CheckTellsEveryDiagnosticAndTheVerdict) {
    config::LoadResult loaded;
    EXPECT_EQ(check_reply("a.conf", loaded).code, control::ExitCode::Done);
    loaded.diagnostics.push_back({"a.conf", 3, 5, config::Severity::Error, "bad", "mend it"});
    const auto reply = check_reply("a.conf", loaded);
    EXPECT_EQ(reply.code, control::ExitCode::Refused);
    EXPECT_EQ(reply.body.at("check_code").to_number<int>(), 5);
    EXPECT_NE(reply.text.find("a.conf:3:5: error: bad (mend it)"), std::string::npos) << reply.text;
}

}  // namespace
}  // namespace tandem::daemon
