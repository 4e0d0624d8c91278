// SMTP_CHECK: lets SmtpDialogue talk.
#include "proxy/relay/probe_session.hpp"
#include "proxy/relay/smtp_dialogue.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;

/// RFC 5321 §4.1.3: what a client says that has no name.
std::string address_literal(const IpAddress& address) {
    return (address.is_v4() ? "[" : "[IPv6:") + address.to_string() + "]";
}

class SmtpSession final : public StreamSession {
  public:
    SmtpSession(asio::io_context& context, SmtpCheck check, const SessionSettings& settings)
        : StreamSession(context, settings), check_(std::move(check)) {}

  private:
    std::shared_ptr<SmtpSession> self() {
        return std::static_pointer_cast<SmtpSession>(shared_from_this());
    }

    void on_connected() override {
        error_code error;
        const auto local = socket().local_endpoint(error);
        if (error) {
            fail(error.message());
            return;
        }
        dialogue_.emplace(check_.helo_name.empty() ? address_literal(local.address())
                                                   : check_.helo_name);
        listen();
    }

    void listen() {
        socket().async_read_some(asio::buffer(piece_),
                                 [session = self()](const error_code& error, std::size_t count) {
                                     if (!session->ended()) {
                                         session->heard(error, count);
                                     }
                                 });
    }

    void heard(const error_code& error, std::size_t count) {
        if (error && error != asio::error::eof) {
            fail(error.message());
            return;
        }
        SmtpDialogue::Step step =
            error ? dialogue_->on_end() : dialogue_->on_bytes({piece_.data(), count});
        if (step.verdict) {
            if (step.verdict->passed) {
                pass(step.verdict->text);
            } else {
                fail(step.verdict->text);
            }
        } else if (!step.send.empty()) {
            say(std::move(step.send));
        } else {
            listen();
        }
    }

    void say(std::string text) {
        said_ = std::move(text);
        asio::async_write(socket(), asio::buffer(said_),
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

    const SmtpCheck check_;
    std::optional<SmtpDialogue> dialogue_;
    std::array<char, 4096> piece_{};
    std::string said_;
};

}  // namespace

std::shared_ptr<ProbeSession> make_smtp_session(asio::io_context& context, const SmtpCheck& check,
                                                const SessionSettings& settings) {
    return std::make_shared<SmtpSession>(context, check, settings);
}

}  // namespace tandem::relay
