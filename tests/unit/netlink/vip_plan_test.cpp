#include "netlink/vip_plan.hpp"

#include <ostream>
#include <string>

#include <gmock/gmock.h>

namespace tandem::netlink {

void PrintTo(const Operation& operation, std::ostream* out) {
    *out << (operation.kind == Operation::Kind::Add ? "add" : "remove") << " group "
         << operation.group << " address " << operation.address << " index " << operation.index
         << " /" << unsigned{operation.prefix_length};
}

namespace {

using boost::asio::ip::make_address;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr auto kAdd = Operation::Kind::Add;
constexpr auto kRemove = Operation::Kind::Remove;

Operation operation(Operation::Kind kind, std::size_t group, std::size_t address, unsigned index,
                    std::uint8_t length) {
    return {
        .kind = kind, .group = group, .address = address, .index = index, .prefix_length = length};
}

VirtualAddress vip(const char* address, std::uint8_t length, const char* interface = "eth0") {
    VirtualAddress value;
    value.address = make_address(address);
    value.prefix_length = length;
    value.interface = interface;
    return value;
}

class VipPlanTest : public testing::Test {
  protected:
    VipPlanTest() {
        put_link(2, "eth0", true);
        put_link(3, "eth1", true);
    }
    void put_link(unsigned index, const char* name, bool up) {
        Link link;
        link.index = index;
        link.name = name;
        link.up = up;
        Message message;
        message.body = LinkPresent{link};
        tables.apply(message);
    }
    void put(unsigned index, const char* address, std::uint8_t length) {
        Address entry;
        entry.index = index;
        entry.address = make_address(address);
        entry.prefix_length = length;
        Message message;
        message.body = AddressPresent{entry};
        tables.apply(message);
    }
    std::vector<Operation> plan(bool acquired) const {
        const DesiredGroup group{.addresses = addresses, .acquired = acquired};
        return plan_changes({&group, 1}, tables);
    }
    /// What the kernel would do.
    void execute(const std::vector<Operation>& operations) {
        for (const Operation& step : operations) {
            Address entry;
            entry.index = step.index;
            entry.address = addresses[step.address].address;
            entry.prefix_length = step.prefix_length;
            Message message;
            if (step.kind == kAdd) {
                message.body = AddressPresent{entry};
            } else {
                message.body = AddressGone{entry};
            }
            tables.apply(message);
        }
    }
    std::vector<VirtualAddress> addresses{vip("198.51.100.100", 32), vip("2001:db8::100", 128)};
    Tables tables;
};

TEST_F(VipPlanTest, NothingToDoWhenNotAcquiredAndAbsent) {
    EXPECT_THAT(plan(false), IsEmpty());
}

TEST_F(VipPlanTest, AcquiredAndAbsentIsAdded) {
    EXPECT_THAT(plan(true),
                ElementsAre(operation(kAdd, 0, 0, 2, 32), operation(kAdd, 0, 1, 2, 128)));
}

TEST_F(VipPlanTest, AcquiredAndPresentIsLeftAlone) {
    put(2, "198.51.100.100", 32);
    put(2, "2001:db8::100", 128);
    EXPECT_THAT(plan(true), IsEmpty());
}

TEST_F(VipPlanTest, OnlyTheMissingOneIsAdded) {
    put(2, "198.51.100.100", 32);
    EXPECT_THAT(plan(true), ElementsAre(operation(kAdd, 0, 1, 2, 128)));
}

TEST_F(VipPlanTest, NotAcquiredAndPresentIsRemovedWhateverThePrefixLength) {
    put(2, "198.51.100.100", 32);
    put(2, "198.51.100.100", 24);
    EXPECT_THAT(plan(false),
                ElementsAre(operation(kRemove, 0, 0, 2, 32), operation(kRemove, 0, 0, 2, 24)));
}

TEST_F(VipPlanTest, OtherAddressesAndInterfacesAreNotTouched) {
    put(2, "198.51.100.11", 24);
    put(3, "198.51.100.100", 32);
    EXPECT_THAT(plan(false), IsEmpty());
}

TEST_F(VipPlanTest, WrongPrefixLengthIsReplacedRemovalFirst) {
    put(2, "198.51.100.100", 24);
    put(2, "2001:db8::100", 64);
    EXPECT_THAT(plan(true),
                ElementsAre(operation(kRemove, 0, 0, 2, 24), operation(kRemove, 0, 1, 2, 64),
                            operation(kAdd, 0, 0, 2, 32), operation(kAdd, 0, 1, 2, 128)));
}

TEST_F(VipPlanTest, MissingInterfaceGetsNothing) {
    addresses = {vip("198.51.100.100", 32, "eth9")};
    EXPECT_THAT(plan(true), IsEmpty());
    EXPECT_THAT(plan(false), IsEmpty());
}

TEST_F(VipPlanTest, DownInterfaceGetsNothingAddedButIsCleaned) {
    put_link(2, "eth0", false);
    EXPECT_THAT(plan(true), IsEmpty());
    put(2, "198.51.100.100", 32);
    EXPECT_THAT(plan(false), ElementsAre(operation(kRemove, 0, 0, 2, 32)));
}

TEST_F(VipPlanTest, InterfaceMadeAnewGetsItsAddressAtTheNewIndex) {
    Message gone;
    gone.body = LinkGone{2};
    tables.apply(gone);
    put_link(9, "eth0", true);
    EXPECT_THAT(plan(true),
                ElementsAre(operation(kAdd, 0, 0, 9, 32), operation(kAdd, 0, 1, 9, 128)));
}

TEST_F(VipPlanTest, RemovalsOfAllGroupsComeBeforeAdditions) {
    const std::vector<VirtualAddress> other{vip("198.51.100.101", 32, "eth1")};
    put(3, "198.51.100.101", 32);
    const std::vector<DesiredGroup> desired{{.addresses = addresses, .acquired = true},
                                            {.addresses = other, .acquired = false}};
    const auto operations = plan_changes(desired, tables);
    EXPECT_THAT(operations,
                ElementsAre(operation(kRemove, 1, 0, 3, 32), operation(kAdd, 0, 0, 2, 32),
                            operation(kAdd, 0, 1, 2, 128)));
}

// Every combination of what may be there: one execution reaches the desired state.
TEST_F(VipPlanTest, ExecutedPlanLeavesNothingToDo) {
    for (unsigned present = 0; present < 16; ++present) {
        for (const bool acquired : {false, true}) {
            tables = {};
            put_link(2, "eth0", true);
            if ((present & 1U) != 0) {
                put(2, "198.51.100.100", 32);
            }
            if ((present & 2U) != 0) {
                put(2, "198.51.100.100", 24);
            }
            if ((present & 4U) != 0) {
                put(2, "2001:db8::100", 64);
            } else if ((present & 8U) != 0) {
                put(2, "2001:db8::100", 128);
            }
            execute(plan(acquired));
            EXPECT_THAT(plan(acquired), IsEmpty()) << present;
            EXPECT_EQ(tables.addresses(2).size(), acquired ? 2U : 0U) << present;
        }
    }
}

TEST(CorrectionLimiter, BurstThenOnePerInterval) {
    CorrectionLimiter limiter;
    CorrectionLimiter::TimePoint now{1h};
    for (unsigned i = 0; i < CorrectionLimiter::kBurst; ++i) {
        EXPECT_TRUE(limiter.allow(now)) << i;
    }
    EXPECT_FALSE(limiter.allow(now));
    EXPECT_FALSE(limiter.allow(now + CorrectionLimiter::kInterval - 1ns));
    EXPECT_TRUE(limiter.allow(now + CorrectionLimiter::kInterval));
    EXPECT_FALSE(limiter.allow(now + CorrectionLimiter::kInterval));
    EXPECT_TRUE(limiter.allow(now + 2 * CorrectionLimiter::kInterval));
}

TEST(CorrectionLimiter, BudgetIsNeverMoreThanTheBurst) {
    CorrectionLimiter limiter;
    CorrectionLimiter::TimePoint now{1h};
    EXPECT_TRUE(limiter.allow(now));
    now += 24h;
    unsigned allowed = 0;
    while (limiter.allow(now)) {
        ++allowed;
    }
    EXPECT_EQ(allowed, CorrectionLimiter::kBurst);
}

// A full budget must not collect time: after a long quiet the tenth-and-first waits its interval.
TEST(CorrectionLimiter, ClockThatStandsStillOrGoesBackIsHarmless) {
    CorrectionLimiter limiter;
    const CorrectionLimiter::TimePoint now{1h};
    EXPECT_TRUE(limiter.allow(now));
    EXPECT_TRUE(limiter.allow(now - 30min));
    EXPECT_EQ(limiter.available(), CorrectionLimiter::kBurst - 2);
}

}  // namespace
}  // namespace tandem::netlink
