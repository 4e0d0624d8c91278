// PING_CHECK: one ICMP echo.
#include "proxy/relay/datagram_session.hpp"
#include "proxy/relay/echo_message.hpp"

#include <cerrno>
#include <random>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

namespace tandem::relay {

namespace {

constexpr std::size_t kPayload = 16;
/// icmp(7), raw(7): of linux/icmp.h, which does not go with netinet/ip_icmp.h.
constexpr int kIcmpFilter = 1;

/// Without it a raw socket hears every ICMP message of the server. Failure costs turns only.
void hear_replies_only(const Descriptor& socket, bool is_v4) {
    if (is_v4) {
        const std::uint32_t blocked = ~(1U << unsigned{ICMP_ECHOREPLY});
        static_cast<void>(
            ::setsockopt(socket.get(), SOL_RAW, kIcmpFilter, &blocked, sizeof blocked));
        return;
    }
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    static_cast<void>(
        ::setsockopt(socket.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter));
}

class PingSession final : public DatagramSession {
  public:
    PingSession(boost::asio::io_context& context, const SessionSettings& settings)
        : DatagramSession(context, settings) {}

  private:
    /// The kernel keeps the replies of ping sockets apart, but lets only the groups of
    /// net.ipv4.ping_group_range have one: none, unless somebody has changed that.
    Descriptor make_socket() override {
        const bool is_v4 = target().address().is_v4();
        const int family = target().protocol().family();
        const int protocol = is_v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
        Descriptor socket{::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)};
        if (!socket.is_open() && (errno == EACCES || errno == EPERM || errno == EPROTONOSUPPORT)) {
            socket =
                Descriptor{::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)};
            is_raw_ = true;
            if (socket.is_open()) {
                hear_replies_only(socket, is_v4);
            }
        }
        return socket;
    }
    [[nodiscard]] std::uint16_t port() const override { return 0; }
    std::string question(const Descriptor& socket) override {
        std::random_device random;
        request_ = {.is_v4 = target().address().is_v4(),
                    .identifier = static_cast<std::uint16_t>(random()),
                    .sequence = static_cast<std::uint16_t>(random()),
                    .payload = random_bytes(kPayload)};
        // The identifier of a ping socket is the kernel's choice and its port.
        if (!is_raw_) {
            if (const auto local = local_endpoint(socket); local.has_value()) {
                request_.identifier = local->port();
            }
        }
        return make_echo_request(request_);
    }
    DatagramVerdict judge(std::size_t /*length*/, std::string_view bytes) override {
        return judge_echo(request_, is_raw_ && request_.is_v4, bytes);
    }

    bool is_raw_ = false;
    EchoRequest request_;
};

}  // namespace

std::shared_ptr<ProbeSession> make_ping_session(boost::asio::io_context& context,
                                                const SessionSettings& settings) {
    return std::make_shared<PingSession>(context, settings);
}

}  // namespace tandem::relay
