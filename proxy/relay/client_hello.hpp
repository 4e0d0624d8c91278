// What a TLS client tells before anything is encrypted: the server's name and the protocols it
// offers. Pure.
//
// Source: RFC 8446 §4.1.2 and §5.1, RFC 6066 §3 (server_name), RFC 7301 §3.1 (ALPN). With Encrypted
// Client Hello (RFC 9849) this is the outer hello, whose name is the one to route by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tandem::relay {

/// Longest hello that is read, record headers included. Post-quantum key shares make hellos of a
/// few KiB, several of them more than a record's 16 KiB.
inline constexpr std::size_t kMaxClientHello = std::size_t{64} * 1024;

struct ClientHello {
    /// As sent, not longer than 255 bytes; empty: none.
    std::string server_name;
    /// In the client's order.
    std::vector<std::string> protocols;
};

/// Finds the end of the hello while its bytes come in, however they are cut into segments and
/// records, then reads it. Remembers how far it came: the whole work is linear in the hello's size.
class ClientHelloReader {
  public:
    enum class Verdict : std::uint8_t {
        NeedMore,
        /// hello() is complete.
        Complete,
        /// Not TLS, malformed or longer than kMaxClientHello: hello() is empty.
        NotAHello,
    };
    /// @param received everything since the beginning of the stream, in each call more of it. At
    /// the first byte that cannot belong to a hello the verdict is NotAHello.
    Verdict read(std::span<const std::byte> received);
    [[nodiscard]] const ClientHello& hello() const { return hello_; }

  private:
    Verdict read_message();

    ClientHello hello_;
    /// Where the record header begins that was not yet passed.
    std::size_t record_ = 0;
    /// The handshake message: the contents of the records before it.
    std::vector<std::byte> message_;
};

}  // namespace tandem::relay
