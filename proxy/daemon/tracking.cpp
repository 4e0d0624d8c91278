#include "proxy/daemon/tracking.hpp"

#include "proxy/daemon/child_process.hpp"
#include "proxy/daemon/deadline_timer.hpp"
#include "proxy/daemon/file_watch.hpp"
#include "proxy/daemon/process_watch.hpp"
#include "proxy/daemon/script_state.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace tandem::daemon {
namespace {

namespace asio = boost::asio;
using vrrp::TrackKind;

/// How long programs that are ended by stop() may take after SIGTERM; the control thread waits.
constexpr std::chrono::milliseconds kStopPatience{100};

/// Executes the actions of one ScriptState.
class ScriptRunner {
  public:
    using Clock = std::chrono::steady_clock;

    ScriptRunner(asio::io_context& context, const config::ScriptSettings& settings,
                 const Tracking::Report& report, const Tracking::Problem& problem)
        : settings_(settings),
          report_(report),
          problem_(problem),
          state_(settings),
          child_(context),
          timer_(context, [this](auto now) { execute(state_.on_deadline(now)); }) {}

    void start() { execute(state_.on_start(Clock::now())); }
    void stop() { timer_.set(std::nullopt); }
    ChildProcess& child() { return child_; }
    [[nodiscard]] const config::ScriptSettings& settings() const { return settings_; }

  private:
    void execute(const ScriptActions& actions) {
        for (const ScriptAction& action : actions) {
            std::visit([this](const auto& each) { perform(each); }, action);
        }
        timer_.set(state_.next_deadline());
    }
    void perform(const StartProgram&) {
        const auto not_started = child_.start(settings_.command, [this](const ProgramEnd& end) {
            execute(state_.on_ended(end, Clock::now()));
        });
        if (not_started) {
            execute(state_.on_ended(*not_started, Clock::now()));
        }
    }
    void perform(const SendSignal& action) { child_.send_signal(action.signal); }
    void perform(const ReportStatus& action) {
        report_(TrackKind::Script, settings_.name, action.status);
    }
    void perform(const ReportProblem& action) {
        problem_(TrackKind::Script, settings_.name, action.text);
    }

    config::ScriptSettings settings_;
    const Tracking::Report& report_;
    const Tracking::Problem& problem_;
    ScriptState state_;
    ChildProcess child_;
    DeadlineTimer timer_;
};

}  // namespace

struct Tracking::Impl {
    Impl(asio::io_context& context_to_use, const config::Model& model, Report on_report,
         Problem on_problem)
        : context(context_to_use),
          report(std::move(on_report)),
          problem(std::move(on_problem)),
          files(
              context, model.files,
              [this](const auto& name, const auto& status) {
                  report(TrackKind::File, name, status);
              },
              [this](const auto& name, const auto& text) { problem(TrackKind::File, name, text); }),
          processes(
              context, model.processes,
              [this](const auto& name, const auto& status) {
                  report(TrackKind::Process, name, status);
              },
              [this](const auto& name, const auto& text) {
                  problem(TrackKind::Process, name, text);
              }) {
        for (const auto& script : model.scripts) {
            scripts.push_back(std::make_unique<ScriptRunner>(context, script, report, problem));
        }
    }

    /// A program that runs for one that is no more is ended.
    void reconfigure_scripts(const std::vector<config::ScriptSettings>& wanted) {
        auto before = std::exchange(scripts, {});
        std::vector<ScriptRunner*> added;
        for (const auto& settings : wanted) {
            const auto same = std::ranges::find_if(
                before, [&](const auto& each) { return each && each->settings() == settings; });
            if (same != before.end()) {
                scripts.push_back(std::move(*same));
            } else {
                scripts.push_back(
                    std::make_unique<ScriptRunner>(context, settings, report, problem));
                added.push_back(scripts.back().get());
            }
        }
        std::vector<ChildProcess*> children;
        for (const auto& gone : before) {
            if (gone) {
                gone->stop();
                children.push_back(&gone->child());
            }
        }
        ChildProcess::end_all(children, kStopPatience);
        for (ScriptRunner* runner : added) {
            runner->start();
        }
    }

    asio::io_context& context;
    Report report;
    Problem problem;
    FileWatch files;
    ProcessWatch processes;
    std::vector<std::unique_ptr<ScriptRunner>> scripts;
};

Tracking::Tracking(asio::io_context& context, const config::Model& model, Report report,
                   Problem problem)
    : impl_(std::make_unique<Impl>(context, model, std::move(report), std::move(problem))) {}

Tracking::~Tracking() = default;

void Tracking::start() {
    impl_->files.start();
    impl_->processes.start();
    for (auto& script : impl_->scripts) {
        script->start();
    }
}

void Tracking::stop() {
    impl_->files.stop();
    impl_->processes.stop();
    std::vector<ChildProcess*> children;
    for (auto& script : impl_->scripts) {
        script->stop();
        children.push_back(&script->child());
    }
    ChildProcess::end_all(children, kStopPatience);
}

void Tracking::reconfigure(const config::Model& model) {
    impl_->files.reconfigure(model.files);
    impl_->processes.reconfigure(model.processes);
    impl_->reconfigure_scripts(model.scripts);
}

}  // namespace tandem::daemon
