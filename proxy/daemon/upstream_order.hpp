// `tandemctl upstream`: which upstream is meant, and what the operator is told. Pure.
#pragma once

#include "proxy/control/backend.hpp"
#include "proxy/relay/status.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tandem::daemon {

struct UpstreamChoice {
    /// Inside the services that were searched; null: there is none, `problem` says what there is.
    const relay::UpstreamStatus* upstream = nullptr;
    std::string problem;
};
UpstreamChoice find_upstream(const std::vector<relay::ServiceStatus>& services,
                             const control::UpstreamRequest& request);

/// Of every order but Weight.
relay::AdminState admin_state(control::UpstreamRequest::Order order);

/// "ready", "drain", "down".
std::string_view to_string(relay::AdminState state);

/// "drain", "weight 5", "weight as configured".
std::string order_text(const control::UpstreamRequest& request);

/// @param before what it was when the order came.
control::Reply upstream_reply(const control::UpstreamRequest& request,
                              const relay::UpstreamStatus& before);

}  // namespace tandem::daemon
