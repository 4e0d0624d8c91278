#include "proxy/daemon/access_log.hpp"

#include "proxy/daemon/access_line.hpp"
#include "proxy/daemon/access_output.hpp"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace tandem::daemon {
namespace {

/// Records between two writes.
constexpr std::size_t kBatch = 4096;

/// How long records of a service that is gone may take from the relay to here.
constexpr std::chrono::seconds kRemembered{60};

using TimePoint = std::chrono::steady_clock::time_point;

/// Counts something that only grows, and tells how much of it was not told yet.
class LossReport {
  public:
    /// @return what to tell now; zero: nothing, or later.
    std::uint64_t due(std::uint64_t total, TimePoint now) {
        if (total == told_ || now < next_) {
            return 0;
        }
        next_ = now + AccessLog::kReportInterval;
        return total - std::exchange(told_, total);
    }
    [[nodiscard]] std::uint64_t untold(std::uint64_t total) const { return total - told_; }

  private:
    std::uint64_t told_ = 0;
    TimePoint next_{};
};

struct Target {
    explicit Target(const std::string& file) : output(file) {}
    [[nodiscard]] std::string name() const {
        return output.file().empty() ? "syslog" : output.file();
    }
    AccessOutput output;
    LossReport losses;
    /// The trouble was told, its end was not.
    bool failed = false;
    TimePoint next_failure_report{};
};

}  // namespace

struct AccessLog::Impl {
    Impl(const Services& services, std::shared_ptr<relay::AccessQueue> records,
         Handler report_handler)
        : queue(std::move(records)),
          handler(std::move(report_handler)),
          known(services),
          lines(services) {
        assign_targets(services);
    }

    void assign_targets(const Services& services) {
        by_service.clear();
        for (const auto& [number, service] : services) {
            if (service.access_log.enabled()) {
                by_service[number] = target_of(service.access_log.file);
            }
        }
    }

    /// What reconfigure() has left for the thread. Records of a service that is gone may still be
    /// in the queue: it is remembered for a while.
    void take_over() {
        std::optional<Services> next;
        {
            const std::lock_guard lock{mutex};
            next.swap(news);
        }
        if (!next) {
            return;
        }
        const TimePoint now = std::chrono::steady_clock::now();
        for (const auto& [number, service] : known) {
            if (!next->contains(number) &&
                now - gone.try_emplace(number, now).first->second < kRemembered) {
                next->emplace(number, service);
            } else {
                gone.erase(number);
            }
        }
        known = std::move(*next);
        lines = AccessLine{known};
        assign_targets(known);
    }

    /// The same file for two services is one output.
    Target* target_of(const std::string& file) {
        for (const auto& target : targets) {
            if (target->output.file() == file) {
                return target.get();
            }
        }
        targets.push_back(std::make_unique<Target>(file));
        return targets.back().get();
    }

