#include "proxy/daemon/program_probe.hpp"

#include "proxy/daemon/child_process.hpp"
#include "proxy/daemon/deadline_timer.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include <boost/asio/post.hpp>

namespace tandem::daemon {

namespace {

using Clock = std::chrono::steady_clock;
using Kind = relay::ProbeResult::Kind;

bool is_shortage(const ProgramEnd& end) {
    return end.kind == ProgramEnd::Kind::NotStarted &&
           (end.code == EAGAIN || end.code == ENOMEM || end.code == EMFILE || end.code == ENFILE);
}

class ProgramProbe final : public relay::Probe {
  public:
    ProgramProbe(boost::asio::io_context& context, config::Command command,
                 const relay::ProgramCheck& check)
        : context_(context),
          command_(std::move(command)),
          check_(check),
          child_(context),
          timer_(context, [this](auto now) { on_deadline(now); }) {}

    void start(Done done) override {
        if (child_.running()) {
            // What was cancelled has not ended yet.
            later(std::move(done), {.kind = Kind::Skipped, .text = "the program still runs"});
            return;
        }
        const auto not_started =
            child_.start(command_, [this](const ProgramEnd& end) { on_end(end); });
        if (not_started) {
            later(std::move(done), result_of(*not_started, false, check_));
            return;
        }
        done_ = std::move(done);
        limit_.on_start(Clock::now(), check_.timeout);
        timer_.set(limit_.next_deadline());
    }

    void cancel() override {
        done_ = nullptr;
        alive_ = std::make_shared<char>();
        if (child_.running()) {
            child_.send_signal(SIGTERM);
        }
    }

  private:
    void later(Done done, relay::ProbeResult result) {
        boost::asio::post(context_, [alive = std::weak_ptr<char>(alive_), done = std::move(done),
                                     result = std::move(result)] {
            if (!alive.expired()) {
                done(result);
            }
        });
    }
    void on_deadline(Clock::time_point now) {
        if (const auto signal = limit_.on_deadline(now)) {
            child_.send_signal(*signal);
        }
        timer_.set(limit_.next_deadline());
    }
    void on_end(const ProgramEnd& end) {
        const bool timed_out = limit_.timed_out();
        limit_.on_end();
        timer_.set(std::nullopt);
        if (const Done done = std::exchange(done_, nullptr)) {
            done(result_of(end, timed_out, check_));
        }
    }

    boost::asio::io_context& context_;
    const config::Command command_;
    const relay::ProgramCheck check_;
    ChildProcess child_;
    DeadlineTimer timer_;
    RunLimit limit_;
    Done done_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

relay::ProbeResult result_of(const ProgramEnd& end, bool timed_out,
                             const relay::ProgramCheck& check) {
    relay::ProbeResult result;
    result.text = to_string(end);
    if (is_shortage(end)) {
        result.kind = Kind::Skipped;
    } else if (timed_out) {
        result.text = "timed out after " + seconds_text(check.timeout);
    } else if (end.succeeded()) {
        result.kind = Kind::Passed;
    } else if (check.sets_weight && end.kind == ProgramEnd::Kind::Exited && end.code >= 2) {
        result.kind = Kind::Passed;
        result.weight = static_cast<unsigned>(end.code) - 2;
    }
    return result;
}

std::unique_ptr<relay::Probe> make_program_probe(boost::asio::io_context& context,
                                                 const config::Command& command,
                                                 const relay::ProgramCheck& check) {
    return std::make_unique<ProgramProbe>(context, command, check);
}

}  // namespace tandem::daemon
