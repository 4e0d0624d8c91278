#include "proxy/daemon/upstream_order.hpp"

#include "proxy/control/protocol.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <boost/json/object.hpp>

namespace tandem::daemon {
namespace {

using Order = control::UpstreamRequest::Order;

/// Names of a list, not more than a person reads.
template <class List>
std::string names_of(const List& list) {
    constexpr std::size_t kShown = 10;
    std::string text;
    for (std::size_t index = 0; index < std::min(list.size(), kShown); ++index) {
        text += (text.empty() ? "" : ", ") + list[index].name;
    }
    if (list.size() > kShown) {
        text += " and " + std::to_string(list.size() - kShown) + " more";
    }
    return text.empty() ? "none" : text;
}

/// What comes of the order, in a sentence.
std::string consequence(const control::UpstreamRequest& request,
                        const relay::UpstreamStatus& before) {
    const std::string active = std::to_string(before.active);
    switch (request.order) {
        case Order::Down:
            if (before.reset_on_down) {
                return "no new connections, its " + active + " are reset";
            }
            [[fallthrough]];
        case Order::Drain:
            return "no new connections, " + active + " go on";
        case Order::Ready:
            return before.up ? "new connections again" : "but its checks find it down";
        case Order::Weight:
            break;
    }
    if (before.admin != relay::AdminState::Ready) {
        return "but it gets no new connections until it is ready again";
    }
    return request.weight.value_or(before.weight) == 0 ? "no new connections, " + active + " go on"
                                                       : "for new connections";
}

}  // namespace

UpstreamChoice find_upstream(const std::vector<relay::ServiceStatus>& services,
                             const control::UpstreamRequest& request) {
    const auto named = [](const std::string& name) {
        return [&name](const auto& item) { return item.name == name; };
    };
    const auto service = std::find_if(services.begin(), services.end(), named(request.service));
    if (service == services.end()) {
        return {nullptr,
                "there is no service " + request.service + "; there are: " + names_of(services)};
    }
    const auto& upstreams = service->upstreams;
    const auto upstream = std::find_if(upstreams.begin(), upstreams.end(), named(request.upstream));
    if (upstream == upstreams.end()) {
        return {nullptr, "the service " + request.service + " has no upstream " + request.upstream +
                             "; it has: " + names_of(upstreams)};
    }
    return {&*upstream, {}};
}

relay::AdminState admin_state(Order order) {
    switch (order) {
        case Order::Drain:
            return relay::AdminState::Drain;
        case Order::Down:
            return relay::AdminState::Down;
        case Order::Ready:
        case Order::Weight:
            break;
    }
    return relay::AdminState::Ready;
}

std::string_view to_string(relay::AdminState state) {
    switch (state) {
        case relay::AdminState::Ready:
            return "ready";
        case relay::AdminState::Drain:
            return "drain";
        case relay::AdminState::Down:
            break;
    }
    return "down";
}

std::string order_text(const control::UpstreamRequest& request) {
    std::string text{control::name_of(request.order)};
    if (request.order == Order::Weight) {
        text += request.weight ? " " + std::to_string(*request.weight) : " as configured";
    }
    return text;
}

control::Reply upstream_reply(const control::UpstreamRequest& request,
                              const relay::UpstreamStatus& before) {
    const bool is_weight = request.order == Order::Weight;
    const unsigned weight = is_weight ? request.weight.value_or(before.weight)
                                      : before.weight_override.value_or(before.weight);
    const auto admin = is_weight ? before.admin : admin_state(request.order);
    const std::string message = "upstream " + request.upstream + " of " + request.service + ": " +
                                order_text(request) + ", " + consequence(request, before);
    control::Reply reply;
    reply.text = message;
    reply.body = boost::json::object{{"code", 0},
                                     {"message", message},
                                     {"service", request.service},
                                     {"upstream", request.upstream},
                                     {"admin", to_string(admin)},
                                     {"weight", weight},
                                     {"configured_weight", before.weight},
                                     {"active", before.active}};
    return reply;
}

}  // namespace tandem::daemon
