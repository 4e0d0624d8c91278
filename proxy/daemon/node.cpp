#include "proxy/daemon/node.hpp"

#include "proxy/control/event_log.hpp"
#include "proxy/control/server.hpp"
#include "proxy/daemon/access_log.hpp"
#include "proxy/daemon/control_backend.hpp"
#include "proxy/daemon/election.hpp"
#include "proxy/daemon/file_probe.hpp"
#include "proxy/daemon/handover.hpp"
#include "proxy/daemon/load_configuration.hpp"
#include "proxy/daemon/logging.hpp"
#include "proxy/daemon/notifier.hpp"
#include "proxy/daemon/program_probe.hpp"
#include "proxy/daemon/realtime.hpp"
#include "proxy/daemon/reload_plan.hpp"
#include "proxy/daemon/replay_store.hpp"
#include "proxy/daemon/status.hpp"
#include "proxy/daemon/tracking.hpp"
#include "proxy/relay/engine.hpp"
#include "proxy/relay/health_checker.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/algorithm/string/join.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/stat.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kStopBound{10};
/// For the control socket of a daemon that is ending.
constexpr std::chrono::milliseconds kSocketPatience{1000};
constexpr std::chrono::milliseconds kSocketInterval{20};

/// Everything that happened, to the log and to the event list. Reports of other threads are handed
/// to the control thread first, which may be slow: bounded, and without a lock that the election
/// thread could wait for.
class Journal : public ElectionObserver, public relay::EngineObserver {
  public:
    Journal(asio::io_context& context, const LogOptions& options)
        : log_(options),
          from_election_(context,
                         [this](std::uint64_t lost) {
                             on_lost(lost);
                             on_election_reports_lost_();
                         }),
          from_relay_(context, [this](std::uint64_t lost) { on_lost(lost); }) {}

    void set_on_event(std::function<void()> on_event) { on_event_ = std::move(on_event); }
    /// On the control thread, when reports of the election were lost; set before it starts.
    void set_on_election_reports_lost(std::function<void()> handler) {
        on_election_reports_lost_ = std::move(handler);
    }
    [[nodiscard]] const control::EventLog& events() const { return events_; }

    /// On the control thread only.
    void write(const Message& message, Fields fields) {
        const auto verdict =
            limiter_.check(limiter_key(message, fields), std::chrono::steady_clock::now());
        if (!verdict.pass && !message.event) {
            return;
        }
        if (verdict.suppressed > 0) {
            fields.emplace_back("suppressed", std::to_string(verdict.suppressed));
        }
        log_.write(message, fields);
        if (message.event) {
            events_.append(control::WallClock::now(), std::string{message.id},
                           expand(message, fields), to_json_object(message, fields));
            if (on_event_) {
                on_event_();
            }
        }
    }

    /// On the control thread only: what other threads handed over before this.
    void drain() {
        from_election_.drain();
        from_relay_.drain();
    }

    void on_election_message(const Message& message, Fields fields) override {
        from_election_.push(
            [this, &message, fields = std::move(fields)] { write(message, fields); });
    }
    /// Where events for notify scripts go; set before the election starts.
    void set_notifier(Notifier* notifier) { notifier_ = notifier; }
    void set_replay_file(std::string path) {
        replay_file_ = std::move(path);
        replay_marks_ = load_replay_marks(replay_file_);
    }
    [[nodiscard]] const ReplayMarks& replay_marks() const { return replay_marks_; }

