// Drafts of the choice of an upstream → model.
#include "proxy/config/draft.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace tandem::config {
namespace {

using relay::Algorithm;

constexpr auto kAlgorithms = std::to_array<std::pair<std::string_view, Algorithm>>(
    {{"rr", Algorithm::RoundRobin},
     {"wrr", Algorithm::WeightedRoundRobin},
     {"lc", Algorithm::LeastConnections},
     {"wlc", Algorithm::WeightedLeastConnections},
     {"sh", Algorithm::SourceHash},
     {"mh", Algorithm::SourceHash},
     {"fo", Algorithm::Failover},
     {"ovf", Algorithm::Overflow},
     {"sed", Algorithm::ShortestExpectedDelay},
     {"nq", Algorithm::NeverQueue},
     {"twos", Algorithm::RandomOfTwo},
     {"random", Algorithm::RandomOfTwo}});

Algorithm build_algorithm(const ServiceBalanceDraft& draft, const std::string& label,
                          Reporter& reporter) {
    constexpr Algorithm kDefault = Algorithm::WeightedLeastConnections;
    const std::string& name = draft.algorithm;
    if (name.empty()) {
        return kDefault;
    }
    const auto* known =
        std::ranges::find(kAlgorithms, name, &std::pair<std::string_view, Algorithm>::first);
    if (known != kAlgorithms.end()) {
        return known->second;
    }
    if (name == "dh" || name == "lblc" || name == "lblcr") {
        reporter.note(draft.algorithm_at,
                      label + "lb_algo " + name + " is for many destinations; wlc is used",
                      "write wlc, or mh to keep each client at one server");
        return kDefault;
    }
    reporter.error(draft.algorithm_at,
                   label + "unknown lb_algo '" + name + "'; wlc is used instead",
                   "allowed: rr, wrr, lc, wlc, sh, mh, fo, ovf, sed, nq, twos");
    return kDefault;
}

void build_quorum(relay::ServiceConfig& service, const ServiceDraft& draft,
                  const std::string& label, Reporter& reporter) {
    const ServiceBalanceDraft& balance = draft.balance;
    std::uint64_t most = 0;
    for (const auto& upstream : service.upstreams) {
        most += upstream.balance.role == relay::UpstreamRole::Primary ? upstream.weight : 0;
    }
    service.balance.quorum = balance.quorum.value_or(service.balance.quorum);
    service.balance.hysteresis = balance.hysteresis.value_or(service.balance.hysteresis);
    if (balance.quorum && service.balance.quorum > most && most > 0) {
        reporter.warning(draft.at,
                         label + "quorum " + std::to_string(service.balance.quorum) +
                             " is more than the weight of all servers; " + std::to_string(most) +
                             " is used",
                         "lower the quorum");
        service.balance.quorum = static_cast<unsigned>(most);
    }
    if (service.balance.hysteresis >= service.balance.quorum && balance.hysteresis) {
        reporter.warning(draft.at,
                         label + "hysteresis must be less than the quorum; " +
                             std::to_string(service.balance.quorum - 1) + " is used",
                         "lower the hysteresis");
        service.balance.hysteresis = service.balance.quorum - 1;
    }
}

}  // namespace

relay::UpstreamBalance build_upstream_balance(const UpstreamDraft& draft, const std::string& label,
                                              Reporter& reporter) {
    const UpstreamBalanceDraft& balance = draft.balance;
    relay::UpstreamBalance result;
    result.role = balance.backup ? relay::UpstreamRole::Backup : relay::UpstreamRole::Primary;
    result.reset_on_down = balance.reset_on_down;
    result.upper_threshold = balance.upper_threshold.value_or(0);
    const unsigned lower = balance.lower_threshold.value_or(0);
    if (lower <= result.upper_threshold) {
        result.lower_threshold = lower;
    } else {
        reporter.error(
            draft.at,
            label + "lthreshold " + std::to_string(lower) + " is ignored: uthreshold is " +
                (result.upper_threshold == 0 ? "not set" : std::to_string(result.upper_threshold)),
            "write an lthreshold of at most the uthreshold");
    }
    return result;
}

std::optional<relay::UpstreamConfig> build_sorry_server(const relay::ServiceConfig& service,
                                                        const ServiceDraft& draft,
                                                        const std::string& label,
                                                        Reporter& reporter) {
    if (!draft.balance.sorry) {
        return std::nullopt;
    }
    const SorryServerDraft& sorry = *draft.balance.sorry;
    relay::UpstreamConfig upstream;
    upstream.endpoint = relay::Endpoint(sorry.address, sorry.port.value_or(draft.listen.port()));
    upstream.balance.role = relay::UpstreamRole::Sorry;
    if (std::ranges::find(service.upstreams, upstream.endpoint, &relay::UpstreamConfig::endpoint) !=
        service.upstreams.end()) {
        reporter.error(sorry.at, label + "sorry_server is a real_server too; the line is ignored",
                       "name another server");
        return std::nullopt;
    }
    if (upstream.endpoint == draft.listen) {
        reporter.error(sorry.at, label + "sorry_server is the service itself; the line is ignored",
                       "name another server");
        return std::nullopt;
    }
    return upstream;
}

void build_balance(relay::ServiceConfig& service, const ServiceDraft& draft,
                   const std::string& label, Reporter& reporter) {
    const ServiceBalanceDraft& from = draft.balance;
    relay::ServiceBalance& to = service.balance;
    service.algorithm = build_algorithm(from, label, reporter);
    build_quorum(service, draft, label, reporter);
    take(to.panic_threshold, from.panic_threshold);
    take(to.persistence_timeout, from.persistence_timeout);
    take(to.slow_start, from.slow_start);
    take(to.retries, from.retries);
    take(to.max_fails, from.max_fails);
    take(to.fail_timeout, from.fail_timeout);
    take(to.queue_limit, from.queue_limit);
    take(to.queue_timeout, from.queue_timeout);
    const bool v4 = draft.listen.address().is_v4();
    if (from.client_bits && v4 && *from.client_bits > 32) {
        reporter.error(draft.at,
                       label + "persistence_granularity " + std::to_string(*from.client_bits) +
                           " is ignored: the service's address is IPv4",
                       "allowed: 1 to 32, or a netmask");
    } else {
        take(v4 ? to.client_bits_v4 : to.client_bits_v6, from.client_bits);
    }
}

}  // namespace tandem::config
