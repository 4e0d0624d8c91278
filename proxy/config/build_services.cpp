// Drafts of virtual_server and real_server → model.
#include "proxy/config/defaults.hpp"
#include "proxy/config/draft.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tandem::config {
namespace {

/// "address:port", "[address]:port" for IPv6.
std::string endpoint_name(const relay::Endpoint& endpoint) {
    const std::string address = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? '[' + address + ']' : address) + ':' +
           std::to_string(endpoint.port());
}

/// Builds one service; each step handles one group of keywords.
class ServiceBuilder {
  public:
    ServiceBuilder(const ServiceDraft& draft, const Drafts& drafts, Model& model,
                   CommandResolver& commands, Reporter& reporter)
        : draft_(draft), drafts_(drafts), model_(model), commands_(commands), reporter_(reporter) {}

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
        build_preread(result_, draft_, reporter_);
        if (result_.upstreams.empty()) {
            reporter_.warning(draft_.at, label() + "no real_server: every connection is refused",
                              "add real_server ADDRESS PORT { ... }");
        }
        build_balance(result_, draft_, label(), reporter_);
        add_sorry_server();
        return std::move(result_);
    }

  private:
    /// The services of a group are told of as one.
    [[nodiscard]] std::string label() const {
        return "(" + (draft_.group.empty() ? result_.name : "group " + draft_.group) + ") ";
    }

    void set_instance() {
        for (const InstanceSettings& instance : model_.instances) {
            for (const netlink::VirtualAddress& address : instance.addresses) {
                if (address.address == draft_.listen.address()) {
                    result_.instance = instance.election.name;
                    return;
                }
            }
        }
        reporter_.note(draft_.listen_at,
                       label() +
                           "the address is in no vrrp_instance: this node always "
                           "serves it",
                       "add it to virtual_ipaddress if it should move");
    }

    void set_source() {
        result_.source_addresses = without_duplicates(draft_.sources);
        if (result_.source_addresses.empty() && !result_.instance.empty()) {
            result_.source_addresses = {draft_.listen.address()};
        }
        result_.source_ports = draft_.source_ports.value_or(result_.source_ports);
    }

    std::vector<relay::IpAddress> without_duplicates(
        const std::vector<Located<relay::IpAddress>>& sources) {
        std::vector<relay::IpAddress> result;
        for (const auto& source : sources) {
            if (std::find(result.begin(), result.end(), source.value) == result.end()) {
                result.push_back(source.value);
                continue;
            }
            reporter_.warning(source.at, label() + "source_address " + source.value.to_string() +
                                             " is listed twice");
        }
        return result;
    }

    void set_limits() {
        result_.connect_timeout = draft_.connect_timeout.value_or(result_.connect_timeout);
        result_.idle_timeout = draft_.idle_timeout.value_or(result_.idle_timeout);
        result_.fin_timeout = draft_.fin_timeout.value_or(result_.fin_timeout);
        result_.max_connections = draft_.max_connections.value_or(result_.max_connections);
        result_.limits = draft_.limits;
        result_.access_log = build_access_log(drafts_.global.access_log, draft_.access_log);
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
        upstream.source_addresses = without_duplicates(draft.sources);
        const auto& sources = upstream.source_addresses.empty() ? result_.source_addresses
                                                                : upstream.source_addresses;
        const bool usable =
            std::any_of(sources.begin(), sources.end(), [&](const relay::IpAddress& source) {
                return source.is_v4() == draft.address.is_v4();
            });
        if (!sources.empty() && !usable) {
            reporter_.note(draft.at, label() + upstream.name +
                                         " is of another address family: the kernel chooses the "
                                         "source address of connections to it");
        }
        upstream.weight = draft.weight.value_or(draft_.weight.value_or(kRealServerWeight));
        upstream.balance = build_upstream_balance(draft, label() + upstream.name + ": ", reporter_);
        upstream.proxy_protocol = draft.proxy_protocol.value_or(
            draft_.proxy_protocol.value_or(relay::ProxyProtocol::Off));
        upstream.route = draft.route;
        upstream.checks = build_checks(
            model_, drafts_,
            {draft_, draft, upstream.endpoint, upstream.weight, label() + upstream.name + ": "},
            commands_, reporter_);
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
    const Drafts& drafts_;
    Model& model_;
    CommandResolver& commands_;
    Reporter& reporter_;
    relay::ServiceConfig result_;
};

