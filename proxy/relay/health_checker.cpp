#include "proxy/relay/health_checker.hpp"

#include "proxy/relay/health_fsm.hpp"

#include <memory>
#include <random>
#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

/// The checks of one upstream together.
struct Upstream {
    std::string service;
    std::string name;
    std::size_t checks = 0;
    std::size_t down = 0;
};

/// One check of one upstream of one service.
class Check {
  public:
    Check(asio::io_context& context, const HealthHandlers& handlers, Upstream& upstream,
          const HealthCheckConfig& config, const ProbeSettings& settings)
        : handlers_(handlers),
          upstream_(upstream),
          warmup_(config.warmup),
          fsm_(config),
          timer_(context),
          probe_(make_probe(context, config, settings)) {
        status_.service = upstream.service;
        status_.upstream = upstream.name;
        status_.kind = to_string(config);
        status_.up = fsm_.up();
        status_.since = std::chrono::system_clock::now();
        ++upstream.checks;
        upstream.down += fsm_.up() ? 0U : 1U;
    }

    [[nodiscard]] Milliseconds warmup() const { return warmup_; }
    [[nodiscard]] const CheckStatus& status() const { return status_; }

    void start(Milliseconds warmup) {
        stopped_ = false;
        fsm_.start(Clock::now(), warmup);
        wait_for_deadline();
    }

    void stop() {
        stopped_ = true;
        timer_.cancel();
        probe_->cancel();
    }

  private:
    void wait_for_deadline() {
        timer_.expires_at(*fsm_.next_deadline());
        // Not called once the timer is gone or cancelled, but for the one that is queued already.
        timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](const error_code& error) {
            if (!alive.expired() && !error && !stopped_) {
                fsm_.on_attempt();
                probe_->start([this](const ProbeResult& result) { conclude(result); });
            }
        });
    }

    void conclude(const ProbeResult& result) {
        const auto now = Clock::now();
        if (result.kind == ProbeResult::Kind::Skipped) {
            fsm_.on_skipped(now);
            // Once per episode: the state did not change, people should know why it does not.
            if (!std::exchange(skipping_, true) && handlers_.on_skipped) {
                handlers_.on_skipped({status_.service, status_.upstream, result.text});
            }
        } else {
            skipping_ = false;
            const bool passed = result.kind == ProbeResult::Kind::Passed;
            const auto change = passed ? fsm_.on_success(now) : fsm_.on_failure(now);
            status_.result = result.text;
            if (result.weight && handlers_.on_weight) {
                handlers_.on_weight({status_.service, status_.upstream, *result.weight});
            }
            if (change) {
                changed(*change);
            }
        }
        // A handler may have stopped us.
        if (!stopped_) {
            wait_for_deadline();
        }
    }

    void changed(bool up) {
        status_.up = up;
        status_.since = std::chrono::system_clock::now();
        const bool was_up = upstream_.down == 0;
        upstream_.down += up ? std::size_t(-1) : std::size_t{1};
        if (was_up != (upstream_.down == 0)) {
            // With one check of the usual kind its name says nothing new.
            const bool plain = upstream_.checks == 1 && status_.kind == "TCP_CHECK";
            handlers_.on_change({.service = status_.service,
                                 .upstream = status_.upstream,
                                 .up = up,
                                 .reason = (plain ? "" : status_.kind + ": ") + status_.result});
        }
    }

    const HealthHandlers& handlers_;
    Upstream& upstream_;
    const Milliseconds warmup_;
    HealthFsm fsm_;
    asio::steady_timer timer_;
    std::unique_ptr<Probe> probe_;
    CheckStatus status_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    /// The last attempts could not be made.
    bool skipping_ = false;
    bool stopped_ = false;
};

}  // namespace

struct HealthChecker::Impl {
    std::vector<IpAddress> virtual_addresses;
    HealthHandlers handlers;
    ProgramProbeFactory programs;
    std::vector<std::unique_ptr<Upstream>> upstreams;
    std::vector<std::unique_ptr<Check>> checks;
    std::mt19937 random{std::random_device{}()};
};

HealthChecker::HealthChecker(boost::asio::io_context& context,
                             const std::vector<ServiceConfig>& services,
                             std::vector<IpAddress> virtual_addresses, HealthHandlers handlers,
                             ProgramProbeFactory programs)
    : impl_(std::make_unique<Impl>()) {
    impl_->virtual_addresses = std::move(virtual_addresses);
    impl_->handlers = std::move(handlers);
    impl_->programs = std::move(programs);
    for (const ServiceConfig& service : services) {
        for (const UpstreamConfig& upstream : service.upstreams) {
            impl_->upstreams.push_back(
                std::make_unique<Upstream>(Upstream{service.name, upstream.name}));
            for (const HealthCheckConfig& check : upstream.checks) {
                const ProbeSettings settings{check.target.value_or(upstream.endpoint),
                                             impl_->virtual_addresses, impl_->programs};
                impl_->checks.push_back(std::make_unique<Check>(
                    context, impl_->handlers, *impl_->upstreams.back(), check, settings));
            }
        }
    }
}

HealthChecker::~HealthChecker() {
    stop();
}

void HealthChecker::start() {
    for (const auto& check : impl_->checks) {
        std::uniform_int_distribution<Milliseconds::rep> warmup{0, check->warmup().count()};
        check->start(Milliseconds{warmup(impl_->random)});
    }
}

void HealthChecker::stop() {
    for (const auto& check : impl_->checks) {
        check->stop();
    }
}

std::vector<CheckStatus> HealthChecker::status() const {
    std::vector<CheckStatus> result;
    for (const auto& check : impl_->checks) {
        result.push_back(check->status());
    }
    return result;
}

}  // namespace tandem::relay
