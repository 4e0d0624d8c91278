// Which upstream gets the next connection. Pure.
#pragma once

#include "proxy/relay/config.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tandem::relay {

/// Round robin and smooth weighted round robin. One per service and worker; not thread-safe.
///
/// An upstream with weight zero (drain) or that is down is never picked. When nothing is left the
/// connection is refused: sending it to an upstream that its checks call dead would only hide the
/// outage behind a timeout. Upstreams without a check are always up.
class Balancer {
  public:
    Balancer(Algorithm algorithm, const std::vector<UpstreamConfig>& upstreams);

    void set_up(std::size_t upstream, bool up);
    /// @param tried indices that this connection has tried already; they are skipped.
    /// @return index into the configured upstreams; nullopt: nobody is left.
    std::optional<std::size_t> pick(std::span<const std::uint16_t> tried);

  private:
    struct Candidate {
        std::int64_t weight = 1;
        std::int64_t current = 0;
        bool up = true;
    };
    std::optional<std::size_t> pick_in_turn(std::span<const std::uint16_t> tried);
    std::optional<std::size_t> pick_weighted(std::span<const std::uint16_t> tried);
    [[nodiscard]] bool eligible(std::size_t upstream, std::span<const std::uint16_t> tried) const;

    Algorithm algorithm_;
    std::vector<Candidate> candidates_;
    std::size_t next_ = 0;
};

}  // namespace tandem::relay
