#include "proxy/relay/health_fsm.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const HealthFsm::TimePoint kStart{seconds{100}};

/// Runs results ('s' success, 'f' failure, '-' skipped) at their deadlines.
/// @return for each: 'U'/'D' for a change, '.' for none, then the wait in seconds.
std::string run(const HealthCheckConfig& config, const std::string& results) {
    HealthFsm fsm{config};
    auto now = kStart;
    fsm.start(now, milliseconds{0});
    std::string log;
    for (const char result : results) {
        now = fsm.next_deadline().value();
        fsm.on_attempt();
        EXPECT_EQ(fsm.next_deadline(), std::nullopt);
        std::optional<bool> change;
        if (result == 's') {
            change = fsm.on_success(now);
        } else if (result == 'f') {
            change = fsm.on_failure(now);
        } else {
            fsm.on_skipped(now);
        }
        log += !change ? '.' : *change ? 'U' : 'D';
        log += std::to_string((fsm.next_deadline().value() - now) / seconds{1}) + " ";
    }
    return log;
}

struct Case {
    const char* name;
    unsigned retries;
    bool start_down;
    std::string results;
    std::string expected;
};

TEST(HealthFsm, ComesUpAfterSoManySuccessesInARow) {
    HealthCheckConfig config;
    config.interval = seconds{60};
    config.delay_before_retry = seconds{1};
    config.rise = 3;
    config.start_down = true;
    EXPECT_EQ(run(config, "ssfsss"), ".60 .60 .60 .60 .60 U60 ");
    EXPECT_EQ(run(config, "sssfsf"), ".60 .60 U60 .1 .60 .1 ");
}

class HealthTable : public testing::TestWithParam<Case> {};

TEST_P(HealthTable, Follows) {
    const Case& test = GetParam();
    HealthCheckConfig config;
    config.interval = seconds{60};
    config.delay_before_retry = seconds{1};
    config.retries = test.retries;
    config.start_down = test.start_down;
    EXPECT_EQ(run(config, test.results), test.expected);
}

INSTANTIATE_TEST_SUITE_P(
    Tables, HealthTable,
    testing::Values(Case{"UpStaysUp", 1, false, "sss", ".60 .60 .60 "},
                    Case{"FirstFailureEverIsEnough", 3, false, "f", "D60 "},
                    Case{"LaterOnesAreRetried", 2, false, "sfff", ".60 .1 .1 D60 "},
                    Case{"SuccessForgetsFailures", 1, false, "sfsfs", ".60 .1 .60 .1 .60 "},
                    Case{"NoRetries", 0, false, "sf", ".60 D60 "},
                    Case{"OneSuccessIsEnough", 3, false, "fffs", "D60 .60 .60 U60 "},
                    Case{"AfterRecoveryRetriesAgain", 1, false, "fsff", "D60 U60 .1 D60 "},
                    Case{"StartDownFailure", 1, true, "ff", ".60 .60 "},
                    Case{"StartDownSuccess", 1, true, "s", "U60 "},
                    Case{"SkippedSaysNothing", 1, false, "-f", ".1 D60 "},
                    Case{"SkippedKeepsTheCount", 2, false, "sf-ff", ".60 .1 .1 .1 D60 "}),
    [](const auto& test) { return test.param.name; });

TEST(HealthFsm, WarmupDelaysTheFirstCheck) {
    HealthFsm fsm{HealthCheckConfig{}};
    EXPECT_EQ(fsm.next_deadline(), std::nullopt);
    fsm.start(kStart, milliseconds{700});
    EXPECT_EQ(fsm.next_deadline(), kStart + milliseconds{700});
    EXPECT_TRUE(fsm.up());
}

// Whatever happens: changes alternate, match up(), and the next check is never lost.
TEST(HealthFsm, RandomResults) {
    std::mt19937 random{7};
    for (int round = 0; round < 200; ++round) {
        HealthCheckConfig config;
        config.retries = static_cast<unsigned>(random() % 4);
        config.start_down = random() % 2 == 0;
        HealthFsm fsm{config};
        fsm.start(kStart, milliseconds{0});
        bool up = !config.start_down;
        unsigned failures = 0;
        bool first = true;
        for (int step = 0; step < 200; ++step) {
            const auto now = fsm.next_deadline().value();
            fsm.on_attempt();
            const bool success = random() % 3 == 0;
            const auto change = success ? fsm.on_success(now) : fsm.on_failure(now);
            failures = success ? 0 : failures + 1;
            const bool expected = success || (up && !first && failures <= config.retries);
            first = false;
            EXPECT_EQ(fsm.up(), expected);
            EXPECT_EQ(change.has_value(), expected != up);
            if (expected != up) {
                failures = 0;
            }
            up = expected;
            ASSERT_GT(fsm.next_deadline().value(), now);
        }
    }
}

}  // namespace
}  // namespace tandem::relay
