#include "proxy/relay/health_checker.hpp"

#include "proxy/relay/health_fsm.hpp"

#include <algorithm>
#include <memory>
#include <optional>
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
    Endpoint endpoint;
    std::size_t checks = 0;
    std::size_t down = 0;
};

/// One check of one upstream of one service.
class Check {
  public:
    /// @param down what its upstream is known to be; nullopt: nothing.
    Check(asio::io_context& context, const HealthHandlers& handlers, Upstream& upstream,
          const HealthCheckConfig& config, const ProbeSettings& settings, std::optional<bool> down)
        : handlers_(handlers),
          upstream_(&upstream),
          config_(config),
          fsm_(beginning(config, down)),
          timer_(context),
          probe_(make_probe(context, config, settings)) {
        status_.service = upstream.service;
        status_.upstream = upstream.name;
        status_.kind = to_string(config);
        status_.up = fsm_.up();
        status_.since = std::chrono::system_clock::now();
        join(upstream);
    }

    /// It is one of this upstream's checks from now on.
    void join(Upstream& upstream) {
        upstream_ = &upstream;
        ++upstream.checks;
        upstream.down += fsm_.up() ? 0U : 1U;
    }
    [[nodiscard]] const HealthCheckConfig& config() const { return config_; }
    [[nodiscard]] const Upstream& upstream() const { return *upstream_; }
    [[nodiscard]] const CheckStatus& status() const { return status_; }

    void start(std::mt19937& random) {
        std::uniform_int_distribution<Milliseconds::rep> drawn{0, config_.warmup.count()};
        const Milliseconds warmup{drawn(random)};
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
    static HealthCheckConfig beginning(HealthCheckConfig config, std::optional<bool> down) {
        config.start_down = down.value_or(config.start_down);
        return config;
    }

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
            ++status_.skipped;
            // Once per episode: the state did not change, people should know why it does not.
            const bool first = status_.obstacle.empty();
            status_.obstacle = result.text;
            if (first && handlers_.on_skipped) {
                handlers_.on_skipped({status_.service, status_.upstream, result.text});
            }
        } else {
            status_.obstacle.clear();
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
        const bool was_up = upstream_->down == 0;
        upstream_->down += up ? std::size_t(-1) : std::size_t{1};
        if (was_up != (upstream_->down == 0)) {
            // With one check of the usual kind its name says nothing new.
            const bool plain = upstream_->checks == 1 && status_.kind == "TCP_CHECK";
            handlers_.on_change({.service = status_.service,
                                 .upstream = status_.upstream,
                                 .up = up,
                                 .reason = (plain ? "" : status_.kind + ": ") + status_.result});
        }
    }

    const HealthHandlers& handlers_;
    Upstream* upstream_;
    const HealthCheckConfig config_;
    HealthFsm fsm_;
    asio::steady_timer timer_;
    std::unique_ptr<Probe> probe_;
    CheckStatus status_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    bool stopped_ = false;
};

}  // namespace

struct HealthChecker::Impl {
    using Checks = std::vector<std::unique_ptr<Check>>;

    /// The checks of one upstream; those that are as they were come out of `before`.
    void add(const ServiceConfig& service, const UpstreamConfig& upstream,
             std::optional<bool> was_down, Checks& before);

    asio::io_context& context;
    std::vector<IpAddress> virtual_addresses;
    HealthHandlers handlers;
    LocalProbes local;
    std::vector<std::unique_ptr<Upstream>> upstreams;
    Checks checks;
    bool started = false;
    std::mt19937 random{std::random_device{}()};
};

void HealthChecker::Impl::add(const ServiceConfig& service, const UpstreamConfig& upstream,
                              std::optional<bool> was_down, Checks& before) {
    upstreams.push_back(std::make_unique<Upstream>(
        Upstream{.service = service.name, .name = upstream.name, .endpoint = upstream.endpoint}));
    Upstream& group = *upstreams.back();
    for (const HealthCheckConfig& config : upstream.checks) {
        const auto same = std::ranges::find_if(before, [&](const auto& check) {
            return check->upstream().service == group.service &&
                   check->upstream().name == group.name &&
                   check->upstream().endpoint == group.endpoint && check->config() == config;
        });
        if (same != before.end()) {
            (*same)->join(group);
            checks.push_back(std::move(*same));
            before.erase(same);
            continue;
        }
        const ProbeSettings settings{config.target.value_or(upstream.endpoint), virtual_addresses,
                                     local};
        checks.push_back(
            std::make_unique<Check>(context, handlers, group, config, settings, was_down));
        if (started) {
            checks.back()->start(random);
        }
    }
}

HealthChecker::HealthChecker(boost::asio::io_context& context,
                             const std::vector<ServiceConfig>& services,
                             std::vector<IpAddress> virtual_addresses, HealthHandlers handlers,
                             LocalProbes local)
    : impl_(new Impl{.context = context,
                     .virtual_addresses = std::move(virtual_addresses),
                     .handlers = std::move(handlers),
                     .local = std::move(local),
                     .upstreams = {},
                     .checks = {}}) {
    Impl::Checks none;
    for (const ServiceConfig& service : services) {
        for (const UpstreamConfig& upstream : service.upstreams) {
            impl_->add(service, upstream, std::nullopt, none);
        }
    }
}

void HealthChecker::reconfigure(const std::vector<ServiceConfig>& services,
                                std::vector<IpAddress> virtual_addresses) {
    // In place: checks hold a reference.
    impl_->virtual_addresses = std::move(virtual_addresses);
    const auto upstreams_before = std::exchange(impl_->upstreams, {});
    Impl::Checks before = std::exchange(impl_->checks, {});
    for (const ServiceConfig& service : services) {
        for (const UpstreamConfig& upstream : service.upstreams) {
            const auto known = std::ranges::find_if(upstreams_before, [&](const auto& each) {
                return each->service == service.name && each->name == upstream.name;
            });
            const bool was_down = known != upstreams_before.end() && (*known)->down > 0;
            const bool was_checked = known != upstreams_before.end() && (*known)->checks > 0;
            impl_->add(service, upstream, was_checked ? std::optional(was_down) : std::nullopt,
                       before);
            const Upstream& now = *impl_->upstreams.back();
            const bool is_down = now.down > 0;
            if (known != upstreams_before.end() && was_down != is_down) {
                impl_->handlers.on_change({.service = service.name,
                                           .upstream = upstream.name,
                                           .up = !is_down,
                                           .reason = "its checks were changed"});
            }
        }
    }
    for (const auto& check : before) {
        check->stop();
    }
}

HealthChecker::~HealthChecker() {
    stop();
}

void HealthChecker::start() {
    impl_->started = true;
    for (const auto& check : impl_->checks) {
        check->start(impl_->random);
    }
}

void HealthChecker::stop() {
    impl_->started = false;
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
