#include "proxy/daemon/status.hpp"

#include "proxy/daemon/messages.hpp"
#include "proxy/daemon/upstream_order.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include <boost/json/value_from.hpp>

namespace tandem::daemon {
namespace {

namespace json = boost::json;
using std::chrono::duration_cast;

double to_milliseconds(Microseconds duration) {
    return static_cast<double>(duration.count()) / 1000.0;
}

json::array addresses_json(const InstanceSnapshot& instance) {
    json::array out;
    for (const auto& address : instance.addresses) {
        out.emplace_back(address.address.to_string() + "/" + std::to_string(address.prefix_length));
    }
    return out;
}

json::value peer_json(const InstanceSnapshot& instance) {
    if (!instance.peer) {
        return nullptr;
    }
    json::object peer;
    peer["address"] = instance.peer->source.to_string();
    peer["priority"] = instance.peer->priority;
    peer["last_heard_ms"] = instance.peer_heard_ago.value_or(Milliseconds{}).count();
    return peer;
}

json::array tracked_json(const InstanceSnapshot& instance) {
    json::array out;
    for (std::size_t i = 0; i < instance.tracked.size(); ++i) {
        const vrrp::TrackedObject& object = instance.tracked[i];
        const vrrp::TrackStatus& status = instance.tracked_status[i];
        const std::string_view state = !status.up ? "unknown" : *status.up ? "up" : "down";
        out.push_back(json::object{{"kind", to_string(object.kind)},
                                   {"name", object.name},
                                   {"weight", object.weight},
                                   {"reverse", object.reverse},
                                   {"state", state},
                                   {"detail", status.detail}});
    }
    return out;
}

json::array alarms_json(const InstanceSnapshot& instance) {
    json::array out;
    for (const Alarm& alarm : instance.alarms) {
        out.push_back(json::object{{"kind", alarm.kind},
                                   {"source", alarm.source},
                                   {"mac", alarm.mac},
                                   {"detail", alarm.detail},
                                   {"count", alarm.count},
                                   {"last", to_rfc3339(alarm.last)}});
    }
    return out;
}

json::object lateness_json(const vrrp::LatenessSummary& lateness) {
    return {{"count", lateness.count},
            {"p50_ms", to_milliseconds(lateness.p50)},
            {"p99_ms", to_milliseconds(lateness.p99)},
            {"p999_ms", to_milliseconds(lateness.p999)},
            {"max_ms", to_milliseconds(lateness.max)}};
}

json::object counters_json(const vrrp::RouterCounters& counters,
                           const vrrp::LatenessSummary& recent) {
    json::object reasons;
    for (std::size_t i = 0; i < counters.discarded_by_reason.size(); ++i) {
        reasons[to_string(static_cast<vrrp::Discard>(i))] = counters.discarded_by_reason.at(i);
    }
    return {{"adverts_sent", counters.adverts_sent},
            {"adverts_failed", counters.adverts_failed},
            {"adverts_received", counters.adverts_received},
            {"priority_zero_sent", counters.priority_zero_sent},
            {"priority_zero_received", counters.priority_zero_received},
            {"answers_delayed", counters.answers_delayed},
            {"became_active", counters.became_active},
            {"discarded", counters.discarded},
            {"discarded_by_reason", std::move(reasons)},
            {"address_list_mismatches", counters.address_list_mismatches},
            {"checksum_form_mismatches", counters.checksum_form_mismatches},
            {"dropped", counters.dropped},
            {"worst_lateness_ms", to_milliseconds(counters.lateness.total().max)},
            {"lateness", lateness_json(counters.lateness.total())},
            {"lateness_recent", lateness_json(recent)}};
}

json::object instance_json(const InstanceSnapshot& instance) {
    const vrrp::InstanceConfig& config = instance.config;
    json::object out;
    out["name"] = config.name;
    out["state"] = to_string(instance.state);
    out["since"] = to_rfc3339(instance.since);
    out["reason"] = instance.reason ? to_string(*instance.reason) : std::string_view{"not-started"};
    out["interface"] = config.interface;
    out["virtual_router_id"] = config.virtual_router_id;
    out["version"] = static_cast<unsigned>(config.version);
    out["priority"] = config.priority;
    out["effective_priority"] = instance.effective_priority;
    out["sync_group"] =
        instance.sync_group.empty() ? json::value(nullptr) : json::value(instance.sync_group);
    out["advertisement_interval_ms"] = to_milliseconds(config.advertisement_interval);
    out["active_down_interval_ms"] = to_milliseconds(instance.active_down_interval);
    out["addresses"] = addresses_json(instance);
    out["addresses_present"] = instance.addresses_present;
    out["lease_s"] = instance.lease.count();
    out["hold"] =
        json::object{{"active", instance.holding},
                     {"until", instance.hold_until ? json::value(to_rfc3339(*instance.hold_until))
                                                   : json::value(nullptr)}};
    out["faults"] = json::array(instance.faults.begin(), instance.faults.end());
    out["no_upstream"] = instance.no_upstream;
    out["tracked"] = tracked_json(instance);
    out["alarms"] = alarms_json(instance);
    out["peer"] = peer_json(instance);
    out["counters"] = counters_json(instance.counters, instance.lateness_recent);
    return out;
}

std::string_view name_of(relay::UpstreamRole role) {
    switch (role) {
        case relay::UpstreamRole::Primary:
            return "primary";
        case relay::UpstreamRole::Backup:
            return "backup";
        case relay::UpstreamRole::Sorry:
            break;
    }
    return "sorry";
}

json::array checks_json(const std::vector<relay::CheckStatus>& checks, const std::string& service,
                        const std::string& upstream) {
    json::array result;
    for (const relay::CheckStatus& check : checks) {
        if (check.service == service && check.upstream == upstream) {
            result.push_back(json::object{{"kind", check.kind},
                                          {"state", check.up ? "up" : "down"},
                                          {"since", to_rfc3339(check.since)},
                                          {"result", check.result},
                                          {"skipped", check.skipped},
                                          {"obstacle", check.obstacle}});
        }
    }
    return result;
}

json::object service_json(const relay::ServiceStatus& service,
                          const std::vector<relay::CheckStatus>& checks) {
    const relay::ServiceCounters& counters = service.counters;
    json::array upstreams;
    for (const auto& upstream : service.upstreams) {
        upstreams.push_back(json::object{
            {"name", upstream.name},
            {"state", upstream.up ? "up" : "down"},
            {"role", name_of(upstream.role)},
            {"admin", to_string(upstream.admin)},
            {"avoided", upstream.avoided},
            {"weight",
             upstream.weight_override.value_or(upstream.checked_weight.value_or(upstream.weight))},
            {"configured_weight", upstream.weight},
            {"active", upstream.active},
            {"connected", upstream.connected},
            {"connect_failures", upstream.connect_failures},
            {"ports_in_use", upstream.ports_in_use},
            {"ports", upstream.ports},
            {"checks", checks_json(checks, service.name, upstream.name)},
            {"last_error", upstream.last_error}});
    }
    return {{"name", service.name},
            {"instance", service.instance},
            {"accepting", service.accepting},
            {"quorum", service.quorum},
            {"panic", service.panic},
            {"active", counters.active},
            {"accepted", counters.accepted},
            {"finished", counters.finished},
            {"reset_by_client", counters.reset_by_client},
            {"reset_by_upstream", counters.reset_by_upstream},
            {"reset_by_demotion", counters.reset_by_demotion},
            {"ended_by_operator", counters.ended_by_operator},
            {"timed_out", counters.timed_out},
            {"no_upstream", counters.no_upstream},
            {"no_route", counters.no_route},
            {"bad_proxy_header", counters.bad_proxy_header},
            {"preread_timed_out", counters.preread_timed_out},
            {"queued", counters.queued},
            {"queue_full", counters.queue_full},
            {"queue_timed_out", counters.queue_timed_out},
            {"reset_by_down", counters.reset_by_down},
            {"refused_inactive", counters.refused_inactive},
            {"denied", counters.denied},
            {"refused_client_limit", counters.refused_client_limit},
            {"refused_client_rate", counters.refused_client_rate},
            {"lifetime_over", counters.lifetime_over},
            {"local_errors", counters.local_errors},
            {"ports_exhausted", counters.ports_exhausted},
            {"buffer_waits", counters.buffer_waits},
            {"bytes_to_upstream", counters.bytes_to_upstream},
            {"bytes_to_client", counters.bytes_to_client},
            {"bytes_spliced", counters.bytes_spliced},
            {"upstreams", std::move(upstreams)}};
}

}  // namespace

std::string to_rfc3339(std::chrono::system_clock::time_point time) {
    const auto since_epoch = duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
    const std::time_t seconds = since_epoch.count() / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::string out{text.data(), length};
    const auto fraction = std::to_string(since_epoch.count() % 1000);
    return out + "." + std::string(3 - fraction.size(), '0') + fraction + "Z";
}

control::Reply status_reply(const NodeFacts& node, const std::vector<InstanceSnapshot>& instances,
                            const std::vector<relay::ServiceStatus>& services,
                            const std::vector<relay::CheckStatus>& checks) {
    json::array instance_list;
    for (const auto& instance : instances) {
        instance_list.push_back(instance_json(instance));
    }
    json::array service_list;
    for (const auto& service : services) {
        service_list.push_back(service_json(service, checks));
    }
    control::Reply reply;
    reply.body =
        json::object{{"code", 0},
                     {"message", "ok"},
                     {"node", json::object{{"name", node.name},
                                           {"version", TANDEM_VERSION},
                                           {"pid", node.process_id},
                                           {"uptime_ms", node.uptime.count()},
                                           {"config", node.config_path},
                                           {"guardian", node.guardian},
                                           {"restarts", node.restarts},
                                           {"access_records_lost", node.access_records_lost}}},
                     {"instances", std::move(instance_list)},
                     {"services", std::move(service_list)}};
    return reply;
}

control::Reply failover_reply(const FailoverResult& result) {
    json::array refused;
    for (const Refusal& refusal : result.refused) {
        refused.push_back(json::object{
            {"code", refusal.code}, {"detail", refusal.detail}, {"forceable", refusal.forceable}});
    }
    json::object phases;
    if (result.release_time) {
        phases["release_ms"] = to_milliseconds(*result.release_time);
    }
    if (result.gap) {
        phases["takeover_ms"] = to_milliseconds(*result.gap);
    }
    json::array instances(result.instances.begin(), result.instances.end());
    control::Reply reply;
    reply.code = result.outcome;
    reply.text = result.message;
    reply.body = json::object{
        {"code", static_cast<int>(result.outcome)},
        {"message", result.message},
        {"instances", std::move(instances)},
        {"gap_ms", result.gap ? json::value(to_milliseconds(*result.gap)) : json::value(nullptr)},
        {"connections_reset", result.connections_reset},
        {"peer", result.peer ? json::value(result.peer->to_string()) : json::value(nullptr)},
        {"phases", std::move(phases)},
        {"refused", std::move(refused)}};
    return reply;
}

namespace {

/// Those that are at least so severe: into the text, a line each, and as a list.
json::array list_diagnostics(const config::LoadResult& loaded, config::Severity least,
                             std::string& text) {
    json::array list;
    for (const auto& diagnostic : loaded.diagnostics) {
        if (diagnostic.severity >= least) {
            const std::string line = config::to_string(diagnostic);
            text += line + "\n";
            list.emplace_back(line);
        }
    }
    return list;
}

json::object to_json(const NameChanges& changes) {
    return {{"added", json::value_from(changes.added)},
            {"changed", json::value_from(changes.changed)},
            {"removed", json::value_from(changes.removed)}};
}

}  // namespace

control::Reply reload_reply(const config::LoadResult& loaded, const ReloadPlan& plan,
                            const std::string& problem) {
    control::Reply reply;
    json::array diagnostics = list_diagnostics(loaded, config::Severity::Warning, reply.text);
    reply.code = problem.empty() ? control::ExitCode::Done : control::ExitCode::Refused;
    std::string message = "reloaded: " + describe(plan);
    if (!problem.empty()) {
        message = "not reloaded, nothing has changed: " + problem + " (" +
                  std::string{messages::kReloadRefused.advice} + ")";
    }
    reply.text += message;
    reply.body = json::object{{"code", static_cast<int>(reply.code)},
                              {"message", message},
                              {"services", to_json(plan.services)},
                              {"instances", to_json(plan.instances)},
                              {"restarted", json::value_from(plan.restarted)},
                              {"others", json::value_from(plan.others)},
                              {"needs_restart", json::value_from(plan.obstacles)},
                              {"diagnostics", std::move(diagnostics)}};
    return reply;
}

control::Reply check_reply(const std::string& path, const config::LoadResult& result) {
    control::Reply reply;
    json::array diagnostics = list_diagnostics(result, config::Severity::Note, reply.text);
    const int verdict = result.exit_code();
    reply.code = verdict == 0 ? control::ExitCode::Done : control::ExitCode::Refused;
    const std::string message = verdict == 0 ? path + ": usable"
                                             : path + ": has errors (tandemd -t would exit with " +
                                                   std::to_string(verdict) + ")";
    reply.text += message;
    reply.body = json::object{{"code", static_cast<int>(reply.code)},
                              {"message", message},
                              {"check_code", verdict},
                              {"diagnostics", std::move(diagnostics)}};
    return reply;
}

}  // namespace tandem::daemon
