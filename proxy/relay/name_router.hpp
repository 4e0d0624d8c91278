// Which upstreams are there for the server name and the protocols that a TLS client asks for. Pure.
#pragma once

#include "proxy/relay/client_hello.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::relay {

/// What one upstream is there for; an empty list: for everything.
struct RouteConfig {
    /// "name" or "*.suffix", which stands for every name with something in front of ".suffix".
    /// Compared without regard to case; international names as they are sent, in ASCII form.
    std::vector<std::string> server_names;
    /// One of them must be offered by the client (ALPN identifiers, byte by byte).
    std::vector<std::string> protocols;
    [[nodiscard]] bool empty() const { return server_names.empty() && protocols.empty(); }
    bool operator==(const RouteConfig&) const = default;
};

/// The upstreams that match best get the connection, all others never: the exact name before the
/// longest wildcard before no list of names, then a list of protocols before none. Whether they
/// are up does not matter: others have no certificate for the name.
class NameRouter {
  public:
    /// @param routes one for each upstream.
    explicit NameRouter(std::vector<RouteConfig> routes);
    /// Indices of the upstreams that this hello must not reach, ascending; nullopt: that would be
    /// all of them.
    [[nodiscard]] std::optional<std::vector<std::uint16_t>> excluded(
        const ClientHello& hello) const;

  private:
    std::vector<RouteConfig> routes_;
};

}  // namespace tandem::relay
