// Drafts of virtual_server and real_server → model.
#include "proxy/config/defaults.hpp"
#include "proxy/config/draft.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

/// "address:port", "[address]:port" for IPv6.
std::string endpoint_name(const relay::Endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' +
           std::to_string(endpoint.port());
}

/// `own` wins over `inherited`.
CheckDraft merged(const CheckDraft& inherited, const CheckDraft& own) {
    CheckDraft result = inherited;
    const auto take = [](auto& target, const auto& value) {
        if (value) {
            target = value;
        }
    };
    take(result.delay_loop, own.delay_loop);
    take(result.connect_timeout, own.connect_timeout);
    take(result.retry, own.retry);
    take(result.delay_before_retry, own.delay_before_retry);
    take(result.warmup, own.warmup);
    take(result.alpha, own.alpha);
    return result;
}

relay::HealthCheckConfig build_check(const CheckDraft& inherited, const CheckerDraft& checker,
                                     const relay::Endpoint& endpoint) {
    const CheckDraft draft = merged(inherited, checker.check);
    relay::HealthCheckConfig check;
    check.interval = draft.delay_loop.value_or(kDelayLoop);
    check.connect_timeout = draft.connect_timeout.value_or(kCheckConnectTimeout);
    check.retries = draft.retry.value_or(kCheckRetries);
    check.delay_before_retry =
        draft.delay_before_retry.value_or(checker.http ? kHttpDelayBeforeRetry : kDelayBeforeRetry);
    check.warmup = draft.warmup.value_or(check.interval);
    check.start_down = draft.alpha.value_or(false);
    const relay::Endpoint target(checker.connect_ip.value_or(endpoint.address()),
                                 checker.connect_port.value_or(endpoint.port()));
    if (target != endpoint) {
        check.target = target;
    }
    return check;
}

/// Builds one service; each step handles one group of keywords.
class ServiceBuilder {
  public:
    ServiceBuilder(const ServiceDraft& draft, const Model& model, Reporter& reporter)
        : draft_(draft), model_(model), reporter_(reporter) {}

    relay::ServiceConfig build() {
        result_.name = endpoint_name(draft_.listen);
        result_.listen = draft_.listen;
        if (!draft_.protocol_given) {
            reporter_.warning(draft_.at, label() + "no protocol is set; TCP is used",
                              "add protocol TCP; keepalived would take UDP");
        }
        set_instance();
        set_source();
        set_limits();
        for (const UpstreamDraft& upstream : draft_.upstreams) {
            add_upstream(upstream);
        }
        if (result_.upstreams.empty()) {
            reporter_.warning(draft_.at, label() + "no real_server: every connection is refused",
                              "add real_server ADDRESS PORT { ... }");
        }
        build_balance(result_, draft_, label(), reporter_);
        add_sorry_server();
        return std::move(result_);
    }

  private:
    [[nodiscard]] std::string label() const { return "(" + result_.name + ") "; }

    void set_instance() {
        for (const InstanceSettings& instance : model_.instances) {
            for (const netlink::VirtualAddress& address : instance.addresses) {
                if (address.address == draft_.listen.address()) {
                    result_.instance = instance.election.name;
                    return;
                }
            }
        }
        reporter_.note(draft_.at,
                       label() +
                           "the address is in no vrrp_instance: this node always "
                           "serves it",
                       "add it to virtual_ipaddress if it should move");
    }

    void set_source() {
        if (draft_.source) {
            const bool same_family =
                draft_.source->value.is_v4() == draft_.listen.address().is_v4();
            if (same_family && !draft_.source->value.is_unspecified()) {
                result_.source_address = draft_.source->value;
                return;
            }
            reporter_.error(
                draft_.source->at,
                label() + "source_address " + draft_.source->value.to_string() + " is ignored",
                "use an address of this node or a virtual address, of the same family");
        }
        if (!result_.instance.empty()) {
            result_.source_address = draft_.listen.address();
        }
    }

    void set_limits() {
        result_.connect_timeout = draft_.connect_timeout.value_or(result_.connect_timeout);
        result_.idle_timeout = draft_.idle_timeout.value_or(result_.idle_timeout);
        result_.fin_timeout = draft_.fin_timeout.value_or(result_.fin_timeout);
        result_.max_connections = draft_.max_connections.value_or(result_.max_connections);
    }

    /// DR and TUN cannot change the port in keepalived, so files may carry one that never counted.
    std::uint16_t upstream_port(const UpstreamDraft& draft) {
        const std::uint16_t service_port = draft_.listen.port();
        const std::uint16_t port = draft.port.value_or(service_port);
        const bool fixed = draft_.kind == "DR" || draft_.kind == "TUN";
        if (fixed && port != service_port) {
            reporter_.warning(draft.at,
                              label() + "with " + draft_.kind +
                                  " the port of a real_server is the "
                                  "service's port: " +
                                  std::to_string(service_port) + " is used, not " +
                                  std::to_string(port),
                              "write lb_kind NAT to use another port");
            return service_port;
        }
        return port;
    }

    void add_upstream(const UpstreamDraft& draft) {
        relay::UpstreamConfig upstream;
        upstream.endpoint = relay::Endpoint(draft.address, upstream_port(draft));
        upstream.name = endpoint_name(upstream.endpoint);
        const bool duplicate =
            std::any_of(result_.upstreams.begin(), result_.upstreams.end(),
                        [&](const auto& other) { return other.endpoint == upstream.endpoint; });
        if (duplicate) {
            reporter_.error(
                draft.at,
                label() + "real_server " + upstream.name + " is listed twice; this one is ignored",
                "remove one of them");
            return;
        }
        if (upstream.endpoint == draft_.listen) {
            reporter_.error(draft.at, label() + "real_server is the service itself; it is ignored",
                            "name the server behind the proxy");
            return;
        }
        if (result_.source_address && result_.source_address->is_v4() != draft.address.is_v4()) {
            reporter_.note(draft.at, label() + upstream.name +
                                         " is of another address family: the kernel chooses the "
                                         "source address of connections to it");
        }
        upstream.weight = draft.weight.value_or(draft_.weight.value_or(kRealServerWeight));
        upstream.balance =
            build_upstream_balance(draft, draft_, label() + upstream.name + ": ", reporter_);
        if (draft.checker) {
            upstream.check =
                build_check(merged(draft_.check, draft.check), *draft.checker, upstream.endpoint);
        }
        result_.upstreams.push_back(std::move(upstream));
    }

    void add_sorry_server() {
        auto sorry = build_sorry_server(result_, draft_, label(), reporter_);
        if (sorry) {
            sorry->name = endpoint_name(sorry->endpoint);
            result_.upstreams.push_back(std::move(*sorry));
        }
    }

    const ServiceDraft& draft_;
    const Model& model_;
    Reporter& reporter_;
    relay::ServiceConfig result_;
};

}  // namespace

void build_services(Model& model, const Drafts& drafts, Reporter& reporter) {
    for (const ServiceDraft& draft : drafts.services) {
        const bool duplicate =
            std::any_of(model.services.begin(), model.services.end(),
                        [&](const auto& other) { return other.listen == draft.listen; });
        if (duplicate) {
            reporter.error(draft.at,
                           "virtual_server " + endpoint_name(draft.listen) +
                               " exists already; this one is ignored",
                           "put all real_server blocks into one virtual_server");
            continue;
        }
        model.services.push_back(ServiceBuilder(draft, model, reporter).build());
    }
}

}  // namespace tandem::config
