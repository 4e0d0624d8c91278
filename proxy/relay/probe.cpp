#include "proxy/relay/probe.hpp"

#include "proxy/relay/probe_session.hpp"

#include <cstddef>
#include <utility>
#include <variant>

#include <boost/asio/post.hpp>

namespace tandem::relay {

namespace {

using Session = std::shared_ptr<ProbeSession>;
/// Of the connection with this number.
using SessionFactory = std::function<Session(std::size_t)>;

/// Connections one after the other, all of which must pass.
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

/// Of a program when nobody can run one.
class NoProbe final : public Probe {
  public:
    explicit NoProbe(boost::asio::io_context& context) : context_(context) {}
    void start(Done done) override {
        boost::asio::post(context_, [alive = std::weak_ptr<int>(alive_), done = std::move(done)] {
            if (!alive.expired()) {
                done({.kind = ProbeResult::Kind::Skipped, .text = "programs are not run"});
            }
        });
    }
    void cancel() override { alive_ = std::make_shared<int>(0); }

  private:
    boost::asio::io_context& context_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

std::unique_ptr<Probe> make_probe(boost::asio::io_context& context, const HealthCheckConfig& config,
                                  const ProbeSettings& settings) {
    const SessionSettings session{settings.target, config.source, config.connect_timeout,
                                  settings.virtual_addresses};
    if (const auto* tcp = std::get_if<TcpCheck>(&config.what)) {
        return std::make_unique<SessionProbe>(1, [&context, check = *tcp, session](std::size_t) {
            return make_tcp_session(context, check, session);
        });
    }
    if (const auto* http = std::get_if<HttpCheck>(&config.what)) {
        return std::make_unique<SessionProbe>(
            http->urls.size(), [&context, check = *http, session](std::size_t number) {
                return make_http_session(context, check, check.urls[number], session);
            });
    }
    if (settings.programs) {
        return settings.programs(std::get<ProgramCheck>(config.what));
    }
    return std::make_unique<NoProbe>(context);
}

}  // namespace tandem::relay