    void on_instance_event(const std::string& instance, NotifyEvent event,
                           std::uint8_t priority) override {
        from_election_.push([this, instance, event, priority] {
            notifier_->instance_changed(instance, event, priority);
        });
    }
    void on_group_event(const std::string& group, NotifyEvent event) override {
        from_election_.push([this, group, event] { notifier_->group_changed(group, event); });
    }
    void on_states(std::vector<CurrentState> states) override {
        from_election_.push([this, states = std::move(states)] { notifier_->states_are(states); });
    }
    void on_replay_marks(const std::string& instance,
                         const std::vector<vrrp::ReplayMark>& marks) override {
        from_election_.push([this, instance, marks] {
            replay_marks_[instance] = marks;
            if (const auto error = save_replay_marks(replay_file_, replay_marks_)) {
                write(messages::kReplayMarksNotKept, {{"error", error.message()}});
            }
        });
    }
    void on_accept_paused(std::string_view service, std::string_view reason) override {
        on_relay_message(messages::kAcceptPaused,
                         {{"service", std::string{service}}, {"limit", std::string{reason}}});
    }
    void on_accept_resumed(std::string_view service) override {
        on_relay_message(messages::kAcceptResumed, {{"service", std::string{service}}});
    }
    void on_no_upstream(std::string_view service, std::string_view last_error) override {
        on_relay_message(messages::kNoUpstream,
                         {{"service", std::string{service}}, {"error", std::string{last_error}}});
    }

    void on_buffers_short(std::string_view service) override {
        on_relay_message(messages::kBuffersShort, {{"service", std::string{service}}});
    }

  private:
    static std::string limiter_key(const Message& message, const Fields& fields) {
        std::string key{message.id};
        if (!fields.empty()) {
            key += fields.front().second;
        }
        return key;
    }
    void on_relay_message(const Message& message, Fields fields) {
        const std::lock_guard lock{relay_mutex_};
        from_relay_.push([this, &message, fields = std::move(fields)] { write(message, fields); });
    }
    void on_lost(std::uint64_t count) {
        write(messages::kReportsLost, {{"count", std::to_string(count)}});
    }

    Log log_;
    Handover from_election_;
    /// Of all workers: they are ordinary threads and may wait for each other.
    std::mutex relay_mutex_;
    Handover from_relay_;
    LogLimiter limiter_;
    control::EventLog events_;
    std::function<void()> on_event_;
    std::function<void()> on_election_reports_lost_;
    Notifier* notifier_ = nullptr;
    std::string replay_file_;
    ReplayMarks replay_marks_;
};

std::vector<relay::IpAddress> virtual_addresses(const config::Model& model) {
    std::vector<relay::IpAddress> out;
    for (const auto& instance : model.instances) {
        for (const auto& address : instance.addresses) {
            out.push_back(address.address);
        }
    }
    return out;
}

class Node {
  public:
    /// @param memory_problem why memory is not locked; empty: it is.
    Node(const Options& options, std::string name, const config::LoadResult& loaded,
         const std::string& memory_problem)
        : options_(options),
          name_(std::move(name)),
          model_(loaded.model),
          journal_(context_, {options.log_json, options.log_to_console, options.log_detail}),
          engine_({model_.services, model_.global.workers, model_.global.max_connections,
                   model_.global.buffer_memory},
                  journal_),
          notifier_(
              context_, model_,
              [this](const std::string& subject, const std::string& text) {
                  journal_.write(messages::kNotifyProblem, {{"name", subject}, {"error", text}});
              }),
          election_(model_, election_options(), engine_, journal_),
          tracking_(
              context_, model_,
              [this](vrrp::TrackKind kind, const std::string& object,
                     const vrrp::TrackStatus& status) { on_tracked(kind, object, status); },
              [this](vrrp::TrackKind kind, const std::string& object, const std::string& text) {
                  journal_.write(
                      messages::kTrackingProblem,
                      {{"kind", std::string{to_string(kind)}}, {"name", object}, {"error", text}});
              }),
          health_(context_, model_.services, virtual_addresses(model_),
                  relay::HealthHandlers{
                      .on_change = [this](const relay::HealthChange& change) { on_health(change); },
                      .on_skipped =
                          [this](const relay::HealthSkipped& skipped) {
                              journal_.write(messages::kCheckSkipped,
                                             {{"upstream", skipped.upstream},
                                              {"service", skipped.service},
                                              {"error", skipped.reason}});
                          },
                      .on_weight =
                          [this](const relay::HealthWeight& checked) {
                              engine_.set_checked_weight(checked.service, checked.upstream,
                                                         checked.weight);
                          }},
                  {.program =
                       [this](const relay::ProgramCheck& check) {
                           return make_program_probe(
                               context_, model_.check_programs.at(check.program), check);
                       },
                   .file =
                       [this](const relay::FileCheck& check) {
                           return make_file_probe(context_, check);
                       }}),
          backend_(
              context_, {options.config_path, name_, options.config_id, options.guardian_restarts},
              engine_, election_, health_, journal_.events(),
              [this](const Message& message, Fields fields) {
                  journal_.write(message, std::move(fields));
              },
              [this](const Fields& who, const control::ReplyHandler& handler) {
                  reload(who, handler);
              }),
          server_(context_, backend_),
          signals_(context_, SIGTERM, SIGINT, SIGHUP),
          stop_timer_(context_) {
        signals_.add(SIGUSR1);
        if (!memory_problem.empty()) {
            journal_.write(messages::kNoMemoryLock, {{"error", memory_problem}});
        }
        for (const auto& diagnostic : loaded.diagnostics) {
            if (diagnostic.severity > config::Severity::Note) {
                journal_.write(messages::kConfigDiagnostic,
                               {{"text", config::to_string(diagnostic)}});
            }
        }
    }

