// SSL_GET against a TLS server in this process, and answers that come slowly.
#include "proxy/relay/health_checker.hpp"
#include "tests/unit/relay/support.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace tandem::relay::test {
namespace {

template <class T, void (*Free)(T*)>
struct Deleter {
    void operator()(T* object) const { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509, X509_free>>;
using TlsContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX, SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, Deleter<SSL, SSL_free>>;

/// Of a server that signed its certificate itself, for no name and no time that would count.
TlsContext server_context() {
    const Key key{EVP_EC_gen("P-256")};
    const Certificate certificate{X509_new()};
    X509_set_pubkey(certificate.get(), key.get());
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), -3600);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    TlsContext context{SSL_CTX_new(TLS_server_method())};
    SSL_CTX_use_certificate(context.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), key.get());
    return context;
}

/// Accepts connections one after the other on a thread of its own.
class Server {
  public:
    using Serve = std::function<void(Stream&)>;
    explicit Server(Serve serve) : serve_(std::move(serve)), thread_([this] { run(); }) {}
    ~Server() {
        stopped_ = true;
        // Its accept() returns.
        const Stream wake = connect_to(upstream_.endpoint());
        thread_.join();
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    [[nodiscard]] Endpoint endpoint() const { return upstream_.endpoint(); }

  private:
    void run() {
        while (!stopped_) {
            Stream stream = upstream_.accept();
            if (stream.is_open() && !stopped_) {
                serve_(stream);
            }
        }
    }

    const Serve serve_;
    Upstream upstream_;
    std::atomic<bool> stopped_{false};
    std::thread thread_;
};

/// What a TLS server does after the handshake and the request.
struct Answer {
    std::string text;
    bool says_goodbye = true;
};

/// The name that the client asked for; "-": none.
class Names {
  public:
    void add(const char* name) {
        const std::lock_guard lock{mutex_};
        names_.emplace_back(name == nullptr ? "-" : name);
    }
    std::string first() {
        const std::lock_guard lock{mutex_};
        return names_.empty() ? "" : names_.front();
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> names_;
};

Server::Serve tls_server(Answer answer, Names& names) {
    const std::shared_ptr<SSL_CTX> context{server_context()};
    return [context, answer = std::move(answer), &names](Stream& stream) {
        const Tls tls{SSL_new(context.get())};
        SSL_set_fd(tls.get(), stream.native());
        if (SSL_accept(tls.get()) != 1) {
            return;
        }
        names.add(SSL_get_servername(tls.get(), TLSEXT_NAMETYPE_host_name));
        std::string request;
        char byte = 0;
        while (!request.ends_with("\r\n\r\n") && SSL_read(tls.get(), &byte, 1) == 1) {
            request += byte;
        }
        SSL_write(tls.get(), answer.text.data(), static_cast<int>(answer.text.size()));
        if (answer.says_goodbye) {
            SSL_shutdown(tls.get());
        }
        stream.finish();
    };
}

class SslCheckTest : public testing::Test {
  protected:
    SslCheckTest() {
        // OpenSSL writes without MSG_NOSIGNAL, and a check that has its answer hangs up.
        std::signal(SIGPIPE, SIG_IGN);
    }
    /// @return what the first result makes of the upstream; no change is told of one that passes.
    std::string check(const Endpoint& endpoint, HttpCheck what,
                      std::chrono::milliseconds limit = kPatience) {
        HealthCheckConfig config;
        config.interval = std::chrono::milliseconds{20};
        config.connect_timeout = limit;
        auto service = Relay::service_to({endpoint});
        std::string result;
        HealthHandlers handlers;
        handlers.on_change = [&result](const HealthChange& change) {
            result = std::string(change.up ? "up: " : "down: ") + change.reason;
        };
        boost::asio::io_context context;
        service.upstreams[0].checks = {config};
        service.upstreams[0].checks[0].what = std::move(what);
        HealthChecker checker{context, {service}, {}, std::move(handlers)};
        checker.start();
        const auto end = std::chrono::steady_clock::now() + kPatience;
        while (checker.status()[0].result.empty() && std::chrono::steady_clock::now() < end) {
            context.run_one_for(std::chrono::milliseconds{100});
        }
        return result.empty() ? "up: " + checker.status()[0].result : result;
    }

