// The PROXY protocol, versions 1 and 2: who the client of a relayed connection is. Pure codec.
//
// Source: the protocol's specification, "The PROXY protocol, versions 1 & 2", section numbers as
// given at the functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include <boost/asio/ip/tcp.hpp>

namespace tandem::relay {

enum class ProxyProtocol : std::uint8_t { Off, V1, V2 };

/// Both ends of a connection as its client sees them.
struct ConnectionAddresses {
    boost::asio::ip::tcp::endpoint source;
    boost::asio::ip::tcp::endpoint destination;
    bool operator==(const ConnectionAddresses&) const = default;
};

// ---- decoding

/// Longest header that is accepted, its TLVs included; version 1 never has more than 107 bytes.
inline constexpr std::size_t kMaxProxyHeader = std::size_t{16} * 1024;

/// The bytes so far are the beginning of a header.
struct ProxyHeaderNeedsMore {};

struct ProxyHeader {
    /// Bytes of the header; what follows is the client's.
    std::size_t consumed = 0;
    /// Unset: the real ones count. So it is with LOCAL, UNKNOWN, UNSPEC, and with addresses that no
    /// TCP connection has (UNIX, datagram). IPv4 addresses mapped into IPv6 come out as IPv4.
    std::optional<ConnectionAddresses> addresses;
    /// The sender speaks for itself (LOCAL), such as with a health check.
    bool local = false;
};

enum class ProxyHeaderError : std::uint8_t {
    /// Neither version's first bytes.
    NoHeader,
    /// Version 1: no end of line within 107 bytes. Version 2: more than kMaxProxyHeader.
    TooLong,
    /// Version 1: a word is missing, is too much or is not what belongs there.
    BadLine,
    BadVersion,
    BadCommand,
    BadFamily,
    /// The addresses or a TLV do not fit into the length that the header states.
    BadLength,
    BadChecksum,
};
/// For people.
std::string_view text(ProxyHeaderError error);

using ProxyHeaderResult = std::variant<ProxyHeaderNeedsMore, ProxyHeader, ProxyHeaderError>;

/// Looks for a header in front of `received`: everything the connection has brought so far. Ask
/// again with more behind it as long as more is needed; the answer does not depend on how the bytes
/// were cut. An error is told at the first byte that proves it. Costs less than a microsecond until
/// a version 2 header is complete, then the time to walk its TLVs.
ProxyHeaderResult decode_proxy_header(std::span<const std::byte> received);

// ---- encoding

class EncodedProxyHeader {
  public:
    /// Version 1's longest, with the addresses of two IPv6 hosts; version 2 has at most 52 bytes.
    static constexpr std::size_t kCapacity = 107;
    [[nodiscard]] std::span<const std::byte> bytes() const { return {data_.data(), size_}; }
    void append(std::span<const std::byte> bytes);
    void append(std::string_view text) { append(std::as_bytes(std::span(text))); }

  private:
    std::array<std::byte, kCapacity> data_{};
    std::size_t size_ = 0;
};

/// Section 2.1 or 2.2, command PROXY, without TLVs. If only one of the addresses is IPv4, both are
/// written as IPv6, that one mapped. @pre version is not Off
EncodedProxyHeader encode_proxy_header(ProxyProtocol version, const ConnectionAddresses& addresses);

/// CRC-32C (Castagnoli), as the checksum TLV has it.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace tandem::relay
