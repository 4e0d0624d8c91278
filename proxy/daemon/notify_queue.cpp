#include "proxy/daemon/notify_queue.hpp"

#include <utility>

namespace tandem::daemon {
namespace {

std::string_view to_string(NotifyKind kind) {
    return kind == NotifyKind::Instance ? "INSTANCE" : "GROUP";
}

/// Priorities are told to FIFOs only.
bool runs_programs(NotifyEvent event) {
    return event != NotifyEvent::MasterPriority && event != NotifyEvent::BackupPriority;
}

}  // namespace

std::string_view to_string(NotifyEvent event) {
    switch (event) {
        case NotifyEvent::Master:
            return "MASTER";
        case NotifyEvent::Backup:
            return "BACKUP";
        case NotifyEvent::Fault:
            return "FAULT";
        case NotifyEvent::Stop:
            return "STOP";
        case NotifyEvent::MasterRxLowerPriority:
            return "MASTER_RX_LOWER_PRI";
        case NotifyEvent::MasterPriority:
            return "MASTER_PRIORITY";
        case NotifyEvent::BackupPriority:
            return "BACKUP_PRIORITY";
    }
    return "UNKNOWN";
}

std::string fifo_line(NotifyKind kind, const std::string& name, NotifyEvent event,
                      std::uint8_t priority) {
    std::string out{to_string(kind)};
    out += " \"" + name + "\" ";
    out += to_string(event);
    out += ' ' + std::to_string(priority) + '\n';
    return out;
}

NotifyQueue::NotifyQueue(NotifyKind kind, std::string name, config::NotifySettings settings)
    : kind_(kind), name_(std::move(name)), settings_(std::move(settings)) {}

std::optional<NotifyEvent> NotifyQueue::waiting() const {
    return waiting_ ? std::optional{waiting_->event} : std::nullopt;
}

const std::optional<config::Command>& NotifyQueue::specific(NotifyEvent event) const {
    static const std::optional<config::Command> kNone;
    switch (event) {
        case NotifyEvent::Master:
            return settings_.master;
        case NotifyEvent::Backup:
            return settings_.backup;
        case NotifyEvent::Fault:
            return settings_.fault;
        case NotifyEvent::Stop:
            return settings_.stop;
        case NotifyEvent::MasterRxLowerPriority:
            return settings_.master_rx_lower_priority;
        case NotifyEvent::MasterPriority:
        case NotifyEvent::BackupPriority:
            break;
    }
    return kNone;
}

std::optional<config::Command> NotifyQueue::on_event(NotifyEvent event, std::uint8_t priority) {
    if (!runs_programs(event)) {
        return std::nullopt;
    }
    if (!running_) {
        plan({event, priority});
        return next();
    }
    if (event != NotifyEvent::MasterRxLowerPriority || !waiting_) {
        waiting_ = Told{event, priority};
    }
    return std::nullopt;
}

std::optional<config::Command> NotifyQueue::on_ended() {
    auto command = next();
    if (!command && waiting_) {
        plan(*std::exchange(waiting_, std::nullopt));
        command = next();
    }
    return command;
}

void NotifyQueue::plan(const Told& told) {
    running_ = told.event;
    if (const auto& command = specific(told.event)) {
        steps_.push_back(*command);
    }
    // keepalived has no word for a lower priority in the generic program's arguments.
    if (settings_.generic && told.event != NotifyEvent::MasterRxLowerPriority) {
        config::Command command = *settings_.generic;
        for (const std::string_view argument :
             {to_string(kind_), std::string_view{name_}, to_string(told.event)}) {
            command.arguments.emplace_back(argument);
        }
        command.arguments.push_back(std::to_string(told.priority));
        steps_.push_back(std::move(command));
    }
}

std::optional<config::Command> NotifyQueue::next() {
    if (steps_.empty()) {
        running_.reset();
        return std::nullopt;
    }
    config::Command command = std::move(steps_.front());
    steps_.pop_front();
    return command;
}

}  // namespace tandem::daemon
