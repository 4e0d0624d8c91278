// The part of a connection that is read before an upstream is chosen: a PROXY header, then a TLS
// hello, or one of them. Pure.
#pragma once

#include "proxy/relay/client_hello.hpp"
#include "proxy/relay/proxy_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tandem::relay {

/// Drive it: read up to kMostPerRead bytes of the client and give them to on_bytes(), until its
/// verdict is another than NeedMore. What belongs to the client stays in bytes() until an upstream
/// is connected; then hand it on and call forget_bytes().
///
/// Memory: what the client has sent, at most kMaxKept (twice that for the vector's growth), and
/// once more the complete records of a hello.
class Preread {
  public:
    enum class Verdict : std::uint8_t {
        NeedMore,
        /// An upstream can be chosen.
        Complete,
        /// The PROXY header is invalid: error() says how.
        BadHeader,
    };
    /// A header, a hello, and what one read may bring beyond them.
    static constexpr std::size_t kMostPerRead = std::size_t{16} * 1024;
    static constexpr std::size_t kMaxKept = kMaxProxyHeader + kMaxClientHello + kMostPerRead;

    /// At least one of them is awaited.
    Preread(bool header, bool hello) : header_(header), had_header_(header), hello_(hello) {}

    Verdict on_bytes(std::span<const std::byte> bytes);

    /// Of the PROXY header. Unset: it has none that count, or there is none.
    [[nodiscard]] const std::optional<ConnectionAddresses>& addresses() const { return addresses_; }
    [[nodiscard]] const ClientHello& hello() const { return reader_.hello(); }
    [[nodiscard]] bool awaits_header() const { return header_; }
    /// The connection began with one, or was to.
    [[nodiscard]] bool had_header() const { return had_header_; }
    [[nodiscard]] ProxyHeaderError error() const { return error_; }
    /// The client's bytes, without the PROXY header.
    [[nodiscard]] std::span<const std::byte> bytes() const { return kept_; }
    /// They have been handed on.
    void forget_bytes() { kept_ = {}; }
    [[nodiscard]] std::size_t memory() const { return kept_.capacity(); }
    /// For the owner: how much of that it has counted elsewhere.
    std::size_t counted = 0;

  private:
    Verdict read_header();
    Verdict read_hello();

    /// Still awaited.
    bool header_;
    const bool had_header_;
    const bool hello_;
    ProxyHeaderError error_ = ProxyHeaderError::NoHeader;
    std::vector<std::byte> kept_;
    std::optional<ConnectionAddresses> addresses_;
    ClientHelloReader reader_;
};

}  // namespace tandem::relay
