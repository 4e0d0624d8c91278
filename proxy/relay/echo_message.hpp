// ICMP echo, for IPv4 (RFC 792) and IPv6 (RFC 4443 §4). Pure.
#pragma once

#include "proxy/relay/datagram_verdict.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::relay {

struct EchoRequest {
    bool is_v4 = true;
    std::uint16_t identifier = 0;
    std::uint16_t sequence = 0;
    /// Comes back; 64 bytes at most.
    std::string payload{};
};

/// With a checksum for IPv4; that of IPv6 is the kernel's to fill in.
std::string make_echo_request(const EchoRequest& request);

/// Passes when it is the reply to `request`, else it is foreign: a raw socket hears what others
/// asked for.
/// @param has_ip_header as raw IPv4 sockets deliver it.
DatagramVerdict judge_echo(const EchoRequest& request, bool has_ip_header,
                           std::string_view datagram);

}  // namespace tandem::relay
