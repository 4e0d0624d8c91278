#include "netlink/announce_queue.hpp"

#include <gtest/gtest.h>

namespace tandem::netlink {
namespace {

using namespace std::chrono_literals;
using Time = AnnounceQueue::Clock::time_point;

AnnounceQueue::Burst burst(std::size_t address, unsigned frames,
                           std::chrono::microseconds interval = 0us,
                           const char* interface = "eth0") {
    return {.subject = {.group = 0, .address = address},
            .protocol = AnnounceProtocol::Arp,
            .interface = interface,
            .frames = frames,
            .interval = interval};
}

TEST(AnnounceQueue, EveryAddressOnceBeforeAnyAgain) {
    AnnounceQueue queue;
    queue.add(burst(0, 2));
    queue.add(burst(1, 2));
    std::string order;
    while (const auto frame = queue.take(Time{1h})) {
        order += std::to_string(frame->subject.address);
    }
    EXPECT_EQ(order, "0101");
    EXPECT_FALSE(queue.next_due());
}

TEST(AnnounceQueue, IntervalHoldsPerInterfaceAndAcrossBursts) {
    AnnounceQueue queue;
    const Time now{1h};
    queue.add(burst(0, 2, 100ms));
    queue.add(burst(1, 1, 100ms, "eth1"));
    EXPECT_TRUE(queue.take(now));
    EXPECT_TRUE(queue.take(now)) << "the other interface has a line of its own";
    EXPECT_FALSE(queue.take(now + 100ms - 1us));
    EXPECT_EQ(queue.next_due(), now + 100ms);
    EXPECT_TRUE(queue.take(now + 100ms));
    EXPECT_FALSE(queue.next_due());
    queue.add(burst(2, 1, 100ms));
    EXPECT_FALSE(queue.take(now + 150ms)) << "the line remembers its last frame";
    EXPECT_TRUE(queue.take(now + 200ms));
}

TEST(AnnounceQueue, BurstsOfOneAddressDoNotPileUp) {
    AnnounceQueue queue;
    for (int i = 0; i < 1000; ++i) {
        queue.add(burst(0, 3));
    }
    int frames = 0;
    while (queue.take(Time{1h})) {
        ++frames;
    }
    EXPECT_EQ(frames, 3);
    queue.add(burst(0, 0));
    EXPECT_FALSE(queue.next_due());
}

TEST(AnnounceQueue, DroppedSubjectsAreNotSent) {
    AnnounceQueue queue;
    queue.add(burst(0, 3));
    queue.add(burst(1, 1));
    queue.drop({.group = 0, .address = 0});
    EXPECT_EQ(queue.take(Time{1h})->subject.address, 1U);
    queue.add(burst(2, 3));
    queue.drop_group(0);
    EXPECT_FALSE(queue.take(Time{1h}));
}

TEST(AnnounceQueue, WhatIsInLineFollowsItsAddressToAnotherPosition) {
    AnnounceQueue queue;
    queue.add(burst(0, 1));
    queue.add(burst(1, 1));
    queue.add(burst(2, 1));
    queue.renumber(0, {1, std::nullopt});
    queue.renumber(7, {});
    ASSERT_EQ(queue.take(Time{1h})->subject.address, 1U);
    EXPECT_FALSE(queue.take(Time{1h})) << "the others are no more";
}

}  // namespace
}  // namespace tandem::netlink