    void run() {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGPIPE);
        sigaddset(&signals, SIGXFSZ);
        ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        while (true) {
            const bool last = stopping.load();
            if (reopening.exchange(false)) {
                for (const auto& target : targets) {
                    target->output.reopen();
                }
            }
            take_over();
            const std::size_t count = take_batch();
            const TimePoint now = std::chrono::steady_clock::now();
            bool waiting = false;
            for (const auto& target : targets) {
                target->output.flush(now);
                report(*target, now);
                waiting = waiting || target->output.has_pending() ||
                          target->losses.untold(target->output.lost()) > 0;
            }
            tell(AccessLogReport::Kind::Lost, "the queue", {},
                 queue_losses.due(queue->lost(), now));
            if (count == kBatch) {
                continue;
            }
            if (last) {
                break;
            }
            if (count > 0 || waiting || queue_losses.untold(queue->lost()) > 0) {
                queue->pause(kGatherTime);
            } else {
                queue->wait();
            }
        }
        finish();
    }

    std::size_t take_batch() {
        const auto steady = std::chrono::steady_clock::now();
        const auto wall = std::chrono::system_clock::now();
        std::size_t count = 0;
        for (relay::AccessRecord record; count < kBatch && queue->take(record); ++count) {
            const auto ago =
                std::chrono::duration_cast<std::chrono::milliseconds>(steady - record.started);
            if (!lines.knows(record)) {
                // Told before the record was put.
                take_over();
            }
            line.clear();
            lines.append(line, record, wall - ago);
            by_service.at(record.service)->output.add(line);
        }
        return count;
    }

    void report(Target& target, TimePoint now) {
        const auto& trouble = target.output.trouble();
        if (trouble && !target.failed && now >= target.next_failure_report) {
            target.failed = true;
            target.next_failure_report = now + kReportInterval;
            tell(AccessLogReport::Kind::Failed, target.name(), trouble.message(), 0);
        } else if (!trouble && target.failed && !target.output.has_pending()) {
            target.failed = false;
            tell(AccessLogReport::Kind::Recovered, target.name(), {}, 0);
        }
        tell(AccessLogReport::Kind::Lost, target.name(), {},
             target.losses.due(target.output.lost(), now));
    }

    void tell(AccessLogReport::Kind kind, std::string target, std::string error,
              std::uint64_t count) {
        if (kind == AccessLogReport::Kind::Lost && count == 0) {
            return;
        }
        const std::lock_guard lock{mutex};
        if (!abandoned) {
            handler({kind, std::move(target), std::move(error), count});
        }
    }

    void finish() {
        std::uint64_t missing = queue_losses.untold(queue->lost());
        for (const auto& target : targets) {
            missing += target->losses.untold(target->output.lost()) + target->output.waiting();
        }
        const std::lock_guard lock{mutex};
        unreported = missing;
        finished = true;
        done.notify_all();
    }

    const std::shared_ptr<relay::AccessQueue> queue;
    const Handler handler;
    Services known;
    /// Since when it is not in a configuration any more.
    std::map<std::uint16_t, TimePoint> gone;
    AccessLine lines;
    std::vector<std::unique_ptr<Target>> targets;
    /// Of the services that have a log.
    std::map<std::uint16_t, Target*> by_service;
    LossReport queue_losses;
    std::string line;
    std::atomic<bool> reopening{false};
    std::atomic<bool> stopping{false};
    std::thread thread;

    std::mutex mutex;
    std::condition_variable done;
    std::optional<Services> news;
    bool abandoned = false;
    bool finished = false;
    std::uint64_t unreported = 0;
};

AccessLog::AccessLog(const Services& services, std::shared_ptr<relay::AccessQueue> queue,
                     Handler handler)
    : handler_(std::move(handler)) {
    start(services, std::move(queue));
}

void AccessLog::start(const Services& services, std::shared_ptr<relay::AccessQueue> queue) {
    if (queue) {
        impl_ = std::make_shared<Impl>(services, std::move(queue), handler_);
        impl_->thread = std::thread{[impl = impl_] { impl->run(); }};
    }
}

void AccessLog::reconfigure(const Services& services, std::shared_ptr<relay::AccessQueue> queue) {
    if (!impl_) {
        start(services, std::move(queue));
        return;
    }
    const std::lock_guard lock{impl_->mutex};
    impl_->news = services;
}

AccessLog::~AccessLog() {
    stop();
}

void AccessLog::reopen() {
    if (impl_) {
        impl_->reopening.store(true);
        impl_->queue->wake();
    }
}

std::uint64_t AccessLog::stop() {
    if (!impl_ || !impl_->thread.joinable()) {
        return 0;
    }
    impl_->stopping.store(true);
    impl_->queue->wake();
    std::unique_lock lock{impl_->mutex};
    const bool finished =
        impl_->done.wait_for(lock, kStopPatience, [this] { return impl_->finished; });
    impl_->abandoned = true;
    const std::uint64_t unreported = impl_->unreported;
    lock.unlock();
    if (finished) {
        impl_->thread.join();
    } else {
        impl_->thread.detach();
    }
    return unreported;
}

}  // namespace tandem::daemon
