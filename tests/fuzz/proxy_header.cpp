// Decoder of PROXY headers: no input crashes it, its answer does not depend on how the bytes are
// cut, and the addresses it accepts survive encoding in both versions.
//
// Input: the beginning of a connection.
#include "proxy/relay/proxy_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>

namespace {

using namespace tandem::relay;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_round_trip(const ConnectionAddresses& addresses) {
    for (const auto version : {ProxyProtocol::V1, ProxyProtocol::V2}) {
        const EncodedProxyHeader encoded = encode_proxy_header(version, addresses);
        const auto decoded = decode_proxy_header(encoded.bytes());
        const auto* header = std::get_if<ProxyHeader>(&decoded);
        require(header != nullptr && header->consumed == encoded.bytes().size());
        require(header->addresses.has_value());
        // Mixed families become IPv6, and come back as they were.
        require(*header->addresses == addresses);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto received = std::as_bytes(std::span(data, size));
    const ProxyHeaderResult whole = decode_proxy_header(received);
    if (const auto* header = std::get_if<ProxyHeader>(&whole)) {
        require(header->consumed > 0 && header->consumed <= size);
        require(header->consumed <= kMaxProxyHeader);
        require(!header->local || !header->addresses);
        if (header->addresses) {
            check_round_trip(*header->addresses);
        }
    }
    // Every prefix needs more, until one has the answer of the whole.
    const std::size_t most = size < 300 ? size : 300;
    for (std::size_t length = 0; length < most; ++length) {
        const ProxyHeaderResult part = decode_proxy_header(received.first(length));
        if (std::holds_alternative<ProxyHeaderNeedsMore>(part)) {
            continue;
        }
        require(part.index() == whole.index());
        if (const auto* error = std::get_if<ProxyHeaderError>(&part)) {
            require(*error == std::get<ProxyHeaderError>(whole));
            require(!text(*error).empty());
        } else {
            require(std::get<ProxyHeader>(part).consumed == std::get<ProxyHeader>(whole).consumed);
        }
    }
    return 0;
}
