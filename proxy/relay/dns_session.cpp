// DNS_CHECK: one question.
#include "proxy/relay/datagram_session.hpp"
#include "proxy/relay/dns_message.hpp"

#include <random>

namespace tandem::relay {

namespace {

class DnsSession final : public DatagramSession {
  public:
    DnsSession(boost::asio::io_context& context, DnsCheck check, const SessionSettings& settings)
        : DatagramSession(context, settings),
          check_(std::move(check)),
          id_(static_cast<std::uint16_t>(std::random_device{}())) {}

  private:
    std::string question(const Descriptor& /*socket*/) override {
        return make_dns_query(check_, id_);
    }
    DatagramVerdict judge(std::size_t /*length*/, std::string_view bytes) override {
        return judge_dns_answer(check_, id_, bytes);
    }

    const DnsCheck check_;
    const std::uint16_t id_;
};

}  // namespace

std::shared_ptr<ProbeSession> make_dns_session(boost::asio::io_context& context,
                                               const DnsCheck& check,
                                               const SessionSettings& settings) {
    return std::make_shared<DnsSession>(context, check, settings);
}

}  // namespace tandem::relay
