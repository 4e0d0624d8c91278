// The question of DNS_CHECK and what an answer to it means: RFC 1035 §4. Pure.
#pragma once

#include "proxy/relay/check_config.hpp"
#include "proxy/relay/datagram_verdict.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::relay {

/// At most 271 bytes. Recursion is asked for, as the server may be a resolver.
/// @pre the name is as DnsCheck::name says.
std::string make_dns_query(const DnsCheck& check, std::uint16_t id);

/// An answer has this id and repeats this question. It passes when it has no error code, and fails
/// when it has, or when its records do not fit into it. As in keepalived an answer without records
/// passes: the server works. Compressed names are stepped over, never followed.
DatagramVerdict judge_dns_answer(const DnsCheck& check, std::uint16_t id,
                                 std::string_view datagram);

}  // namespace tandem::relay
