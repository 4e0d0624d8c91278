#include "proxy/relay/access_record.hpp"

#include <array>
#include <cstddef>

namespace tandem::relay {

std::string_view to_string(FlowPhase phase) {
    constexpr std::array<std::string_view, 7> kNames{"accept", "preread",     "queue",  "connect",
                                                     "relay",  "half_closed", "deliver"};
    return kNames.at(static_cast<std::size_t>(phase));
}

std::string_view to_string(EndedBy side) {
    constexpr std::array<std::string_view, 3> kNames{"client", "upstream", "tandem"};
    return kNames.at(static_cast<std::size_t>(side));
}

std::string_view to_string(EndCause cause) {
    constexpr std::array<std::string_view, 21> kNames{"closed",
                                                      "reset",
                                                      "idle_timeout",
                                                      "fin_timeout",
                                                      "first_byte_timeout",
                                                      "delivery_timeout",
                                                      "preread_timeout",
                                                      "lifetime",
                                                      "demotion",
                                                      "operator",
                                                      "no_upstream",
                                                      "no_route",
                                                      "bad_proxy_header",
                                                      "queue_full",
                                                      "queue_timeout",
                                                      "upstream_down",
                                                      "shortage",
                                                      "inactive",
                                                      "denied",
                                                      "client_limit",
                                                      "client_rate"};
    return kNames.at(static_cast<std::size_t>(cause));
}

}  // namespace tandem::relay