    NodeExit run() {
        if (!start()) {
            journal_.drain();
            return NodeExit::Failed;
        }
        context_.run();
        // Before the election ends: an answer of the relay may be on its way to it.
        engine_.stop();
        stop_access_log();
        return exit_;
    }

  private:
    Election::Options election_options() {
        journal_.set_notifier(&notifier_);
        journal_.set_replay_file(options_.run_directory + "/replay-marks.json");
        return {model_.global.realtime_priority, model_.global.realtime_limit,
                journal_.replay_marks(), options_.guardian_channel};
    }

    void on_tracked(vrrp::TrackKind kind, const std::string& object,
                    const vrrp::TrackStatus& status) {
        const std::string state = !status.up ? "unknown" : *status.up ? "up" : "down";
        journal_.write(messages::kTrackedChanged, {{"kind", std::string{to_string(kind)}},
                                                   {"name", object},
                                                   {"state", state},
                                                   {"detail", status.detail}});
        election_.tracked(kind, object, status);
    }

    bool start() {
        journal_.write(messages::kStarting, {{"version", TANDEM_VERSION}, {"node", name_}});
        if (options_.guardian_restarts > 0) {
            journal_.write(messages::kRestarted,
                           {{"count", std::to_string(options_.guardian_restarts)}});
        }
        journal_.set_on_event([this] { server_.notify_followers(); });
        // What notify scripts were not told, they are told now: else the last state that they know
        // would stay wrong. Asked for every time, as the answer may be lost in its turn.
        journal_.set_on_election_reports_lost([this] { election_.tell_states([] {}); });
        // The control socket comes before the addresses: it is what tells a second daemon that a
        // first one runs, and the second must not remove the first one's addresses as leftovers.
        if (mkdir(options_.run_directory.c_str(), 0755) == -1 && errno != EEXIST) {
            return fail("cannot create " + options_.run_directory,
                        {errno, boost::system::system_category()});
        }
        const std::string socket = options_.run_directory + "/control.sock";
        if (const auto error = listen_patiently(socket)) {
            return fail("cannot listen on " + socket, error);
        }
        const auto problems = engine_.start();
        for (const std::string& problem : problems) {
            fail(problem, {});
        }
        if (!problems.empty()) {
            return false;
        }
        access_log_ = std::make_unique<AccessLog>(
            engine_.numbered_services(), engine_.access_queue(), [this](AccessLogReport report) {
                asio::post(context_, [this, report = std::move(report)] { on_access_log(report); });
            });
        if (const auto error = election_.start()) {
            return fail("cannot follow the kernel's links and addresses", error);
        }
        notifier_.start();
        tracking_.start();
        health_.start();
        wait_for_signal();
        election_.ready();
        journal_.write(messages::kReady, {});
        return true;
    }