/// Ports of one block; more would be a mistake rather than a service.
constexpr unsigned kMostPorts = 1024;
constexpr unsigned kHighestPort = 65535;

/// How many ports the block stands for; reports a range that cannot be, and gives one.
unsigned count_ports(const ServiceDraft& draft, Reporter& reporter) {
    const unsigned first = draft.listen.port();
    if (!draft.last_port) {
        return 1;
    }
    const unsigned last = draft.last_port->value;
    const auto refuse = [&](const std::string& what, const std::string& advice) {
        reporter.error(draft.last_port->at,
                       "(" + endpoint_name(draft.listen) + ") last_port " + std::to_string(last) +
                           ' ' + what + "; it is ignored",
                       advice);
        return 1U;
    };
    if (last < first) {
        return refuse("is below the service's port", "write " + std::to_string(first) + " or more");
    }
    const unsigned count = last - first + 1;
    if (count > kMostPorts) {
        return refuse("makes " + std::to_string(count) + " services",
                      "at most " + std::to_string(kMostPorts) + " are possible");
    }
    for (const UpstreamDraft& upstream : draft.upstreams) {
        if (upstream.port.value_or(0) + count - 1 > kHighestPort) {
            return refuse("leads beyond port 65535 at real_server " + upstream.address.to_string() +
                              ' ' + std::to_string(*upstream.port),
                          "");
        }
    }
    return count;
}

relay::Endpoint moved(const relay::Endpoint& endpoint, unsigned offset) {
    return {endpoint.address(), static_cast<std::uint16_t>(endpoint.port() + offset)};
}

/// The same service `offset` ports higher, at the upstreams too. A check that has a port of its own
/// stays at that.
relay::ServiceConfig moved(relay::ServiceConfig service, unsigned offset) {
    service.listen = moved(service.listen, offset);
    service.name = endpoint_name(service.listen);
    for (relay::UpstreamConfig& upstream : service.upstreams) {
        for (relay::HealthCheckConfig& check : upstream.checks) {
            if (check.target && check.target->port() == upstream.endpoint.port()) {
                check.target = moved(*check.target, offset);
            }
        }
        upstream.endpoint = moved(upstream.endpoint, offset);
        upstream.name = endpoint_name(upstream.endpoint);
    }
    return service;
}

/// Each is a descriptor of the process and a buffer.
constexpr std::size_t kMostAccessLogs = 16;

/// Services beyond the bound go without a log.
void bound_access_logs(Model& model, const Drafts& drafts, Reporter& reporter) {
    std::vector<std::string> files;
    for (relay::ServiceConfig& service : model.services) {
        relay::AccessLogConfig& log = service.access_log;
        if (log.file.empty() || std::ranges::find(files, log.file) != files.end()) {
            continue;
        }
        if (files.size() < kMostAccessLogs) {
            files.push_back(log.file);
            continue;
        }
        const auto draft = std::ranges::find(
            drafts.services, log.file,
            [](const ServiceDraft& candidate) { return candidate.access_log.file; });
        reporter.error(draft == drafts.services.end() ? Position() : draft->access_log.at,
                       "access_log: more than " + std::to_string(kMostAccessLogs) +
                           " files; the service " + service.name + " has none",
                       "let services share a file: every line names its service");
        log = {};
    }
}

