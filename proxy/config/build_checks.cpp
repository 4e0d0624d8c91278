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

/// Each `host` of SMTP_CHECK is a check of its own, as in keepalived; the check itself is one only
/// without them.
std::vector<CheckerDraft> without_hosts(const std::vector<CheckerDraft>& checkers) {
    std::vector<CheckerDraft> result;
    for (const CheckerDraft& checker : checkers) {
        for (const SmtpHostDraft& host : checker.hosts) {
            CheckerDraft& each = result.emplace_back(checker);
            take(each.check.connect_timeout, host.connect_timeout);
            take(each.connect_ip, host.connect_ip);
            take(each.connect_port, host.connect_port);
            take(each.bind_to, host.bind_to);
        }
        if (checker.hosts.empty()) {
            result.push_back(checker);
        }
    }
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
    if (checker.kind == "FILE_CHECK") {
        check.interval = kFileCheckPeriod;
        check.retries = 0;
        return check;
    }
    const bool is_dns = checker.kind == "DNS_CHECK";
    check.interval = draft.delay_loop.value_or(kDelayLoop);
    check.connect_timeout = draft.connect_timeout.value_or(kCheckConnectTimeout);
    check.retries = draft.retry.value_or(checker.kind == "MISC_CHECK" ? kProgramRetries
                                         : is_dns                     ? kDnsRetries
                                                                      : kCheckRetries);
    check.rise = draft.rise.value_or(check.rise);
    check.delay_before_retry =
        draft.delay_before_retry.value_or(is_http(checker) ? kHttpDelayBeforeRetry
                                          : is_dns         ? check.interval
                                                           : kDelayBeforeRetry);
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

/// Nothing: there is no file to read; that is reported.
std::optional<relay::FileCheck> build_file(const Drafts& drafts, const CheckedUpstream& upstream,
                                           const CheckerDraft& checker, Reporter& reporter) {
    if (!checker.track_file) {
        reporter.error(checker.at, upstream.label + "FILE_CHECK without track_file is ignored",
                       "add track_file NAME of a track_file block");
        return std::nullopt;
    }
    const std::string& name = checker.track_file->value;
    const auto found = std::ranges::find(drafts.files, name,
                                         [](const FileDraft& file) { return file.settings.name; });
    if (found == drafts.files.end() || found->settings.path.empty()) {
        reporter.error(
            checker.track_file->at,
            upstream.label + "FILE_CHECK is ignored: there is no usable track_file '" + name + "'",
            "define it: track_file " + name + " { file PATH }");
        return std::nullopt;
    }
    relay::FileCheck file;
    file.path = found->settings.path;
    file.weight = checker.file_weight.value_or(found->settings.weight);
    file.reverse = checker.file_weight ? checker.file_reverse : found->settings.reverse;
    file.base_weight = upstream.weight;
    return file;
}

/// What is done, for those that need nothing else than their block.
void set_simple(relay::HealthCheckConfig& check, const CheckerDraft& checker) {
    if (checker.kind == "SMTP_CHECK") {
        check.what = checker.smtp;
    } else if (checker.kind == "DNS_CHECK") {
        check.what = checker.dns;
    } else if (checker.kind == "UDP_CHECK") {
        check.what = checker.udp;
    } else if (checker.kind == "PING_CHECK") {
        check.what = relay::PingCheck{};
    } else {
        check.what = checker.tcp;
    }
}

/// False: it cannot be used; that is reported.
bool set_what(relay::HealthCheckConfig& check, const CheckerDraft& checker, Model& model,
              const Drafts& drafts, const CheckedUpstream& upstream, CommandResolver& commands,
              Reporter& reporter) {
    if (is_http(checker)) {
        check.what =
            build_http(upstream.service, upstream.draft, checker, upstream.label, reporter);
    } else if (checker.kind == "MISC_CHECK") {
        auto program =
            build_program(model, checker, check.interval, upstream.label, commands, reporter);
        if (!program) {
            return false;
        }
        check.what = std::move(*program);
    } else if (checker.kind == "FILE_CHECK") {
        auto file = build_file(drafts, upstream, checker, reporter);
        if (!file) {
            return false;
        }
        check.what = std::move(*file);
    } else {
        set_simple(check, checker);
    }
    return true;
}

}  // namespace

std::vector<relay::HealthCheckConfig> build_checks(Model& model, const Drafts& drafts,
                                                   const CheckedUpstream& upstream,
                                                   CommandResolver& commands, Reporter& reporter) {
    std::vector<relay::HealthCheckConfig> checks;
    const CheckDraft inherited = merged(upstream.service.check, upstream.draft.check);
    for (const CheckerDraft& checker : without_hosts(upstream.draft.checkers)) {
        relay::HealthCheckConfig check =
            build_timing(merged(inherited, checker.check), checker, upstream.endpoint);
        const relay::IpAddress target = check.target.value_or(upstream.endpoint).address();
        check.source = build_source(model, checker, target, upstream.label, reporter);
        if (set_what(check, checker, model, drafts, upstream, commands, reporter)) {
            checks.push_back(std::move(check));
        }
    }
    return checks;
}

}  // namespace tandem::config
