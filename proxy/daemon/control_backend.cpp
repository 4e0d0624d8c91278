#include "proxy/daemon/control_backend.hpp"

#include "proxy/daemon/connections.hpp"
#include "proxy/daemon/load_configuration.hpp"
#include "proxy/daemon/status.hpp"
#include "proxy/daemon/upstream_order.hpp"

#include <utility>

#include <boost/algorithm/string/join.hpp>
#include <boost/asio/post.hpp>

#include <unistd.h>

namespace tandem::daemon {
namespace {

namespace json = boost::json;

control::Reply simple_reply(control::ExitCode code, const std::string& message) {
    return {code, message, json::object{{"code", static_cast<int>(code)}, {"message", message}}};
}

Fields caller_fields(const control::Caller& caller) {
    return {{"uid", std::to_string(caller.user_id)}, {"pid", std::to_string(caller.process_id)}};
}

}  // namespace

ControlBackend::ControlBackend(boost::asio::io_context& context, Identity identity,
                               relay::Engine& engine, Election& election,
                               const relay::HealthChecker& checks, const control::EventLog& events,
                               Write write, Reload reload)
    : context_(context),
      identity_(std::move(identity)),
      engine_(engine),
      election_(election),
      checks_(checks),
      events_(events),
      write_(std::move(write)),
      reload_(std::move(reload)) {}

template <typename Finish>
auto ControlBackend::on_control_thread(Finish finish) {
    return [this, finish = std::move(finish)](auto... results) mutable {
        boost::asio::post(context_,
                          [finish = std::move(finish), ... results = std::move(results)]() mutable {
                              finish(std::move(results)...);
                          });
    };
}

void ControlBackend::status(control::ReplyHandler handler) {
    election_.snapshot(on_control_thread(
        [this, handler = std::move(handler)](const std::vector<InstanceSnapshot>& instances) {
            NodeFacts facts;
            facts.name = identity_.node_name;
            facts.config_path = identity_.config_path;
            facts.process_id = getpid();
            facts.guardian = to_string(election_.guardian_state());
            facts.restarts = identity_.restarts;
            facts.access_records_lost = access_records_lost_;
            facts.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::steady_clock::now() - started_);
            handler(status_reply(facts, instances, engine_.status(), checks_.status()));
        }));
}

void ControlBackend::failover(const control::FailoverRequest& request,
                              control::ReplyHandler handler) {
    write_(messages::kFailoverRequested, caller_fields(request.caller));
    election_.failover(
        request, on_control_thread([handler = std::move(handler)](const FailoverResult& result) {
            handler(failover_reply(result));
        }));
}

void ControlBackend::resume(const std::vector<std::string>& instances,
                            const control::Caller& caller, control::ReplyHandler handler) {
    election_.resume(
        instances,
        on_control_thread([this, caller, handler = std::move(handler)](
                              const std::vector<std::string>& resumed, const std::string& unknown) {
            if (!unknown.empty()) {
                handler(simple_reply(control::ExitCode::Usage, "there is no instance " + unknown));
                return;
            }
            for (const std::string& name : resumed) {
                Fields fields = caller_fields(caller);
                fields.insert(fields.begin(), {"instance", name});
                write_(messages::kResumed, std::move(fields));
            }
            handler(simple_reply(control::ExitCode::Done,
                                 resumed.empty()
                                     ? "no instance is holding: nothing to do"
                                     : "hold ended: " + boost::algorithm::join(resumed, ", ")));
        }));
}

void ControlBackend::upstream(const control::UpstreamRequest& request,
                              control::ReplyHandler handler) {
    const auto services = engine_.status();
    const UpstreamChoice choice = find_upstream(services, request);
    if (choice.upstream == nullptr) {
        handler(simple_reply(control::ExitCode::Usage, choice.problem));
        return;
    }
    using Order = control::UpstreamRequest::Order;
    if (request.order == Order::Weight) {
        engine_.set_upstream_weight(request.service, request.upstream, request.weight);
    } else {
        engine_.set_upstream_admin(request.service, request.upstream, admin_state(request.order));
    }
    Fields fields{{"upstream", request.upstream},
                  {"service", request.service},
                  {"order", order_text(request)}};
    for (auto& field : caller_fields(request.caller)) {
        fields.push_back(std::move(field));
    }
    write_(messages::kUpstreamOrdered, std::move(fields));
    handler(upstream_reply(request, *choice.upstream));
}

void ControlBackend::connections(const control::ConnectionsRequest& request,
                                 control::ReplyHandler handler) {
    // Also of the case in which the list is not begun: a copy.
    const bool known =
        engine_.list_connections(request.service, request.limit,
                                 on_control_thread([handler](const relay::ConnectionList& list) {
                                     handler(connections_reply(list));
                                 }));
    if (!known) {
        handler(simple_reply(control::ExitCode::Usage,
                             "there is no service " + request.service + "; see: tandemctl status"));
    }
}

void ControlBackend::disconnect(const control::DisconnectRequest& request,
                                control::ReplyHandler handler) {
    const ParsedIds parsed = parse_ids(request.ids);
    if (!parsed.problem.empty()) {
        handler(simple_reply(
            control::ExitCode::Usage,
            "no connection has an id like " + parsed.problem + "; see: tandemctl connections"));
        return;
    }
    engine_.disconnect(
        parsed.ids,
        on_control_thread([this, asked = parsed.ids, caller = request.caller,
                           handler = std::move(handler)](const std::vector<relay::FlowId>& ended) {
            if (!ended.empty()) {
                Fields fields = caller_fields(caller);
                fields.insert(fields.begin(), {"count", std::to_string(ended.size())});
                write_(messages::kDisconnected, std::move(fields));
            }
            handler(disconnect_reply(asked, ended));
        }));
}

void ControlBackend::check(const std::string& path, control::ReplyHandler handler) {
    handler(check_reply(path, load_configuration(path, identity_.config_id)));
}

void ControlBackend::reload(const control::Caller& caller, control::ReplyHandler handler) {
    reload_(caller_fields(caller), handler);
}

void ControlBackend::version(control::ReplyHandler handler) {
    control::Reply reply = simple_reply(control::ExitCode::Done, "tandemd " TANDEM_VERSION);
    reply.body.as_object()["version"] = TANDEM_VERSION;
    handler(std::move(reply));
}

void ControlBackend::events(const control::EventQuery& query, control::ReplyHandler handler) {
    json::array list;
    for (const control::Event& event : events_.query(query)) {
        list.push_back(control::to_json(event));
    }
    control::Reply reply;
    reply.body = json::object{{"code", 0},
                              {"message", "ok"},
                              {"events", std::move(list)},
                              {"last_sequence", events_.last_sequence()}};
    handler(std::move(reply));
}

}  // namespace tandem::daemon
