#include "proxy/relay/port_ring.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using namespace std::chrono_literals;

constexpr PortRange kRange{.first = 2000, .last = 2009};
const TimePoint kStart{1h};

std::vector<std::uint16_t> take_all(PortRing& ring, TimePoint now = kStart) {
    std::vector<std::uint16_t> ports;
    while (const auto port = ring.take(now)) {
        ports.push_back(*port);
    }
    return ports;
}

TEST(PortRing, HandsOutEveryPortOnce) {
    PortRing ring{kRange, 0};
    EXPECT_EQ(take_all(ring), (std::vector<std::uint16_t>{2000, 2001, 2002, 2003, 2004, 2005, 2006,
                                                          2007, 2008, 2009}));
    EXPECT_EQ(ring.in_use(), 10U);
    EXPECT_EQ(ring.size(), 10U);
}

TEST(PortRing, BeginsWhereItIsTold) {
    PortRing ring{kRange, 10 + 7};
    EXPECT_EQ(take_all(ring).front(), 2007);
    EXPECT_EQ(take_all(ring).size(), 0U);
}

TEST(PortRing, AUsedPortComesBackAfterAllOthers) {
    PortRing ring{kRange, 0};
    const std::uint16_t first = ring.take(kStart).value();
    ring.give_back(first, PortState::Clean, kStart);
    for (int others = 0; others < 9; ++others) {
        EXPECT_NE(ring.take(kStart).value(), first);
    }
    EXPECT_EQ(ring.take(kStart).value(), first);
}

TEST(PortRing, FirstFreedFirstTaken) {
    PortRing ring{kRange, 0};
    take_all(ring);
    const std::vector<std::uint16_t> freed{2005, 2001, 2009};
    for (const std::uint16_t port : freed) {
        ring.give_back(port, PortState::Clean, kStart);
    }
    EXPECT_EQ(take_all(ring), freed);
}

TEST(PortRing, ADirtyPortRests) {
    PortRing ring{kRange, 0};
    take_all(ring);
    ring.give_back(2003, PortState::Dirty, kStart);
    EXPECT_EQ(ring.in_use(), 9U);
    EXPECT_FALSE(ring.take(kStart + PortRing::kQuarantine - 1ms));
    EXPECT_EQ(ring.take(kStart + PortRing::kQuarantine), 2003);
}

TEST(PortRing, T21_WhatWasNotTakenIsNotGivenBack) {
    PortRing ring{kRange, 0};
    const std::uint16_t port = ring.take(kStart).value();
    ring.give_back(port, PortState::Clean, kStart);
    ring.give_back(port, PortState::Clean, kStart);
    ring.give_back(1999, PortState::Clean, kStart);
    ring.give_back(2010, PortState::Clean, kStart);
    ring.give_back(0, PortState::Clean, kStart);
    EXPECT_EQ(ring.in_use(), 0U);
    EXPECT_EQ(take_all(ring).size(), 10U);
}

TEST(PortRing, T21_TheLastPortOfAllIsOne) {
    PortRing ring{{.first = 65534, .last = 65535}, 1};
    EXPECT_EQ(take_all(ring), (std::vector<std::uint16_t>{65535, 65534}));
}

}  // namespace
}  // namespace tandem::relay
