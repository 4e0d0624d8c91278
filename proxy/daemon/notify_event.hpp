// What notify programs and FIFOs are told.
#pragma once

#include <cstdint>
#include <string>

namespace tandem::daemon {

enum class NotifyKind : std::uint8_t { Instance, Group };

/// What keepalived calls the states; arguments of scripts and words of FIFO lines.
enum class NotifyEvent : std::uint8_t {
    Master,
    Backup,
    Fault,
    Stop,
    MasterRxLowerPriority,  ///< MASTER_RX_LOWER_PRI: script notify_master_rx_lower_pri and FIFO
    MasterPriority,         ///< MASTER_PRIORITY: FIFO only
    BackupPriority,         ///< BACKUP_PRIORITY: FIFO only
};

/// The state that an instance or a group has now.
struct CurrentState {
    NotifyKind kind{};
    std::string name;
    /// Master, Backup, Fault or Stop.
    NotifyEvent event{};
    /// Effective priority; groups: 0.
    std::uint8_t priority = 0;
};

}  // namespace tandem::daemon
