// TCP_CHECK: connects, and when it is told to says something and waits for an answer.
#include "proxy/relay/probe_session.hpp"

#include <array>
#include <cstddef>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostAnswer = std::size_t{64} * 1024;

class TcpSession final : public StreamSession {
  public:
    TcpSession(asio::io_context& context, TcpCheck check, const SessionSettings& settings)
        : StreamSession(context, settings), check_(std::move(check)) {}

  private:
    std::shared_ptr<TcpSession> self() {
        return std::static_pointer_cast<TcpSession>(shared_from_this());
    }

    void on_connected() override {
        if (check_.send.empty()) {
            listen();
            return;
        }
        asio::async_write(socket(), asio::buffer(check_.send),
                          [session = self()](const error_code& error, std::size_t) {
                              if (session->ended()) {
                                  return;
                              }
                              if (error) {
                                  session->fail(error.message());
                              } else {
                                  session->listen();
                              }
                          });
    }

    void listen() {
        if (check_.expect.empty()) {
            pass("connected");
            return;
        }
        socket().async_read_some(asio::buffer(piece_),
                                 [session = self()](const error_code& error, std::size_t count) {
                                     if (!session->ended()) {
                                         session->heard(error, count);
                                     }
                                 });
    }

    void heard(const error_code& error, std::size_t count) {
        // What was found before is not looked at again.
        const std::size_t from =
            answer_.size() > check_.expect.size() ? answer_.size() - check_.expect.size() : 0;
        answer_.append(piece_.data(), count);
        if (answer_.find(check_.expect, from) != std::string::npos) {
            pass("the expected answer");
        } else if (error == asio::error::eof) {
            fail("closed without the expected answer");
        } else if (error) {
            fail(error.message());
        } else if (answer_.size() > kMostAnswer) {
            fail("64 KiB without the expected answer");
        } else {
            listen();
        }
    }

    const TcpCheck check_;
    std::array<char, 4096> piece_{};
    std::string answer_;
};

}  // namespace

std::shared_ptr<ProbeSession> make_tcp_session(asio::io_context& context, const TcpCheck& check,
                                               const SessionSettings& settings) {
    return std::make_shared<TcpSession>(context, check, settings);
}

}  // namespace tandem::relay
