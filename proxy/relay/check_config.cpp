#include "proxy/relay/check_config.hpp"

namespace tandem::relay {

namespace {

struct KeywordOf {
    std::string operator()(const TcpCheck& /*check*/) const { return "TCP_CHECK"; }
    std::string operator()(const HttpCheck& check) const {
        return check.tls ? "SSL_GET" : "HTTP_GET";
    }
    std::string operator()(const ProgramCheck& /*check*/) const { return "MISC_CHECK"; }
    std::string operator()(const SmtpCheck& /*check*/) const { return "SMTP_CHECK"; }
    std::string operator()(const DnsCheck& /*check*/) const { return "DNS_CHECK"; }
    std::string operator()(const UdpCheck& /*check*/) const { return "UDP_CHECK"; }
    std::string operator()(const PingCheck& /*check*/) const { return "PING_CHECK"; }
    std::string operator()(const FileCheck& /*check*/) const { return "FILE_CHECK"; }
};

}  // namespace

bool sets_weight(const HealthCheckConfig& check) {
    if (const auto* program = std::get_if<ProgramCheck>(&check.what)) {
        return program->sets_weight;
    }
    const auto* file = std::get_if<FileCheck>(&check.what);
    return file != nullptr && file->weight != 0;
}

std::string to_string(const HealthCheckConfig& check) {
    return std::visit(KeywordOf{}, check.what);
}

}  // namespace tandem::relay
