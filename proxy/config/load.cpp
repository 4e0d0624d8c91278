#include "proxy/config/draft.hpp"
#include "proxy/config/expander.hpp"
#include "proxy/config/load_from.hpp"
#include "proxy/config/resolve_command.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

/// Compares the drafts with this host. Whatever is missing may come later, so nothing but a
/// loopback interface for an instance prevents the start.
class HostCheck {
  public:
    HostCheck(Environment& environment, Reporter& reporter)
        : environment_(environment), reporter_(reporter), addresses_(environment.addresses()) {}

    void check(const InstanceDraft& instance) {
        check_interface(instance);
        check_tracked(instance.tracked);
        check_source(instance);
        check_peers(instance);
        for (const auto* list : {&instance.addresses, &instance.excluded}) {
            for (const AddressDraft& address : *list) {
                check_missing(address.address.interface, address.at,
                              "the address is added when the interface appears; the instance "
                              "serves its other addresses");
                // The owner has its virtual addresses as its own by definition.
                if (instance.priority != vrrp::kOwnerPriority) {
                    check_own(address, instance);
                }
            }
        }
    }

    void check_tracked(const std::vector<TrackDraft>& tracked) {
        for (const TrackDraft& line : tracked) {
            if (line.kind == vrrp::TrackKind::Interface) {
                check_missing(line.name, line.at,
                              std::string(line.weight.value_or(0) == 0 ? "the instance is faulty"
                                                                       : "it counts as down") +
                                  " until it appears; check the name with ip link");
            }
        }
    }

  private:
    [[nodiscard]] bool missing(const std::string& name) {
        return environment_.interface(name) == Environment::Interface::Missing;
    }

    void check_missing(const std::string& name, Position at, const std::string& advice) {
        if (!name.empty() && name != "lo" && missing(name) && seen_.insert(name).second) {
            reporter_.warning(at, "interface " + name + " does not exist on this host", advice);
        }
    }

    void check_interface(const InstanceDraft& instance) {
        const std::string& name = instance.interface;
        check_missing(name, instance.interface_at,
                      "it is used as soon as it appears; check the name with ip link");
        if (!name.empty() && name != "lo" &&
            environment_.interface(name) == Environment::Interface::Loopback) {
            reporter_.fatal(instance.interface_at,
                            "interface " + name + " is a loopback interface and has no peers",
                            "name the interface that connects both nodes");
        }
    }

    void check_source(const InstanceDraft& instance) {
        if (!instance.source || missing(instance.interface)) {
            return;
        }
        const IpAddress& source = instance.source->value;
        const bool is_virtual =
            std::any_of(instance.addresses.begin(), instance.addresses.end(),
                        [&](const AddressDraft& each) { return each.address.address == source; });
        // That is told already.
        if (is_virtual && instance.priority != vrrp::kOwnerPriority) {
            return;
        }
        if (std::none_of(addresses_.begin(), addresses_.end(),
                         [&](const HostAddress& own) { return own.address == source; })) {
            reporter_.error(instance.source->at, source.to_string() + " is not on this host",
                            "was it copied from the other node's file?");
        }
    }

    /// keepalived accepts any TTL from a peer; here 255 must arrive, which a router takes away.
    void check_peers(const InstanceDraft& instance) {
        for (const PeerDraft& peer : instance.peers) {
            if (peer.address.is_v6() || peer.min_ttl || peer.max_ttl) {
                continue;
            }
            bool known = false;
            bool on_link = false;
            for (const HostAddress& own : addresses_) {
                if (own.interface == instance.interface && own.address.is_v4()) {
                    known = true;
                    on_link = on_link || same_network(own, peer.address);
                }
            }
            if (known && !on_link) {
                reporter_.warning(peer.at,
                                  peer.address.to_string() + " is not on a network of " +
                                      instance.interface +
                                      ": what it sends is dropped if a router is in between",
                                  "write min_ttl 254 behind it, one less for each further router");
            }
        }
    }

    static bool same_network(const HostAddress& own, const IpAddress& other) {
        const unsigned length = own.prefix_length;
        const std::uint32_t mask = length == 0 ? 0 : 0xffffffffU << (32U - length);
        return ((own.address.to_v4().to_uint() ^ other.to_v4().to_uint()) & mask) == 0;
    }

    /// A virtual address that is here at the moment looks like an own one, but it has the
    /// configured prefix length, and the kernel lists the first IPv4 address first.
    void check_own(const AddressDraft& draft, const InstanceDraft& instance) {
        const netlink::VirtualAddress& wanted = draft.address;
        const std::string& name = wanted.interface.empty() ? instance.interface : wanted.interface;
        const HostAddress* first = nullptr;
        for (const HostAddress& own : addresses_) {
            if (first == nullptr && own.interface == name && own.address.is_v4()) {
                first = &own;
            }
            if (own.address != wanted.address) {
                continue;
            }
            const std::string text = wanted.address.to_string() +
                                     " is this host's own address: " + own.interface + " has it";
            if (own.prefix_length != wanted.prefix_length) {
                reporter_.error(draft.at,
                                text + " with prefix length " + std::to_string(own.prefix_length),
                                "use an address that no host has");
            } else if (&own == first) {
                reporter_.warning(draft.at, text + " as its first address",
                                  "use an address that no host has");
            }
        }
    }

    Environment& environment_;
    Reporter& reporter_;
    std::vector<HostAddress> addresses_;
    std::set<std::string> seen_;
};

void check_host(const Drafts& drafts, Environment& environment, Reporter& reporter) {
    HostCheck check(environment, reporter);
    for (const InstanceDraft& instance : drafts.instances) {
        check.check(instance);
    }
    for (const GroupDraft& group : drafts.groups) {
        check.check_tracked(group.tracked);
    }
}

}  // namespace

LoadResult load_from(const LoadOptions& options, Environment& environment) {
    Reporter reporter;
    Parser parser(reporter);
    Expander expander(environment, reporter, options.config_ids,
                      [&](const Text& line) { parser.line(line); });
    expander.read(options.path);

    LoadResult result;
    Drafts drafts;
    read_root(drafts, parser.finish(), reporter);
    apply_strict(drafts, reporter);
    const BuildContext context{drafts, environment, reporter, options.check_host};
    CommandResolver commands(context);
    build_global(result.model, context, commands);
    build_instances(result.model, context);
    build_relations(result.model, context, commands);
    build_services(result.model, drafts, commands, reporter);
    if (options.check_host) {
        check_host(drafts, environment, reporter);
    }
    if (result.model.instances.empty() && result.model.services.empty()) {
        reporter.fatal({}, "nothing to run: no usable vrrp_instance and no usable virtual_server",
                       "add a vrrp_instance and a virtual_server");
    }
    result.diagnostics = reporter.take();
    return result;
}

int LoadResult::exit_code() const {
    Severity worst = Severity::Note;
    for (const Diagnostic& diagnostic : diagnostics) {
        worst = std::max(worst, diagnostic.severity);
    }
    switch (worst) {
        case Severity::Note:
        case Severity::Warning:
            return 0;
        case Severity::Error:
            return 5;
        case Severity::Security:
            return 6;
        case Severity::Fatal:
            return 4;
    }
    return 4;
}

bool LoadResult::runnable() const {
    return exit_code() != 4;
}

}  // namespace tandem::config
