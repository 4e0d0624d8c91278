#include "proxy/daemon/notify_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using Event = NotifyEvent;

config::Command command(const std::string& path) {
    config::Command out;
    out.arguments = {path, "own"};
    return out;
}

config::NotifySettings all_programs() {
    config::NotifySettings out;
    out.master = command("/master");
    out.backup = command("/backup");
    out.fault = command("/fault");
    out.stop = command("/stop");
    out.master_rx_lower_priority = command("/lower");
    out.generic = command("/generic");
    return out;
}

std::string text(const std::optional<config::Command>& program) {
    std::string out;
    if (program) {
        for (const auto& argument : program->arguments) {
            out += (out.empty() ? "" : " ") + argument;
        }
    }
    return out;
}

NotifyQueue queue_of(const config::NotifySettings& settings) {
    return {NotifyKind::Instance, "VI_1", settings};
}

TEST(NotifyQueue, RunsTheSpecificProgramAndThenTheGenericOne) {
    struct Case {
        Event event;
        std::string specific;
        std::string generic;
    };
    const Case cases[] = {
        {Event::Master, "/master own", "/generic own INSTANCE VI_1 MASTER 100"},
        {Event::Backup, "/backup own", "/generic own INSTANCE VI_1 BACKUP 100"},
        {Event::Fault, "/fault own", "/generic own INSTANCE VI_1 FAULT 100"},
        {Event::Stop, "/stop own", "/generic own INSTANCE VI_1 STOP 100"},
        {Event::MasterRxLowerPriority, "/lower own", ""},
        {Event::MasterPriority, "", ""},
        {Event::BackupPriority, "", ""},
    };
    for (const auto& test : cases) {
        SCOPED_TRACE(to_string(test.event));
        auto queue = queue_of(all_programs());
        EXPECT_EQ(text(queue.on_event(test.event, 100)), test.specific);
        EXPECT_EQ(queue.busy(), !test.specific.empty());
        EXPECT_EQ(text(queue.on_ended()), test.generic);
        EXPECT_EQ(queue.busy(), !test.generic.empty());
        EXPECT_EQ(text(queue.on_ended()), "");
        EXPECT_FALSE(queue.busy());
    }
}

TEST(NotifyQueue, AGroupSaysSo) {
    config::NotifySettings settings;
    settings.generic = command("/generic");
    NotifyQueue queue(NotifyKind::Group, "VG", settings);
    EXPECT_EQ(text(queue.on_event(Event::Fault, 0)), "/generic own GROUP VG FAULT 0");
}

TEST(NotifyQueue, WithoutProgramsNothingRuns) {
    auto queue = queue_of({});
    EXPECT_EQ(text(queue.on_event(Event::Master, 1)), "");
    EXPECT_FALSE(queue.busy());
    EXPECT_EQ(text(queue.on_ended()), "");
}

TEST(NotifyQueue, OnlyTheNewestStateWaits) {
    auto queue = queue_of(all_programs());
    queue.on_event(Event::Master, 100);
    EXPECT_EQ(text(queue.on_event(Event::Backup, 90)), "");
    EXPECT_EQ(text(queue.on_event(Event::Fault, 80)), "");
    EXPECT_EQ(text(queue.on_event(Event::Master, 70)), "");
    EXPECT_EQ(queue.running(), Event::Master);
    EXPECT_EQ(queue.waiting(), Event::Master);
    // What runs is finished first, with what was true when it began.
    EXPECT_EQ(text(queue.on_ended()), "/generic own INSTANCE VI_1 MASTER 100");
    EXPECT_EQ(text(queue.on_ended()), "/master own");
    EXPECT_FALSE(queue.waiting());
    EXPECT_EQ(text(queue.on_ended()), "/generic own INSTANCE VI_1 MASTER 70");
    EXPECT_EQ(text(queue.on_ended()), "");
    EXPECT_FALSE(queue.busy());
}

TEST(NotifyQueue, ALowerPriorityNeverReplacesAState) {
    auto queue = queue_of(all_programs());
    queue.on_event(Event::Master, 100);
    queue.on_event(Event::Backup, 90);
    queue.on_event(Event::MasterRxLowerPriority, 90);
    EXPECT_EQ(queue.waiting(), Event::Backup);
}

TEST(NotifyQueue, AStateReplacesALowerPriority) {
    auto queue = queue_of(all_programs());
    queue.on_event(Event::Master, 100);
    queue.on_event(Event::MasterRxLowerPriority, 100);
    EXPECT_EQ(queue.waiting(), Event::MasterRxLowerPriority);
    queue.on_event(Event::Backup, 90);
    EXPECT_EQ(queue.waiting(), Event::Backup);
}

TEST(NotifyQueue, AWaitingStateWithoutProgramsEndsTheWait) {
    auto settings = all_programs();
    settings.backup.reset();
    settings.generic.reset();
    auto queue = queue_of(settings);
    queue.on_event(Event::Master, 100);
    queue.on_event(Event::Backup, 90);
    EXPECT_EQ(text(queue.on_ended()), "");
    EXPECT_FALSE(queue.busy());
    EXPECT_FALSE(queue.waiting());
}

TEST(FifoLine, IsKeepaliveds) {
    EXPECT_EQ(fifo_line(NotifyKind::Instance, "VI_1", Event::Master, 100),
              "INSTANCE \"VI_1\" MASTER 100\n");
    EXPECT_EQ(fifo_line(NotifyKind::Group, "VG 1", Event::Fault, 0), "GROUP \"VG 1\" FAULT 0\n");
    EXPECT_EQ(fifo_line(NotifyKind::Instance, "VI_1", Event::MasterRxLowerPriority, 255),
              "INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 255\n");
    EXPECT_EQ(fifo_line(NotifyKind::Instance, "VI_1", Event::MasterPriority, 1),
              "INSTANCE \"VI_1\" MASTER_PRIORITY 1\n");
    EXPECT_EQ(fifo_line(NotifyKind::Instance, "VI_1", Event::BackupPriority, 1),
              "INSTANCE \"VI_1\" BACKUP_PRIORITY 1\n");
    EXPECT_EQ(fifo_line(NotifyKind::Instance, "VI_1", Event::Stop, 1),
              "INSTANCE \"VI_1\" STOP 1\n");
}

}  // namespace
}  // namespace tandem::daemon
