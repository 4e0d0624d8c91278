// tandemd: reads the command line and the configuration, then runs the guardian, or as its child
// the node.
#include "proxy/config/explain.hpp"
#include "proxy/config/print_diagnostics.hpp"
#include "proxy/daemon/guardian.hpp"
#include "proxy/daemon/load_configuration.hpp"
#include "proxy/daemon/node.hpp"
#include "proxy/daemon/options.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

namespace config = tandem::config;
namespace node = tandem::daemon;

constexpr int kUsageError = 2;

std::string host_name() {
    std::string name(HOST_NAME_MAX + 1, '\0');
    if (gethostname(name.data(), name.size()) == -1) {
        return "localhost";
    }
    name.resize(name.find('\0'));
    return name.substr(0, name.find('.'));
}

/// The soft limit is 1024 on most hosts, for programs that use select(); two descriptors make one
/// relayed connection.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void print_diagnostics(config::LoadResult& loaded, bool json) {
    if (json) {
        config::add_sources(loaded.diagnostics);
        std::cerr << config::to_json(loaded.diagnostics) << '\n';
    } else {
        config::print_diagnostics(std::cerr, loaded);
    }
}

int explain(const node::Options& options) {
    const auto text = options.check_json ? config::explain_json(options.explain)
                                         : config::explain(options.explain);
    if (!text) {
        std::cerr << "tandemd: " << config::explain_unknown(options.explain) << '\n';
        return kUsageError;
    }
    std::cout << *text;
    return EXIT_SUCCESS;
}

int run(node::Options options, const std::vector<std::string>& arguments) {
    const std::string node_name = options.config_id.empty() ? host_name() : options.config_id;
    options.config_id = node_name;
    config::LoadResult loaded = node::load_configuration(options.config_path, node_name);
    if (options.check_only || !loaded.runnable()) {
        print_diagnostics(loaded, options.check_json);
        return loaded.exit_code();
    }
    const bool guarded = options.guardian_channel != -1;
    // Before any thread exists; the working directory stays, relative paths keep their meaning.
    if (!options.foreground && !guarded && ::daemon(1, options.log_to_console ? 1 : 0) == -1) {
        std::cerr << "tandemd: cannot go into the background: "
                  << std::generic_category().message(errno) << " (use -n)\n";
        return EXIT_FAILURE;
    }
    if (!guarded && !options.no_guardian) {
        return node::run_guardian(options, arguments);
    }
    return static_cast<int>(node::run_node(options, node_name, loaded));
}

}  // namespace

int main(int argc, char** argv) {
    // A log reader that goes away must not take the node with it.
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    const auto parsed = node::parse_options(arguments);
    if (!parsed.error.empty()) {
        std::cerr << "tandemd: " << parsed.error << "\n" << node::usage();
        return kUsageError;
    }
    if (parsed.options.help) {
        std::cout << node::usage();
        return EXIT_SUCCESS;
    }
    if (parsed.options.version) {
        std::cout << "tandemd " TANDEM_VERSION "\n";
        return EXIT_SUCCESS;
    }
    if (!parsed.options.explain.empty()) {
        return explain(parsed.options);
    }
    return run(parsed.options, arguments);
}