    /// The kernel takes some time to close what a killed daemon had open. Nothing runs yet that
    /// could miss this thread.
    boost::system::error_code listen_patiently(const std::string& socket) {
        const auto deadline = std::chrono::steady_clock::now() + kSocketPatience;
        auto error = server_.listen(socket);
        while (error == boost::system::errc::address_in_use &&
               std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(kSocketInterval);
            error = server_.listen(socket);
        }
        return error;
    }

    bool fail(const std::string& what, boost::system::error_code error) {
        Fields fields{{"problem", error ? what + ": " + error.message() : what}};
        journal_.write(messages::kCannotStart, std::move(fields));
        return false;
    }

    void wait_for_signal() {
        signals_.async_wait([this](boost::system::error_code error, int signal) {
            if (error) {
                return;
            }
            if (signal == SIGHUP) {
                reload_by_signal();
            } else if (signal == SIGUSR1) {
                reopen_access_log();
            } else {
                begin_stop(signal == SIGTERM ? "SIGTERM" : "SIGINT");
            }
            wait_for_signal();
        });
    }

    /// Everything or nothing (I5): reads and checks first, then opens what is new, then applies.
    void reload(const Fields& who, const control::ReplyHandler& handler) {
        const auto loaded = std::make_shared<const config::LoadResult>(
            load_configuration(options_.config_path, options_.config_id));
        ReloadPlan plan;
        std::string problem = stopping_    ? "the node is stopping"
                              : reloading_ ? "another reload is being applied"
                                           : reload_problem(*loaded);
        if (problem.empty()) {
            plan = plan_reload(model_, loaded->model);
            problem = obstacle(plan);
        }
        if (problem.empty()) {
            problem = apply_services(loaded->model);
        }
        const auto finish = [this, who, handler, loaded, plan](const std::string& failure) {
            answer_reload(who, handler, *loaded, plan, failure);
        };
        if (!problem.empty()) {
            finish(problem);
        } else if (plan.instances.empty() && plan.others.empty()) {
            model_ = loaded->model;
            finish({});
        } else {
            apply_election(loaded, finish);
        }
    }

    void answer_reload(const Fields& who, const control::ReplyHandler& handler,
                       const config::LoadResult& loaded, const ReloadPlan& plan,
                       const std::string& problem) {
        Fields fields{problem.empty() ? Fields::value_type{"changes", describe(plan)}
                                      : Fields::value_type{"problem", problem}};
        fields.insert(fields.end(), who.begin(), who.end());
        journal_.write(problem.empty() ? messages::kReloaded : messages::kReloadRefused,
                       std::move(fields));
        handler(reload_reply(loaded, plan, problem));
    }

    /// A signal has nobody to be refused: it comes again.
    void reload_by_signal() {
        if (reloading_) {
            reload_again_ = true;
        } else {
            reload({{"signal", "SIGHUP"}}, [](const control::Reply&) {});
        }
    }

    static std::string obstacle(const ReloadPlan& plan) {
        return plan.obstacles.empty()
                   ? std::string{}
                   : "a restart is needed for: " + boost::algorithm::join(plan.obstacles, ", ");
    }

    /// @return why nothing was changed.
    std::string apply_services(const config::Model& wanted) {
        const auto errors = engine_.reconfigure(wanted.services, [this] {
            access_log_->reconfigure(engine_.numbered_services(), engine_.access_queue());
        });
        if (!errors.empty()) {
            return errors.front();
        }
        model_.services = wanted.services;
        model_.check_programs = wanted.check_programs;
        // Addresses that go and addresses that come: no check may come from either.
        auto addresses = virtual_addresses(model_);
        const auto coming = virtual_addresses(wanted);
        addresses.insert(addresses.end(), coming.begin(), coming.end());
        health_.reconfigure(model_.services, std::move(addresses));
        return {};
    }