    static HttpCheck page(std::string host = {}, std::string tls_name = {}) {
        UrlCheck url;
        url.virtual_host = std::move(host);
        url.regex.text = "all is well";
        return {.tls = true, .tls_name = std::move(tls_name), .version = 11, .urls = {url}};
    }

    Names names;
};

constexpr const char* kWhole = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";
constexpr const char* kToTheEnd = "HTTP/1.0 200 OK\r\n\r\nall is well";
constexpr const char* kCut = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nall is well";

TEST_F(SslCheckTest, AsksForTheVirtualHostAndTakesAnyCertificate) {
    Server server{tls_server({kWhole}, names)};
    EXPECT_EQ(check(server.endpoint(), page("www.example.com")), "up: /: status 200");
    EXPECT_EQ(names.first(), "www.example.com");
}

TEST_F(SslCheckTest, AsksForTheNameOfItsOwnWhenThereIsOne) {
    Server server{tls_server({kWhole}, names)};
    EXPECT_EQ(check(server.endpoint(), page("www.example.com", "inner.example.com")),
              "up: /: status 200");
    EXPECT_EQ(names.first(), "inner.example.com");
}

TEST_F(SslCheckTest, AnAddressIsNoName) {
    Server server{tls_server({kWhole}, names)};
    EXPECT_EQ(check(server.endpoint(), page("203.0.113.5")), "up: /: status 200");
    EXPECT_EQ(names.first(), "-");
}

TEST_F(SslCheckTest, ABodyToTheEndNeedsNoGoodbyeButOneWithALengthMustBeWhole) {
    struct Case {
        Answer answer;
        bool passes;
    };
    for (const Case& test :
         {Case{{kToTheEnd, true}, true}, Case{{kToTheEnd, false}, true},
          Case{{kWhole, false}, true}, Case{{kCut, true}, false}, Case{{kCut, false}, false},
          Case{{"", true}, false}, Case{{"HTTP/1.1 200", false}, false}}) {
        Server server{tls_server(test.answer, names)};
        const std::string result = check(server.endpoint(), page());
        EXPECT_EQ(result.starts_with(test.passes ? "up: " : "down: SSL_GET: "), true)
            << test.answer.text << test.answer.says_goodbye << ": " << result;
    }
}

TEST_F(SslCheckTest, AServerWithoutTlsFails) {
    Server server{[](Stream& stream) {
        stream.send("220 mail.example.com ESMTP\r\n");
        stream.receive_all();
    }};
    EXPECT_TRUE(check(server.endpoint(), page()).starts_with("down: SSL_GET: "));
}

TEST_F(SslCheckTest, AHandshakeThatNeverEndsIsBoundedByTheTimeLimit) {
    Server server{[](Stream& stream) { stream.receive_all(); }};
    EXPECT_EQ(check(server.endpoint(), page(), std::chrono::milliseconds{100}),
              "down: SSL_GET: timed out after 100 ms");
}

TEST_F(SslCheckTest, AServerThatDripsItsHeaderOrItsBodyIsBoundedByTheTimeLimit) {
    for (const std::string begin :
         {"HTTP/1.1 200 OK\r\nX-Drip: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"}) {
        Server server{[&begin](Stream& stream) {
            stream.send(begin);
            // Until the check hangs up.
            while (stream.send("x")) {
                std::this_thread::sleep_for(std::chrono::milliseconds{5});
            }
        }};
        EXPECT_EQ(check(server.endpoint(), {.tls = false, .version = 10, .urls = {UrlCheck{}}},
                        std::chrono::milliseconds{200}),
                  "down: HTTP_GET: timed out after 200 ms");
    }
}

}  // namespace
}  // namespace tandem::relay::test
