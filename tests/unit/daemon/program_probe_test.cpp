#include "proxy/daemon/program_probe.hpp"

#include "tests/unit/daemon/program_fixture.hpp"

#include <cerrno>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using Kind = relay::ProbeResult::Kind;
using End = ProgramEnd::Kind;

TEST(ProgramProbe, WhatTheEndOfTheProgramMeans) {
    const relay::ProgramCheck plain{.program = 0, .timeout = 2s, .sets_weight = false};
    const relay::ProgramCheck dynamic{.program = 0, .timeout = 2s, .sets_weight = true};
    EXPECT_EQ(result_of({End::Exited, 0}, false, plain).kind, Kind::Passed);
    EXPECT_EQ(result_of({End::Exited, 0}, false, dynamic).weight, std::nullopt);
    EXPECT_EQ(result_of({End::Exited, 1}, false, dynamic).kind, Kind::Failed);
    EXPECT_EQ(result_of({End::Exited, 2}, false, plain).kind, Kind::Failed);
    EXPECT_EQ(result_of({End::Exited, 2}, false, dynamic).weight, 0U);
    EXPECT_EQ(result_of({End::Exited, 255}, false, dynamic).weight, 253U);
    EXPECT_EQ(result_of({End::Exited, 255}, false, dynamic).kind, Kind::Passed);
    EXPECT_EQ(result_of({End::Signalled, 15}, false, dynamic).kind, Kind::Failed);
    EXPECT_EQ(result_of({End::Signalled, 15}, true, plain).text, "timed out after 2 s");
    EXPECT_EQ(result_of({End::Exited, 0}, true, plain).kind, Kind::Failed);
    EXPECT_EQ(result_of({End::NotStarted, ENOENT}, false, plain).kind, Kind::Failed);
    EXPECT_EQ(result_of({End::NotStarted, EAGAIN}, false, plain).kind, Kind::Skipped);
}

class ProgramProbeTest : public ProgramTest {
  protected:
    relay::ProbeResult run(const config::Command& program, const relay::ProgramCheck& check) {
        const auto probe = make_program_probe(context_, program, check);
        std::optional<relay::ProbeResult> result;
        probe->start([&](const relay::ProbeResult& end) { result = end; });
        EXPECT_FALSE(result) << "never from inside start()";
        EXPECT_TRUE(run_until([&] { return result.has_value(); }));
        return result.value_or(relay::ProbeResult{});
    }
};

TEST_F(ProgramProbeTest, RunsTheProgram) {
    relay::ProgramCheck check;
    check.sets_weight = true;
    EXPECT_EQ(run(script("twelve", "exit 12"), check).weight, 10U);
    EXPECT_EQ(run(script("well", "exit 0"), check).kind, Kind::Passed);
    EXPECT_EQ(run(command({"/no/such/program"}), check).kind, Kind::Failed);
}

TEST_F(ProgramProbeTest, EndsTheProgramAtItsTimeLimit) {
    relay::ProgramCheck check;
    check.timeout = 100ms;
    EXPECT_EQ(run(script("slow", "sleep 100"), check).text, "timed out after 0.1 s");
}

TEST_F(ProgramProbeTest, CancelledItSaysNothingAndTheNextOneIsSkippedWhileItRuns) {
    relay::ProgramCheck check;
    const auto probe = make_program_probe(
        context_, script("deaf", "trap : TERM; echo x > out; read x < /dev/zero"), check);
    int called = 0;
    probe->start([&](const relay::ProbeResult&) { ++called; });
    ASSERT_TRUE(run_until([this] { return !read("out").empty(); }));
    probe->cancel();
    std::optional<relay::ProbeResult> result;
    probe->start([&](const relay::ProbeResult& end) { result = end; });
    ASSERT_TRUE(run_until([&] { return result.has_value(); }));
    EXPECT_EQ(result->kind, Kind::Skipped);
    EXPECT_EQ(called, 0);
}

}  // namespace
}  // namespace tandem::daemon
