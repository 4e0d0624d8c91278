// HTTP_GET and SSL_GET: one request, and what the answer is worth.
#include "proxy/relay/http_verdict.hpp"
#include "proxy/relay/probe_session.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <sstream>
#include <utility>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t kMostHeader = std::size_t{64} * 1024;
constexpr std::size_t kMostBody = std::size_t{8} * 1024 * 1024;

/// Of the body as it comes, so that it need not be kept.
class Digest {
  public:
    Digest() : context_(EVP_MD_CTX_new()) {
        usable_ = context_ != nullptr && EVP_DigestInit_ex(context_, EVP_md5(), nullptr) == 1;
    }
    ~Digest() { EVP_MD_CTX_free(context_); }
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;

    void add(const void* data, std::size_t size) {
        usable_ = usable_ && EVP_DigestUpdate(context_, data, size) == 1;
    }
    /// "unknown": this machine's OpenSSL refuses MD5.
    std::string text() {
        std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
        unsigned size = 0;
        if (!usable_ || EVP_DigestFinal_ex(context_, bytes.data(), &size) != 1) {
            return "unknown";
        }
        constexpr std::string_view kDigits = "0123456789abcdef";
        std::string result;
        for (unsigned index = 0; index < size; ++index) {
            result += kDigits[bytes[index] >> 4U];
            result += kDigits[bytes[index] & 15U];
        }
        return result;
    }

  private:
    EVP_MD_CTX* context_;
    bool usable_ = false;
};

bool is_name(const std::string& host) {
    error_code error;
    boost::asio::ip::make_address(host, error);
    return !host.empty() && error;
}

class HttpSession final : public StreamSession {
  public:
    HttpSession(asio::io_context& context, const HttpCheck& check, UrlCheck url,
                const SessionSettings& settings)
        : StreamSession(context, settings),
          url_(std::move(url)),
          tls_name_(check.tls_name.empty() ? url_.virtual_host : check.tls_name) {
        request_.method(http::verb::get);
        request_.target(url_.path);
        request_.version(check.version);
        request_.set(http::field::host, url_.virtual_host.empty() ? address() : url_.virtual_host);
        request_.set(http::field::user_agent, "tandem");
        request_.set(http::field::connection, "close");
        parser_.header_limit(kMostHeader);
        parser_.body_limit(kMostBody);
        if (check.tls) {
            // Like keepalived: the check asks whether the server works, not who it is.
            tls_context_.emplace(asio::ssl::context::tls_client);
            tls_context_->set_verify_mode(asio::ssl::verify_none);
            tls_.emplace(socket(), *tls_context_);
        }
    }

  private:
    std::shared_ptr<HttpSession> self() {
        return std::static_pointer_cast<HttpSession>(shared_from_this());
    }
    [[nodiscard]] std::string address() const {
        std::ostringstream text;
        text << target();
        return text.str();
    }
    /// A handler that goes on with `next` unless the session has ended.
    auto then(void (HttpSession::*next)()) {
        return [session = self(), next](const error_code& error, std::size_t = 0) {
            if (session->ended()) {
                return;
            }
            if (error) {
                session->fail(error.message());
            } else {
                (session.get()->*next)();
            }
        };
    }
    template <class Function>
    void with_stream(Function function) {
        if (tls_) {
            function(*tls_);
        } else {
            function(socket());
        }
    }

    void on_connected() override {
        if (!tls_) {
            send_request();
            return;
        }
        if (is_name(tls_name_)) {
            // What SSL_set_tlsext_host_name() does, which copies the name.
            SSL_ctrl(tls_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(tls_name_.c_str()));
        }
        tls_->async_handshake(asio::ssl::stream_base::client, then(&HttpSession::send_request));
    }

    void send_request() {
        with_stream([this](auto& stream) {
            http::async_write(stream, request_, then(&HttpSession::read_header));
        });
    }

    void read_header() {
        with_stream([this](auto& stream) {
            http::async_read_header(stream, buffer_, parser_, then(&HttpSession::read_body));
        });
    }

    void read_body() {
        if (parser_.is_done()) {
            conclude();
            return;
        }
        parser_.get().body().data = piece_.data();
        parser_.get().body().size = piece_.size();
        with_stream([this](auto& stream) {
            http::async_read(stream, buffer_, parser_,
                             [session = self()](const error_code& error, std::size_t) {
                                 if (!session->ended()) {
                                     session->read_some(error);
                                 }
                             });
        });
    }

    void read_some(const error_code& error) {
        if (error && error != http::error::need_buffer) {
            // Many servers end TLS without saying so.
            const bool cut = error == asio::ssl::error::stream_truncated && !parser_.chunked() &&
                             !parser_.content_length();
            if (!cut) {
                fail(error.message());
                return;
            }
        }
        const std::size_t count = piece_.size() - parser_.get().body().size;
        digest_.add(piece_.data(), count);
        body_.append(piece_.data(), std::min(count, kSearchedBody - body_.size()));
        if (error == asio::ssl::error::stream_truncated) {
            conclude();
        } else {
            read_body();
        }
    }

    void conclude() {
        const unsigned status = parser_.get().result_int();
        if (const auto problem = judge(url_, status, digest_.text(), body_)) {
            fail(url_.path + ": " + *problem);
        } else {
            pass(url_.path + ": status " + std::to_string(status));
        }
    }

    const UrlCheck url_;
    const std::string tls_name_;
    http::request<http::empty_body> request_;
    http::response_parser<http::buffer_body> parser_;
    boost::beast::flat_buffer buffer_{kMostHeader};
    std::array<char, 8192> piece_{};
    std::string body_;
    Digest digest_;
    std::optional<asio::ssl::context> tls_context_;
    std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
};

}  // namespace

std::shared_ptr<ProbeSession> make_http_session(asio::io_context& context, const HttpCheck& check,
                                                const UrlCheck& url,
                                                const SessionSettings& settings) {
    return std::make_shared<HttpSession>(context, check, url, settings);
}

}  // namespace tandem::relay
