// UDP_CHECK: one datagram; a reply, or that nobody says the port is unreachable.
#include "proxy/relay/datagram_session.hpp"
#include "proxy/relay/udp_verdict.hpp"

namespace tandem::relay {

namespace {

constexpr std::size_t kRandomPayload = 16;

class UdpSession final : public DatagramSession {
  public:
    UdpSession(boost::asio::io_context& context, UdpCheck check, const SessionSettings& settings)
        : DatagramSession(context, settings), check_(std::move(check)) {}

  private:
    std::string question(const Descriptor& /*socket*/) override {
        return check_.payload.empty() ? random_bytes(kRandomPayload) : check_.payload;
    }
    DatagramVerdict judge(std::size_t length, std::string_view bytes) override {
        return judge_udp_reply(check_, length, bytes);
    }
    void on_deadline(std::string text) override {
        if (check_.requires_reply) {
            fail(std::move(text));
        } else {
            pass("not unreachable");
        }
    }

    const UdpCheck check_;
};

}  // namespace

std::shared_ptr<ProbeSession> make_udp_session(boost::asio::io_context& context,
                                               const UdpCheck& check,
                                               const SessionSettings& settings) {
    return std::make_shared<UdpSession>(context, check, settings);
}

}  // namespace tandem::relay
