// One exchange of a check: opened from this node's own address, with a deadline. Shell.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/probe.hpp"
#include "proxy/relay/sockets.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/result.hpp>

namespace tandem::relay {

struct SessionSettings {
    Endpoint target;
    /// Unset: the address of this node that the kernel would choose.
    std::optional<IpAddress> source;
    /// For the whole session.
    Milliseconds limit;
    /// Never used as source (I3), whatever `source` says. They outlive the session.
    const std::vector<IpAddress>& virtual_addresses;
};

/// Opens its socket, then begin() goes on; pass(), fail() or the deadline end it, whichever is
/// first. Held by a shared pointer that its own handlers share, so that one that comes late finds
/// an ended session instead of a freed one. Used once.
class ProbeSession : public std::enable_shared_from_this<ProbeSession> {
  public:
    ProbeSession(boost::asio::io_context& context, const SessionSettings& settings);
    ProbeSession(const ProbeSession&) = delete;
    ProbeSession& operator=(const ProbeSession&) = delete;
    virtual ~ProbeSession() = default;

    /// `done` is called once, never from inside this call.
    void start(Probe::Done done);
    /// `done` will not be called.
    void cancel();

  protected:
    /// An error is one of this node, or told by it for the upstream; no packet has left.
    virtual error_code open(const IpAddress& source) = 0;
    /// The socket is open. Neither pass() nor fail() from inside this call.
    virtual void begin() = 0;
    virtual void close() = 0;
    /// @param text says that the time is over.
    virtual void on_deadline(std::string text) { fail(std::move(text)); }

    [[nodiscard]] bool ended() const { return !done_; }
    void pass(std::string text) { finish(ProbeResult::Kind::Passed, std::move(text)); }
    void fail(std::string text) { finish(ProbeResult::Kind::Failed, std::move(text)); }
    /// No packet has left. From any place.
    void not_started(const error_code& error, std::string text);
    [[nodiscard]] const Endpoint& target() const { return settings_.target; }

  private:
    [[nodiscard]] boost::system::result<IpAddress> choose_source() const;
    void finish(ProbeResult::Kind kind, std::string text);
    void finish_later(ProbeResult::Kind kind, std::string text);

    const SessionSettings settings_;
    boost::asio::steady_timer timer_;
    Probe::Done done_;
};

/// Connects over TCP, then on_connected() goes on.
class StreamSession : public ProbeSession {
  public:
    StreamSession(boost::asio::io_context& context, const SessionSettings& settings)
        : ProbeSession(context, settings), socket_(context) {}

  protected:
    virtual void on_connected() = 0;
    boost::asio::ip::tcp::socket& socket() { return socket_; }

  private:
    error_code open(const IpAddress& source) override;
    void begin() override;
    void close() override;
    [[nodiscard]] error_code connect_result();

    boost::asio::ip::tcp::socket socket_;
};

/// TCP_CHECK.
std::shared_ptr<ProbeSession> make_tcp_session(boost::asio::io_context& context,
                                               const TcpCheck& check,
                                               const SessionSettings& settings);
/// One url of HTTP_GET or SSL_GET.
std::shared_ptr<ProbeSession> make_http_session(boost::asio::io_context& context,
                                                const HttpCheck& check, const UrlCheck& url,
                                                const SessionSettings& settings);
/// SMTP_CHECK.
std::shared_ptr<ProbeSession> make_smtp_session(boost::asio::io_context& context,
                                                const SmtpCheck& check,
                                                const SessionSettings& settings);
/// DNS_CHECK.
std::shared_ptr<ProbeSession> make_dns_session(boost::asio::io_context& context,
                                               const DnsCheck& check,
                                               const SessionSettings& settings);
/// UDP_CHECK.
std::shared_ptr<ProbeSession> make_udp_session(boost::asio::io_context& context,
                                               const UdpCheck& check,
                                               const SessionSettings& settings);
/// PING_CHECK.
std::shared_ptr<ProbeSession> make_ping_session(boost::asio::io_context& context,
                                                const SessionSettings& settings);

}  // namespace tandem::relay
