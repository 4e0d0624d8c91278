// A question in one datagram and the wait for an answer to it. Shell.
#pragma once

#include "proxy/relay/datagram_verdict.hpp"
#include "proxy/relay/probe_session.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <boost/asio/posix/stream_descriptor.hpp>

namespace tandem::relay {

/// The socket is connected: only the server's datagrams come, and what the network says of the
/// server (port or host unreachable) ends the session as a failure.
class DatagramSession : public ProbeSession {
  public:
    DatagramSession(boost::asio::io_context& context, const SessionSettings& settings)
        : ProbeSession(context, settings), descriptor_(context) {}

  protected:
    /// Non-blocking; not open: errno says why.
    virtual Descriptor make_socket();
    /// Zero when the protocol has no ports.
    [[nodiscard]] virtual std::uint16_t port() const { return target().port(); }
    /// Called once, on the connected socket.
    virtual std::string question(const Descriptor& socket) = 0;
    /// @param length of the datagram, of which `bytes` may be the beginning only.
    virtual DatagramVerdict judge(std::size_t length, std::string_view bytes) = 0;

  private:
    error_code open(const IpAddress& source) override;
    void begin() override;
    void close() override;
    void listen();
    void receive();

    boost::asio::posix::stream_descriptor descriptor_;
    std::string question_;
    unsigned foreign_ = 0;
    std::array<char, 4096> buffer_{};
};

/// Bytes that nobody can foresee.
std::string random_bytes(std::size_t count);

}  // namespace tandem::relay
