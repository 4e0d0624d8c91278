// Which notify program runs next, and what is written to notify FIFOs. Pure.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/notify_event.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::daemon {

/// MASTER, BACKUP, FAULT, STOP, MASTER_RX_LOWER_PRI, MASTER_PRIORITY, BACKUP_PRIORITY.
std::string_view to_string(NotifyEvent event);

/// `INSTANCE "name" MASTER 100` or `GROUP "name" MASTER 0`, with the newline.
std::string fifo_line(NotifyKind kind, const std::string& name, NotifyEvent event,
                      std::uint8_t priority);

/// Programs of one instance or group, one at a time: for a state its specific program, then the
/// generic one. While they run only the newest state is remembered; a lower priority heard is
/// remembered only when no state is, and is forgotten when one comes. Not thread-safe.
///
/// Drive it: run the program that a call returns, tell on_ended() when it has ended or could not be
/// started.
class NotifyQueue {
  public:
    NotifyQueue(NotifyKind kind, std::string name, config::NotifySettings settings);

    /// From the next event on.
    void use(config::NotifySettings settings) { settings_ = std::move(settings); }
    std::optional<config::Command> on_event(NotifyEvent event, std::uint8_t priority);
    std::optional<config::Command> on_ended();

    /// A program runs.
    [[nodiscard]] bool busy() const { return running_.has_value(); }
    /// Event of the program that runs.
    [[nodiscard]] std::optional<NotifyEvent> running() const { return running_; }
    /// Event that waits for the program that runs.
    [[nodiscard]] std::optional<NotifyEvent> waiting() const;

  private:
    struct Told {
        NotifyEvent event{};
        std::uint8_t priority = 0;
    };
    void plan(const Told& told);
    std::optional<config::Command> next();
    [[nodiscard]] const std::optional<config::Command>& specific(NotifyEvent event) const;

    NotifyKind kind_;
    std::string name_;
    config::NotifySettings settings_;
    std::optional<NotifyEvent> running_;
    /// What the event in progress still has to run; two at most.
    std::deque<config::Command> steps_;
    std::optional<Told> waiting_;
};

}  // namespace tandem::daemon
