#include "proxy/relay/probe.hpp"

#include "proxy/relay/probe_session.hpp"

#include <cstddef>
#include <utility>
#include <variant>

#include <boost/asio/post.hpp>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;

using Session = std::shared_ptr<ProbeSession>;
/// Of the exchange with this number.
using SessionFactory = std::function<Session(std::size_t)>;

/// Exchanges one after the other, all of which must pass.
class SessionProbe final : public Probe {
  public:
    SessionProbe(std::size_t count, SessionFactory make) : count_(count), make_(std::move(make)) {}
    ~SessionProbe() override { SessionProbe::cancel(); }

    void start(Done done) override {
        done_ = std::move(done);
        start_session(0);
    }
    void cancel() override {
        if (session_) {
            session_->cancel();
            session_.reset();
        }
    }

  private:
    void start_session(std::size_t number) {
        session_ = make_(number);
        session_->start([this, number](const ProbeResult& result) {
            if (result.kind == ProbeResult::Kind::Passed && number + 1 < count_) {
                start_session(number + 1);
                return;
            }
            session_.reset();
            // It may start the next attempt, or destroy this.
            const Done done = std::exchange(done_, nullptr);
            done(result);
        });
    }

    const std::size_t count_;
    const SessionFactory make_;
    Session session_;
    Done done_;
};

/// Of a program or file when nobody looks at such.
class NoProbe final : public Probe {
  public:
    explicit NoProbe(boost::asio::io_context& context) : context_(context) {}
    void start(Done done) override {
        boost::asio::post(context_, [alive = std::weak_ptr<int>(alive_), done = std::move(done)] {
            if (!alive.expired()) {
                done({.kind = ProbeResult::Kind::Skipped,
                      .text = "programs and files are not looked at"});
            }
        });
    }
    void cancel() override { alive_ = std::make_shared<int>(0); }

  private:
    boost::asio::io_context& context_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

/// Makes the probe for each kind of check.
struct ProbeMaker {
    asio::io_context& context;
    const SessionSettings session;
    const LocalProbes& local;

    using Made = std::unique_ptr<Probe>;

    /// Of one exchange.
    template <class Make>
    [[nodiscard]] static Made single(Make make) {
        return std::make_unique<SessionProbe>(1, [make](std::size_t) { return make(); });
    }
    [[nodiscard]] Made operator()(const TcpCheck& check) const {
        return single([&context = context, check, session = session] {
            return make_tcp_session(context, check, session);
        });
    }
    [[nodiscard]] Made operator()(const HttpCheck& check) const {
        return std::make_unique<SessionProbe>(
            check.urls.size(), [&context = context, check, session = session](std::size_t number) {
                return make_http_session(context, check, check.urls[number], session);
            });
    }
    [[nodiscard]] Made operator()(const SmtpCheck& check) const {
        return single([&context = context, check, session = session] {
            return make_smtp_session(context, check, session);
        });
    }
    [[nodiscard]] Made operator()(const DnsCheck& check) const {
        return single([&context = context, check, session = session] {
            return make_dns_session(context, check, session);
        });
    }
    [[nodiscard]] Made operator()(const UdpCheck& check) const {
        return single([&context = context, check, session = session] {
            return make_udp_session(context, check, session);
        });
    }
    [[nodiscard]] Made operator()(const PingCheck& /*check*/) const {
        return single([&context = context, session = session] {
            return make_ping_session(context, session);
        });
    }
    [[nodiscard]] Made operator()(const ProgramCheck& check) const {
        return local.program ? local.program(check) : std::make_unique<NoProbe>(context);
    }
    [[nodiscard]] Made operator()(const FileCheck& check) const {
        return local.file ? local.file(check) : std::make_unique<NoProbe>(context);
    }
};

}  // namespace

std::unique_ptr<Probe> make_probe(boost::asio::io_context& context, const HealthCheckConfig& config,
                                  const ProbeSettings& settings) {
    const SessionSettings session{settings.target, config.source, config.connect_timeout,
                                  settings.virtual_addresses};
    return std::visit(ProbeMaker{context, session, settings.local}, config.what);
}

}  // namespace tandem::relay
