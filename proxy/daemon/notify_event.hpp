// What notify programs and FIFOs are told.
#pragma once

#include <cstdint>

namespace tandem::daemon {

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

}  // namespace tandem::daemon
