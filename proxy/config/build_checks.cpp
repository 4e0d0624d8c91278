// Drafts of checkers → model.
#include "proxy/config/defaults.hpp"
#include "proxy/config/draft.hpp"
#include "proxy/config/resolve_command.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

/// `own` wins over `inherited`.
CheckDraft merged(const CheckDraft& inherited, const CheckDraft& own) {
    CheckDraft result = inherited;
    take(result.delay_loop, own.delay_loop);
    take(result.connect_timeout, own.connect_timeout);
    take(result.retry, own.retry);
    take(result.delay_before_retry, own.delay_before_retry);
    take(result.warmup, own.warmup);
    take(result.alpha, own.alpha);
    take(result.rise, own.rise);
    return result;
}

bool is_http(const CheckerDraft& checker) {
    return checker.kind == "HTTP_GET" || checker.kind == "SSL_GET";
}

/// Nothing: it cannot be used; that is reported.
std::optional<relay::IpAddress> build_source(const Model& model, const CheckerDraft& checker,
                                             const relay::IpAddress& target,
                                             const std::string& label, Reporter& reporter) {
    if (!checker.bind_to) {
        return std::nullopt;
    }
    // No structured binding: clang 14 does not let a lambda use one.
    const relay::IpAddress& address = checker.bind_to->value;
    const Position at = checker.bind_to->at;
    const std::string what = label + checker.kind + ": bindto " + address.to_string();
    if (address.is_unspecified() || address.is_multicast() || address.is_v4() != target.is_v4()) {
        reporter.warning(at, what + " is ignored: it cannot reach " + target.to_string(),
                         "write an address of this node of the same family");
        return std::nullopt;
    }
    const bool is_virtual = std::ranges::any_of(model.instances, [&](const auto& instance) {
        return std::ranges::find(instance.addresses, address, &netlink::VirtualAddress::address) !=
               instance.addresses.end();
    });
    if (is_virtual) {
        reporter.note(at,
                      what + " is ignored: it is a virtual address, which the other node may have",
                      "checks run from the node's own address on both nodes");
        return std::nullopt;
    }
    return address;
}

/// Everything but what is done.
relay::HealthCheckConfig build_timing(const CheckDraft& draft, const CheckerDraft& checker,
                                      const relay::Endpoint& endpoint) {
    relay::HealthCheckConfig check;
    check.interval = draft.delay_loop.value_or(kDelayLoop);
    check.connect_timeout = draft.connect_timeout.value_or(kCheckConnectTimeout);
    check.retries =
        draft.retry.value_or(checker.kind == "MISC_CHECK" ? kProgramRetries : kCheckRetries);
    check.rise = draft.rise.value_or(check.rise);
    check.delay_before_retry = draft.delay_before_retry.value_or(
        is_http(checker) ? kHttpDelayBeforeRetry : kDelayBeforeRetry);
    check.warmup = draft.warmup.value_or(check.interval);
    check.start_down = draft.alpha.value_or(false);
    const relay::Endpoint target(checker.connect_ip.value_or(endpoint.address()),
                                 checker.connect_port.value_or(endpoint.port()));
    if (target != endpoint) {
        check.target = target;
    }
    return check;
}

relay::HttpCheck build_http(const ServiceDraft& service, const UpstreamDraft& upstream,
                            const CheckerDraft& checker, const std::string& label,
                            Reporter& reporter) {
    relay::HttpCheck http;
    http.tls = checker.kind == "SSL_GET";
    http.version = checker.http_version;
    http.tls_name = checker.tls_name;
    http.urls = checker.urls;
    if (http.urls.empty()) {
        reporter.warning(checker.at, label + checker.kind + " without url: / is asked for",
                         "add url { path / }");
        http.urls.emplace_back();
    }
    std::optional<std::string> host = service.virtual_host;
    take(host, upstream.virtual_host);
    take(host, checker.virtual_host);
    for (relay::UrlCheck& url : http.urls) {
        if (url.virtual_host.empty()) {
            url.virtual_host = host.value_or("");
        }
    }
    return http;
}

/// Nothing: it cannot be run; that is reported.
std::optional<relay::ProgramCheck> build_program(Model& model, const CheckerDraft& checker,
                                                 Milliseconds interval, const std::string& label,
                                                 CommandResolver& commands, Reporter& reporter) {
    if (!checker.program || checker.program->text.empty()) {
        reporter.error(checker.at, label + "MISC_CHECK without misc_path is ignored",
                       "add misc_path \"PROGRAM ARGUMENTS\"");
        return std::nullopt;
    }
    CommandDraft draft = *checker.program;
    if (draft.user.empty()) {
        draft.user = checker.account.user;
        draft.group = checker.account.group;
    }
    auto command = commands.resolve(draft, label + "MISC_CHECK");
    if (!command) {
        return std::nullopt;
    }
    relay::ProgramCheck program;
    program.program = model.check_programs.size();
    program.timeout = checker.timeout.value_or(interval);
    program.sets_weight = checker.dynamic;
    for (const std::string& word : command->arguments) {
        program.text += word + '\0';
    }
    program.text += std::to_string(command->uid) + ':' + std::to_string(command->gid);
    model.check_programs.push_back(std::move(*command));
    return program;
}

}  // namespace

std::vector<relay::HealthCheckConfig> build_checks(Model& model, const ServiceDraft& service,
                                                   const UpstreamDraft& draft,
                                                   const relay::Endpoint& endpoint,
                                                   const std::string& label,
                                                   CommandResolver& commands, Reporter& reporter) {
    std::vector<relay::HealthCheckConfig> checks;
    const CheckDraft inherited = merged(service.check, draft.check);
    for (const CheckerDraft& checker : draft.checkers) {
        relay::HealthCheckConfig check =
            build_timing(merged(inherited, checker.check), checker, endpoint);
        const relay::IpAddress target = check.target.value_or(endpoint).address();
        check.source = build_source(model, checker, target, label, reporter);
        if (is_http(checker)) {
            check.what = build_http(service, draft, checker, label, reporter);
        } else if (checker.kind == "MISC_CHECK") {
            auto program = build_program(model, checker, check.interval, label, commands, reporter);
            if (!program) {
                continue;
            }
            check.what = *program;
        } else {
            check.what = checker.tcp;
        }
        checks.push_back(std::move(check));
    }
    return checks;
}

}  // namespace tandem::config