/// False: another service listens there already; that is reported.
bool is_free(const Model& model, const relay::Endpoint& listen, const Position& at,
             Reporter& reporter) {
    if (std::ranges::find(model.services, listen, &relay::ServiceConfig::listen) ==
        model.services.end()) {
        return true;
    }
    reporter.error(
        at, "virtual_server " + endpoint_name(listen) + " exists already; this one is ignored",
        "put all real_server blocks into one virtual_server");
    return false;
}

void build_service(Model& model, const Drafts& drafts, const ServiceDraft& draft,
                   CommandResolver& commands, Reporter& reporter) {
    if (!is_free(model, draft.listen, draft.listen_at, reporter)) {
        return;
    }
    const relay::ServiceConfig first =
        ServiceBuilder(draft, drafts, model, commands, reporter).build();
    const unsigned count = count_ports(draft, reporter);
    for (unsigned offset = 0; offset < count; ++offset) {
        relay::ServiceConfig service = moved(first, offset);
        if (is_free(model, service.listen, draft.listen_at, reporter)) {
            model.services.push_back(std::move(service));
        }
    }
}

/// Groups make no more services than this in all; each is a socket for every worker.
constexpr std::size_t kMostServices = 8192;

/// One service for each address and port of the group.
/// @param users names of the groups that have a service.
void build_group(Model& model, const Drafts& drafts, ServiceDraft draft,
                 std::set<std::string>& users, CommandResolver& commands, Reporter& reporter) {
    const auto group =
        std::ranges::find(drafts.listener_groups, draft.group, &ListenerGroupDraft::name);
    const auto refuse = [&](const std::string& problem, const std::string& advice) {
        reporter.error(
            draft.at,
            "virtual_server_group '" + draft.group + "' " + problem + "; this service is ignored",
            advice);
    };
    if (group == drafts.listener_groups.end() || group->ranges.empty()) {
        refuse(group == drafts.listener_groups.end() ? "does not exist" : "has no usable address",
               "write virtual_server_group " + draft.group + " { ADDRESS PORT }");
        return;
    }
    if (!users.insert(draft.group).second) {
        refuse("is used by a virtual_server already",
               "put all real_server blocks into one virtual_server");
        return;
    }
    if (model.services.size() + group->size > kMostServices) {
        refuse("makes more than " + std::to_string(kMostServices) + " services",
               "list fewer addresses");
        return;
    }
    if (draft.last_port) {
        reporter.error(draft.last_port->at,
                       "(group " + draft.group + ") last_port is ignored: the group has the ports",
                       "write a line ADDRESS PORT in the group for each");
        draft.last_port.reset();
    }
    if (group->size > 1) {
        reporter.note(draft.at, "(group " + draft.group + ") is " + std::to_string(group->size) +
                                    " services with the same servers: each has its own checks, "
                                    "limits and counters");
    }
    for (const ListenerRangeDraft& range : group->ranges) {
        draft.listen_at = range.at;
        for (IpAddress address = range.first;; address = successor(address)) {
            draft.listen = relay::Endpoint(address, range.port);
            build_service(model, drafts, draft, commands, reporter);
            if (address == range.last) {
                break;
            }
        }
    }
}

void report_unused_groups(const Drafts& drafts, Reporter& reporter) {
    for (const ListenerGroupDraft& group : drafts.listener_groups) {
        if (std::ranges::find(drafts.services, group.name, &ServiceDraft::group) ==
            drafts.services.end()) {
            reporter.warning(group.at, "virtual_server_group '" + group.name + "' is not used",
                             "write virtual_server group " + group.name + " { ... } or remove it");
        }
    }
}

}  // namespace

void build_services(Model& model, const Drafts& drafts, CommandResolver& commands,
                    Reporter& reporter) {
    std::set<std::string> users;
    for (const ServiceDraft& draft : drafts.services) {
        if (draft.group.empty()) {
            build_service(model, drafts, draft, commands, reporter);
        } else if (!draft.refused) {
            build_group(model, drafts, draft, users, commands, reporter);
        }
    }
    report_unused_groups(drafts, reporter);
    bound_access_logs(model, drafts, reporter);
}

}  // namespace tandem::config
