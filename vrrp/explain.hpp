// Why a packet was discarded, in words: what was found against what was expected. Pure.
#pragma once

#include "vrrp/packet.hpp"

#include <string>

namespace tandem::vrrp {

/// One clause with the peer as the subject, for a log line or `status`: "it speaks VRRP version 2,
/// this node version 3". No bytes of the packet but numbers and addresses. For rate-limited
/// reports: it allocates.
/// @param reason that decode() gave for this datagram and configuration; for any other one the text
///        may be beside the point.
/// @param now as given to decode().
std::string explain(Discard reason, const Datagram& datagram, const InstanceConfig& config,
                    WallTime now);

/// How often the peer advertises, and this node.
std::string explain(const IntervalDiffers& differs, Duration own);

}  // namespace tandem::vrrp
