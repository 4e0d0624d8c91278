// What a reply means for UDP_CHECK. Pure.
#pragma once

#include "proxy/relay/check_config.hpp"
#include "proxy/relay/datagram_verdict.hpp"

#include <cstddef>
#include <string_view>

namespace tandem::relay {

/// Never foreign: whatever comes from the server's port is its reply. When no reply is required any
/// passes.
/// @param length of the datagram.
/// @param bytes as much of it as the expected reply is long, or all.
DatagramVerdict judge_udp_reply(const UdpCheck& check, std::size_t length, std::string_view bytes);

}  // namespace tandem::relay
