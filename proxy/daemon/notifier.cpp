#include "proxy/daemon/notifier.hpp"

#include "proxy/daemon/child_process.hpp"
#include "proxy/daemon/deadline_timer.hpp"
#include "proxy/daemon/notify_fifo.hpp"
#include "proxy/daemon/notify_queue.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <utility>
#include <vector>

namespace tandem::daemon {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

/// Of the time that stop() has: for what runs already. The rest is for STOP programs that wait.
constexpr std::chrono::milliseconds kLastWords =
    std::chrono::milliseconds{Notifier::kStopPatience} / 2;

bool is_priority_change(NotifyEvent event) {
    return event == NotifyEvent::MasterPriority || event == NotifyEvent::BackupPriority;
}

bool is_state(NotifyEvent event) {
    return !is_priority_change(event) && event != NotifyEvent::MasterRxLowerPriority;
}

/// Executes one NotifyQueue.
class QueueRunner {
  public:
    using Problem = Notifier::Problem;

    QueueRunner(asio::io_context& context, NotifyKind kind, const std::string& name,
                const config::NotifySettings& settings, const Problem& problem,
                std::function<void()> idle)
        : name_(name),
          priority_changes_(settings.priority_changes),
          queue_(kind, name, settings),
          problem_(problem),
          idle_(std::move(idle)),
          child_(context),
          timer_(context, [this](auto now) { on_deadline(now); }) {}

    void use(const config::NotifySettings& settings) {
        priority_changes_ = settings.priority_changes;
        queue_.use(settings);
    }
    void on_event(NotifyEvent event, std::uint8_t priority) {
        if (is_state(event)) {
            told_ = event;
        }
        run(queue_.on_event(event, priority));
    }
    /// State told last; nullopt: none yet.
    [[nodiscard]] std::optional<NotifyEvent> told() const { return told_; }
    [[nodiscard]] bool tells_priority_changes() const { return priority_changes_; }
    [[nodiscard]] bool busy() const { return queue_.busy(); }
    ChildProcess& child() { return child_; }

    /// A program of an earlier event must not keep STOP from being told.
    void make_way_for_stop() {
        if (queue_.waiting() == NotifyEvent::Stop) {
            child_.send_signal(SIGKILL);
        }
    }
    void end() { timer_.set(std::nullopt); }

  private:
    void run(std::optional<config::Command> command) {
        while (command) {
            program_ = command->arguments.front();
            const auto not_started =
                child_.start(*command, [this](const ProgramEnd& end) { on_ended(end); });
            if (!not_started) {
                limit_.on_start(Clock::now(), Notifier::kTimeout);
                timer_.set(limit_.next_deadline());
                return;
            }
            complain(to_string(*not_started));
            command = queue_.on_ended();
        }
    }
    void on_ended(const ProgramEnd& end) {
        const bool timed_out = limit_.timed_out();
        limit_.on_end();
        timer_.set(std::nullopt);
        if (!end.succeeded() && !timed_out) {
            complain(to_string(end));
        }
        run(queue_.on_ended());
        if (!queue_.busy()) {
            idle_();
        }
    }
    void on_deadline(Clock::time_point now) {
        if (const auto signal = limit_.on_deadline(now)) {
            if (*signal == SIGTERM) {
                complain("timed out after " + seconds_text(Notifier::kTimeout));
            }
            child_.send_signal(*signal);
        }
        timer_.set(limit_.next_deadline());
    }
    void complain(const std::string& text) {
        problem_(name_, "notify program " + program_ + ": " + text);
    }

    std::string name_;
    std::optional<NotifyEvent> told_;
    bool priority_changes_;
    NotifyQueue queue_;
    const Problem& problem_;
    std::function<void()> idle_;
    ChildProcess child_;
    RunLimit limit_;
    DeadlineTimer timer_;
    std::string program_;
};

}  // namespace

struct Notifier::Impl {
    using Runners = std::map<std::string, std::unique_ptr<QueueRunner>>;
    enum class Stopping : std::uint8_t { No, LastWords, MakingWay, Done };

    Impl(asio::io_context& context_to_use, const config::Model& model, Problem on_problem)
        : context(context_to_use),
          problem(std::move(on_problem)),
          stop_timer(context, [this](auto now) { on_stop_deadline(now); }) {
        for (const auto& instance : model.instances) {
            add(instances, NotifyKind::Instance, instance.election.name, instance.notify);
        }
        for (const auto& group : model.groups) {
            add(groups, NotifyKind::Group, group.name, group.notify);
        }
        for (const auto& settings : model.global.notify_fifos) {
            fifos.push_back(std::make_unique<NotifyFifo>(context, settings, problem));
        }
    }

    void add(Runners& runners, NotifyKind kind, const std::string& name,
             const config::NotifySettings& settings) {
        runners.emplace(
            name, std::make_unique<QueueRunner>(context, kind, name, settings, problem, [this] {
                finish_if_idle();
                forget_retired();
            }));
    }

    void use(Runners& runners, NotifyKind kind, const std::string& name,
             const config::NotifySettings& settings) {
        const auto known = runners.find(name);
        if (known == runners.end()) {
            add(runners, kind, name, settings);
        } else {
            known->second->use(settings);
        }
    }

    void introduce(const config::Model& model) {
        for (const auto& instance : model.instances) {
            use(instances, NotifyKind::Instance, instance.election.name, instance.notify);
        }
        for (const auto& group : model.groups) {
            use(groups, NotifyKind::Group, group.name, group.notify);
        }
    }

