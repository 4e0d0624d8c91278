#include "proxy/relay/health_checker.hpp"

#include "proxy/relay/health_fsm.hpp"
#include "proxy/relay/sockets.hpp"
#include "proxy/relay/source_address.hpp"

#include <cerrno>
#include <memory>
#include <random>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>

namespace tandem::relay {

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using ChangeHandler = std::function<void(const HealthChange&)>;
using SkippedHandler = std::function<void(const HealthSkipped&)>;

/// Of an attempt that failed before any packet left.
bool is_local_trouble(const error_code& error) {
    switch (error.value()) {
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
            return true;
        default:
            return is_local_shortage(error);
    }
}

/// The parts that all checks of one checker share.
struct Common {
    std::vector<IpAddress> virtual_addresses;
    ChangeHandler on_change;
    SkippedHandler on_skipped;
};

/// Checks of one upstream of one service. Held by a shared pointer, so that a handler that comes
/// after stop() finds nothing instead of a freed object.
class UpstreamCheck : public std::enable_shared_from_this<UpstreamCheck> {
  public:
    UpstreamCheck(asio::io_context& context, std::shared_ptr<const Common> common,
                  std::string service, const UpstreamConfig& upstream)
        : common_(std::move(common)),
          service_(std::move(service)),
          upstream_(upstream.name),
          config_(*upstream.check),
          target_(config_.target.value_or(upstream.endpoint)),
          fsm_(config_),
          timer_(context),
          socket_(context) {}

    void start(Milliseconds warmup) {
        stopped_ = false;
        fsm_.start(Clock::now(), warmup);
        wait_for_deadline();
    }

    void stop() {
        stopped_ = true;
        attempting_ = false;
        timer_.cancel();
        close();
    }

  private:
    void wait_for_deadline() {
        timer_.expires_at(*fsm_.next_deadline());
        timer_.async_wait([self = weak_from_this()](const error_code& error) {
            const auto check = self.lock();
            if (check && !error) {
                check->attempt();
            }
        });
    }

    void attempt() {
        fsm_.on_attempt();
        attempting_ = true;
        const auto source = own_address_towards(target_, common_->virtual_addresses);
        if (!source.has_value()) {
            const bool none = source.error() == boost::system::errc::address_not_available;
            not_started(source.error(), none ? "no own address" : source.error().message());
            return;
        }
        if (const error_code error = open(*source)) {
            not_started(error, error.message());
            return;
        }
        timer_.expires_after(config_.connect_timeout);
        timer_.async_wait([self = weak_from_this()](const error_code& wait_error) {
            const auto check = self.lock();
            if (check && !wait_error && check->attempting_) {
                check->conclude(asio::error::timed_out);
            }
        });
        socket_.async_wait(asio::socket_base::wait_write,
                           [self = weak_from_this()](const error_code& wait_error) {
                               const auto check = self.lock();
                               // Else the timeout or stop() was first.
                               if (check && check->attempting_) {
                                   check->conclude(wait_error ? wait_error : check->result());
                               }
                           });
    }

    /// An error is one of this node, or told by it for the upstream; no packet has left.
    error_code open(const IpAddress& source) {
        auto socket = start_connect(target_, source);
        if (!socket.has_value()) {
            return socket.error();
        }
        error_code error;
        socket_.assign(target_.protocol(), socket->get(), error);
        if (!error) {
            static_cast<void>(socket->release());
        }
        return error;
    }

    [[nodiscard]] error_code result() {
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
            return last_error();
        }
        return {error, boost::system::system_category()};
    }

    void close() {
        // An error leaves nothing to do.
        error_code ignored;
        socket_.close(ignored);
    }

    void not_started(const error_code& error, std::string reason) {
        if (!is_local_trouble(error)) {
            conclude(error);
            return;
        }
        attempting_ = false;
        close();
        fsm_.on_skipped(Clock::now());
        // Once per episode: the state did not change, people should know why it does not.
        if (!std::exchange(skipping_, true) && common_->on_skipped) {
            common_->on_skipped(
                {.service = service_, .upstream = upstream_, .reason = std::move(reason)});
        }
        wait_unless_stopped();
    }

    void conclude(const error_code& error) {
        attempting_ = false;
        skipping_ = false;
        close();
        const auto now = Clock::now();
        if (!error) {
            report(fsm_.on_success(now), "connected");
        } else {
            report(fsm_.on_failure(now), failure_text(error));
        }
        wait_unless_stopped();
    }

    void wait_unless_stopped() {
        // The handler may have stopped us.
        if (!stopped_) {
            wait_for_deadline();
        }
    }

    [[nodiscard]] std::string failure_text(const error_code& error) const {
        if (error != asio::error::timed_out || timer_.expiry() > Clock::now()) {
            return error.message();
        }
        const auto milliseconds = config_.connect_timeout.count();
        return "timed out after " + (milliseconds % 1000 == 0
                                         ? std::to_string(milliseconds / 1000) + " s"
                                         : std::to_string(milliseconds) + " ms");
    }

    void report(std::optional<bool> up, std::string reason) {
        if (up) {
            common_->on_change({.service = service_,
                                .upstream = upstream_,
                                .up = *up,
                                .reason = std::move(reason)});
        }
    }

    std::shared_ptr<const Common> common_;
    std::string service_;
    std::string upstream_;
    HealthCheckConfig config_;
    Endpoint target_;
    HealthFsm fsm_;
    asio::steady_timer timer_;
    asio::ip::tcp::socket socket_;
    /// An attempt runs and is not concluded.
    bool attempting_ = false;
    /// The last attempts could not be made.
    bool skipping_ = false;
    bool stopped_ = false;
};

}  // namespace

struct HealthChecker::Impl {
    std::vector<std::shared_ptr<UpstreamCheck>> checks;
    std::mt19937 random{std::random_device{}()};
    std::vector<Milliseconds> warmups;
};

HealthChecker::HealthChecker(boost::asio::io_context& context,
                             const std::vector<ServiceConfig>& services,
                             std::vector<IpAddress> virtual_addresses,
                             std::function<void(const HealthChange&)> on_change,
                             std::function<void(const HealthSkipped&)> on_skipped)
    : impl_(std::make_unique<Impl>()) {
    const auto common =
        std::make_shared<const Common>(Common{.virtual_addresses = std::move(virtual_addresses),
                                              .on_change = std::move(on_change),
                                              .on_skipped = std::move(on_skipped)});
    for (const ServiceConfig& service : services) {
        for (const UpstreamConfig& upstream : service.upstreams) {
            if (upstream.check) {
                impl_->checks.push_back(
                    std::make_shared<UpstreamCheck>(context, common, service.name, upstream));
                impl_->warmups.push_back(upstream.check->warmup);
            }
        }
    }
}

HealthChecker::~HealthChecker() {
    stop();
}

void HealthChecker::start() {
    for (std::size_t index = 0; index < impl_->checks.size(); ++index) {
        std::uniform_int_distribution<Milliseconds::rep> warmup{0, impl_->warmups[index].count()};
        impl_->checks[index]->start(Milliseconds{warmup(impl_->random)});
    }
}

void HealthChecker::stop() {
    for (const auto& check : impl_->checks) {
        check->stop();
    }
}

}  // namespace tandem::relay
