#include "proxy/config/draft.hpp"
#include "proxy/config/expander.hpp"
#include "proxy/config/load_from.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

/// An interface that is missing may come later; the loopback never gets peers.
void check_interface(const std::string& name, Position at, Environment& environment,
                     Reporter& reporter) {
    if (name.empty() || name == "lo") {
        return;
    }
    switch (environment.interface(name)) {
        case Environment::Interface::Missing:
            reporter.warning(at, "interface " + name + " does not exist on this host",
                             "it is used as soon as it appears; check the name with ip link");
            break;
        case Environment::Interface::Loopback:
            reporter.fatal(at, "interface " + name + " is a loopback interface and has no peers",
                           "name the interface that connects both nodes");
            break;
        case Environment::Interface::Usable:
            break;
    }
}

void check_host(const Drafts& drafts, Environment& environment, Reporter& reporter) {
    std::set<std::string> seen;
    for (const InstanceDraft& instance : drafts.instances) {
        if (seen.insert(instance.interface).second) {
            check_interface(instance.interface, instance.interface_at, environment, reporter);
        }
        for (const auto* list : {&instance.addresses, &instance.excluded}) {
            for (const AddressDraft& address : *list) {
                if (seen.insert(address.address.interface).second) {
                    check_interface(address.address.interface, address.at, environment, reporter);
                }
            }
        }
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
    result.model.global = drafts.global.settings;
    if (result.model.global.router_id.empty()) {
        result.model.global.router_id = environment.host_name();
    }
    build_instances(result.model, drafts, reporter);
    build_services(result.model, drafts, reporter);
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
