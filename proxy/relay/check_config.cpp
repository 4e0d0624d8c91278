#include "proxy/relay/check_config.hpp"

namespace tandem::relay {

std::string to_string(const HealthCheckConfig& check) {
    if (std::holds_alternative<TcpCheck>(check.what)) {
        return "TCP_CHECK";
    }
    if (const auto* http = std::get_if<HttpCheck>(&check.what)) {
        return http->tls ? "SSL_GET" : "HTTP_GET";
    }
    return "MISC_CHECK";
}

}  // namespace tandem::relay