    void forget_others(const config::Model& model) {
        const auto known = [](const auto& list, const std::string& name, const auto& name_of) {
            return std::ranges::find(list, name, name_of) != list.end();
        };
        retire_if(instances, [&](const std::string& name) {
            return !known(model.instances, name,
                          [](const auto& each) { return each.election.name; });
        });
        retire_if(groups, [&](const std::string& name) {
            return !known(model.groups, name, [](const auto& each) { return each.name; });
        });
    }

    /// A program that runs goes on.
    template <typename Condition>
    void retire_if(Runners& runners, const Condition& condition) {
        for (auto each = runners.begin(); each != runners.end();) {
            const auto here = each++;
            if (condition(here->first)) {
                if (here->second->busy()) {
                    retired.push_back(std::move(here->second));
                }
                runners.erase(here);
            }
        }
    }

    /// Not while one of them calls.
    void forget_retired() {
        asio::post(context, [this, here = std::weak_ptr<char>(alive)] {
            if (!here.expired()) {
                std::erase_if(retired, [](const auto& runner) { return !runner->busy(); });
            }
        });
    }

    void tell(Runners& runners, NotifyKind kind, const std::string& name, NotifyEvent event,
              std::uint8_t priority) {
        const auto runner = runners.find(name);
        if (runner == runners.end() || stopping != Stopping::No) {
            return;
        }
        if (!is_priority_change(event) || runner->second->tells_priority_changes()) {
            const std::string line = fifo_line(kind, name, event, priority);
            for (auto& fifo : fifos) {
                fifo->write(line);
            }
        }
        runner->second->on_event(event, priority);
    }

    void tell_if_new(const CurrentState& state) {
        Runners& runners = state.kind == NotifyKind::Instance ? instances : groups;
        const auto runner = runners.find(state.name);
        if (runner != runners.end() && runner->second->told() != state.event) {
            tell(runners, state.kind, state.name, state.event, state.priority);
        }
    }

    void begin_stop(std::function<void()> on_done) {
        if (stopping != Stopping::No) {
            return;
        }
        stopping = Stopping::LastWords;
        done = std::move(on_done);
        stop_deadline = Clock::now() + kStopPatience;
        for (auto& fifo : fifos) {
            fifo->close([this] { finish_if_idle(); });
        }
        stop_timer.set(Clock::now() + kLastWords);
        asio::post(context, [this, here = std::weak_ptr<char>(alive)] {
            if (!here.expired()) {
                finish_if_idle();
            }
        });
    }

    void on_stop_deadline(Clock::time_point now) {
        if (stopping == Stopping::MakingWay && now >= stop_deadline) {
            finish();
            return;
        }
        if (stopping == Stopping::LastWords) {
            stopping = Stopping::MakingWay;
            for_each([](QueueRunner& runner) { runner.make_way_for_stop(); });
            for (auto& fifo : fifos) {
                fifo->script().send_signal(SIGTERM);
            }
        }
        stop_timer.set(stop_deadline);
    }

    void finish_if_idle() {
        bool idle = stopping != Stopping::No;
        for_each([&idle](QueueRunner& runner) { idle = idle && !runner.busy(); });
        for (auto& fifo : fifos) {
            idle = idle && !fifo->script().running();
        }
        if (idle) {
            finish();
        }
    }

    void finish() {
        if (std::exchange(stopping, Stopping::Done) == Stopping::Done) {
            return;
        }
        stop_timer.set(std::nullopt);
        end_all();
        for (auto& fifo : fifos) {
            fifo->remove();
        }
        if (const auto callback = std::exchange(done, nullptr)) {
            callback();
        }
    }

    void end_all() {
        std::vector<ChildProcess*> children;
        for_each([&children](QueueRunner& runner) {
            runner.end();
            children.push_back(&runner.child());
        });
        for (auto& fifo : fifos) {
            children.push_back(&fifo->script());
        }
        ChildProcess::end_all(children, std::chrono::milliseconds{0});
    }

    template <typename Function>
    void for_each(const Function& function) {
        for (Runners* runners : {&instances, &groups}) {
            for (auto& [name, runner] : *runners) {
                function(*runner);
            }
        }
        for (auto& runner : retired) {
            function(*runner);
        }
    }

    asio::io_context& context;
    Problem problem;
    Runners instances;
    Runners groups;
    /// Of instances and groups that are no more, while their last program runs.
    std::vector<std::unique_ptr<QueueRunner>> retired;
    std::vector<std::unique_ptr<NotifyFifo>> fifos;
    Stopping stopping = Stopping::No;
    Clock::time_point stop_deadline;
    std::function<void()> done;
    DeadlineTimer stop_timer;
    std::shared_ptr<char> alive = std::make_shared<char>();
};

Notifier::Notifier(asio::io_context& context, const config::Model& model, Problem problem)
    : impl_(std::make_unique<Impl>(context, model, std::move(problem))) {}

Notifier::~Notifier() {
    impl_->end_all();
    for (auto& fifo : impl_->fifos) {
        fifo->remove();
    }
}

void Notifier::start() {
    for (auto& fifo : impl_->fifos) {
        fifo->start();
    }
}

void Notifier::introduce(const config::Model& model) {
    impl_->introduce(model);
}

void Notifier::forget_others(const config::Model& model) {
    impl_->forget_others(model);
}

void Notifier::instance_changed(const std::string& instance, NotifyEvent event,
                                std::uint8_t priority) {
    impl_->tell(impl_->instances, NotifyKind::Instance, instance, event, priority);
}

void Notifier::group_changed(const std::string& group, NotifyEvent event) {
    impl_->tell(impl_->groups, NotifyKind::Group, group, event, 0);
}

void Notifier::states_are(const std::vector<CurrentState>& states) {
    for (const CurrentState& state : states) {
        impl_->tell_if_new(state);
    }
}

void Notifier::stop(std::function<void()> done) {
    impl_->begin_stop(std::move(done));
}

}  // namespace tandem::daemon
