#include "proxy/daemon/connections.hpp"

#include <algorithm>
#include <sstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace tandem::daemon {
namespace {

namespace json = boost::json;

/// "address:port"; null for none.
json::value endpoint_json(const relay::Endpoint& endpoint) {
    if (endpoint.port() == 0) {
        return nullptr;
    }
    std::ostringstream text;
    text << endpoint;
    // NOLINTNEXTLINE(modernize-return-braced-init-list): in braces it would be an array.
    return json::value(text.str());
}

json::object connection_json(const relay::ConnectionInfo& info) {
    return {{"id", to_string(info.id)},
            {"service", info.service},
            {"client", endpoint_json(info.client)},
            {"vip", endpoint_json(info.virtual_address)},
            {"source", endpoint_json(info.source)},
            {"upstream", info.upstream.empty() ? json::value(nullptr) : json::value(info.upstream)},
            {"age_ms", info.age.count()},
            {"idle_ms", info.idle.count()},
            {"bytes_to_upstream", info.bytes_to_upstream},
            {"bytes_to_client", info.bytes_to_client},
            {"phase", to_string(info.phase)},
            {"client_closed", info.client_closed},
            {"upstream_closed", info.upstream_closed}};
}

bool contains(const std::vector<relay::FlowId>& ids, const relay::FlowId& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

control::Reply connections_reply(const relay::ConnectionList& list) {
    json::array connections;
    for (const relay::ConnectionInfo& info : list.connections) {
        connections.push_back(connection_json(info));
    }
    control::Reply reply;
    reply.body = json::object{{"code", 0},
                              {"message", "ok"},
                              {"connections", std::move(connections)},
                              {"total", list.total}};
    return reply;
}

ParsedIds parse_ids(const std::vector<std::string>& texts) {
    ParsedIds result;
    for (const std::string& text : texts) {
        const auto id = relay::parse_flow_id(text);
        if (!id) {
            return {{}, text};
        }
        if (!contains(result.ids, *id)) {
            result.ids.push_back(*id);
        }
    }
    return result;
}

control::Reply disconnect_reply(const std::vector<relay::FlowId>& asked,
                                const std::vector<relay::FlowId>& ended) {
    json::array ended_list;
    json::array missing_list;
    std::string missing;
    for (const relay::FlowId& id : asked) {
        if (contains(ended, id)) {
            ended_list.emplace_back(to_string(id));
        } else {
            missing_list.emplace_back(to_string(id));
            missing += " " + to_string(id);
        }
    }
    control::Reply reply;
    reply.code = ended.empty() ? control::ExitCode::Refused : control::ExitCode::Done;
    reply.text = std::to_string(ended.size()) +
                 (ended.size() == 1 ? " connection ended" : " connections ended") +
                 (missing.empty() ? "" : "; not open, or not any more:" + missing);
    reply.body = json::object{{"code", static_cast<int>(reply.code)},
                              {"message", reply.text},
                              {"ended", std::move(ended_list)},
                              {"missing", std::move(missing_list)}};
    return reply;
}

}  // namespace tandem::daemon
