// Draft of what is read before the choice of a real_server → model.
#include "proxy/config/draft.hpp"

#include <algorithm>

namespace tandem::config {

void build_preread(relay::ServiceConfig& service, const ServiceDraft& draft, Reporter& reporter) {
    const PrereadDraft& preread = draft.preread;
    const std::string label = "(" + service.name + ") ";
    service.preread.proxy_senders = preread.senders;
    service.preread.timeout = preread.timeout.value_or(service.preread.timeout);
    service.preread.proxy_required = preread.required && !preread.senders.empty();
    if (preread.required && preread.senders.empty()) {
        reporter.warning(draft.at,
                         label + "accept_proxy_required has no effect without accept_proxy",
                         "add accept_proxy NETWORK...");
    }
    const auto chooses = [](const relay::UpstreamConfig& u) { return !u.route.empty(); };
    const bool any = std::ranges::any_of(service.upstreams, chooses);
    if (any && std::ranges::all_of(service.upstreams, chooses)) {
        reporter.note(draft.at,
                      label +
                          "no real_server without sni and alpn: connections that match none are "
                          "refused");
    }
    if (preread.timeout && !any && preread.senders.empty()) {
        reporter.note(draft.at,
                      label + "preread_timeout has no effect without accept_proxy, sni and alpn");
    }
}

}  // namespace tandem::config