    /// Nothing here can fail any more. Programs are told of an instance for as long as it is there.
    void apply_election(const std::shared_ptr<const config::LoadResult>& loaded,
                        const std::function<void(const std::string&)>& finish) {
        reloading_ = true;
        notifier_.introduce(loaded->model);
        election_.reconfigure(loaded->model, [this, loaded, finish] {
            asio::post(context_, [this, loaded, finish] {
                // What the instances that have gone had to tell is among it.
                journal_.drain();
                reloading_ = false;
                model_ = loaded->model;
                notifier_.forget_others(model_);
                health_.reconfigure(model_.services, virtual_addresses(model_));
                if (!stopping_) {
                    tracking_.reconfigure(model_);
                }
                finish({});
                if (std::exchange(reload_again_, false) && !stopping_) {
                    reload_by_signal();
                }
            });
        });
    }

    void reopen_access_log() {
        if (access_log_) {
            access_log_->reopen();
        }
    }

    void on_access_log(const AccessLogReport& report) {
        switch (report.kind) {
            case AccessLogReport::Kind::Failed:
                journal_.write(messages::kAccessLogFailed,
                               {{"target", report.target}, {"error", report.error}});
                break;
            case AccessLogReport::Kind::Recovered:
                journal_.write(messages::kAccessLogRecovered, {{"target", report.target}});
                break;
            case AccessLogReport::Kind::Lost:
                backend_.access_records_lost(report.lost);
                journal_.write(messages::kAccessLogLost,
                               {{"target", report.target}, {"count", std::to_string(report.lost)}});
                break;
        }
    }

    /// The engine has ended: these are the last records.
    void stop_access_log() {
        if (!access_log_) {
            return;
        }
        if (const std::uint64_t lost = access_log_->stop(); lost > 0) {
            on_access_log({AccessLogReport::Kind::Lost, "at the end", {}, lost});
        }
    }

    void begin_stop(const std::string& signal) {
        if (std::exchange(stopping_, true)) {
            return;
        }
        journal_.write(messages::kStopping, {{"signal", signal}});
        health_.stop();
        tracking_.stop();
        stop_timer_.expires_after(kStopBound);
        stop_timer_.async_wait([this](boost::system::error_code error) {
            if (!error) {
                journal_.write(messages::kStopTimedOut,
                               {{"seconds", std::to_string(kStopBound.count())}});
                exit_ = NodeExit::Failed;
                finish_stop();
            }
        });
        election_.shutdown([this] { asio::post(context_, [this] { stop_notifier(); }); });
    }

    void stop_notifier() {
        // The last events for the scripts are among them.
        journal_.drain();
        // Some of those may have been lost; now there is room.
        election_.tell_states([this] {
            asio::post(context_, [this] {
                journal_.drain();
                notifier_.stop([this] { finish_stop(); });
            });
        });
    }

    void finish_stop() {
        stop_timer_.cancel();
        journal_.drain();
        journal_.write(messages::kStopped, {});
        server_.stop();
        asio::post(context_, [this] { context_.stop(); });
    }

    void on_health(const relay::HealthChange& change) {
        engine_.set_upstream_up(change.service, change.upstream, change.up);
        journal_.write(
            change.up ? messages::kUpstreamUp : messages::kUpstreamDown,
            {{"upstream", change.upstream}, {"service", change.service}, {"error", change.reason}});
    }

    Options options_;
    std::string name_;
    config::Model model_;
    asio::io_context context_{1};
    Journal journal_;
    relay::Engine engine_;
    /// After the engine has started.
    std::unique_ptr<AccessLog> access_log_;
    Notifier notifier_;
    Election election_;
    Tracking tracking_;
    relay::HealthChecker health_;
    ControlBackend backend_;
    control::Server server_;
    asio::signal_set signals_;
    asio::steady_timer stop_timer_;
    bool stopping_ = false;
    /// The election is on its way from one configuration to another.
    bool reloading_ = false;
    bool reload_again_ = false;
    NodeExit exit_ = NodeExit::Stopped;
};

}  // namespace

NodeExit run_node(const Options& options, const std::string& node_name,
                  const config::LoadResult& loaded) {
    // Before any thread exists.
    const std::string memory_problem = lock_memory();
    Node node(options, node_name, loaded, memory_problem);
    return node.run();
}

}  // namespace tandem::daemon
