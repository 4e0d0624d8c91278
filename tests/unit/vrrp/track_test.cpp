// keepalived's tracking arithmetic: the idioms of its users as one table, then the borders.
#include "vrrp/track.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>

namespace tandem::vrrp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Tracked {
    TrackedObject object;
    TrackStatus status;
};

Tracked script(int weight, std::optional<bool> up, bool reverse = false) {
    return {{TrackKind::Script, "check", weight, reverse},
            {up, 0, up == false ? "exit code 1" : ""}};
}

Tracked file(int weight, std::int64_t value, bool reverse = false) {
    return {{TrackKind::File, "level", weight, reverse}, {true, value, ""}};
}

TrackResult evaluate(std::uint8_t priority, const std::vector<Tracked>& tracked) {
    std::vector<TrackedObject> objects;
    std::vector<TrackStatus> statuses;
    for (const Tracked& each : tracked) {
        objects.push_back(each.object);
        statuses.push_back(each.status);
    }
    return evaluate_tracking(priority, objects, statuses);
}

constexpr auto kYes = std::optional{true};
constexpr auto kNo = std::optional{false};
const std::optional<bool> kUnknown;

struct Case {
    const char* idiom;
    std::uint8_t configured;
    std::vector<Tracked> tracked;
    std::uint8_t effective;
    bool faulty = false;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> kCases{
        {"nothing tracked", 100, {}, 100},
        // The classic pair: `weight 2`, priorities 101 and 100.
        {"weight 2 of 101, well", 101, {script(2, kYes)}, 103},
        {"weight 2 of 100, well", 100, {script(2, kYes)}, 102},
        {"weight 2 of 101, failed: below the peer's 102", 101, {script(2, kNo)}, 101},
        {"weight -20 of 110, well", 110, {script(-20, kYes)}, 110},
        {"weight -20 of 110, failed: below the peer's 100", 110, {script(-20, kNo)}, 90},
        {"weight -30 of 120, failed", 120, {script(-30, kNo)}, 90},
        {"weight -60 of 150, failed", 150, {script(-60, kNo)}, 90},
        {"weight too small: 150 against 100 stays ahead", 150, {script(-20, kNo)}, 130},
        // No weight: fault.
        {"no weight, well", 100, {script(0, kYes)}, 100},
        {"no weight, failed", 100, {script(0, kNo)}, 100, true},
        // reverse.
        {"no weight reverse, failed", 100, {script(0, kNo, true)}, 100},
        {"no weight reverse, well", 100, {script(0, kYes, true)}, 100, true},
        {"weight 20 reverse, well", 100, {script(20, kYes, true)}, 80},
        {"weight 20 reverse, failed", 100, {script(20, kNo, true)}, 100},
        {"weight -20 reverse, well", 100, {script(-20, kYes, true)}, 100},
        {"weight -20 reverse, failed", 100, {script(-20, kNo, true)}, 120},
        // Not known yet.
        {"no weight, unknown", 100, {script(0, kUnknown)}, 100, true},
        {"no weight reverse, unknown", 100, {script(0, kUnknown, true)}, 100, true},
        {"weight 20, unknown", 100, {script(20, kUnknown)}, 100},
        {"weight -20, unknown", 100, {script(-20, kUnknown)}, 100},
        {"weight -20 reverse, unknown", 100, {script(-20, kUnknown, true)}, 100},
        // Sums.
        {"two add up", 100, {script(5, kYes), script(-30, kNo)}, 75},
        {"three, one without weight",
         100,
         {script(5, kYes), script(0, kNo), script(1, kYes)},
         106,
         true},
        {"the order of sum and limit: 200 + 100 - 100",
         200,
         {script(100, kYes), script(-100, kNo)},
         200},
        // Limits.
        {"never below 1", 100, {script(-253, kNo)}, 1},
        {"never above 254", 100, {script(253, kYes)}, 254},
        {"exactly 1", 21, {script(-20, kNo)}, 1},
        {"exactly 254", 234, {script(20, kYes)}, 254},
        {"priority 1", 1, {}, 1},
        {"priority 254", 254, {}, 254},
        // The owner of the addresses.
        {"owner, weight", 255, {script(-100, kNo)}, 255},
        {"owner, no weight: still a fault", 255, {script(0, kNo)}, 255, true},
        // Files.
        {"file 0", 100, {file(1, 0)}, 100},
        {"file as a lever: -50", 100, {file(1, -50)}, 50},
        {"file times weight", 100, {file(10, 3)}, 130},
        {"file times negative weight", 100, {file(-10, 3)}, 70},
        {"file reverse", 100, {file(10, 3, true)}, 70},
        {"file without weight, 0", 100, {file(0, 0)}, 100},
        {"file without weight, 1", 100, {file(0, 1)}, 100, true},
        {"file without weight, -1", 100, {file(0, -1)}, 100, true},
        {"file without weight reverse, 0", 100, {file(0, 0, true)}, 100, true},
        {"file without weight reverse, 1", 100, {file(0, 1, true)}, 100},
        {"file -253", 254, {file(1, -253)}, 1},
        {"file -254: fault", 254, {file(1, -254)}, 254, true},
        {"file -255: fault", 254, {file(1, -255)}, 254, true},
        {"file 127 x -2: fault", 100, {file(-2, 127)}, 100, true},
        {"file 254 x -1, reverse", 1, {file(-1, 254, true)}, 254},
        {"file -254 reverse is no fault", 1, {file(1, -254, true)}, 254},
        {"file 254 reverse is one", 100, {file(1, 254, true)}, 100, true},
        {"file adds no more than 253", 100, {file(1, 300), file(1, -253)}, 100},
        {"owner, file -254: a fault", 255, {file(1, -254)}, 255, true},
        {"largest file", 100, {file(254, std::numeric_limits<std::int64_t>::max())}, 254},
        {"largest file, negative weight",
         100,
         {file(-254, std::numeric_limits<std::int64_t>::max())},
         100,
         true},
        {"smallest file", 100, {file(254, std::numeric_limits<std::int64_t>::min())}, 100, true},
        {"smallest file, negative weight",
         100,
         {file(-254, std::numeric_limits<std::int64_t>::min())},
         254},
    };
    return kCases;
}

TEST(Track, Idioms) {
    for (const Case& each : cases()) {
        const TrackResult result = evaluate(each.configured, each.tracked);
        EXPECT_EQ(result.effective_priority, each.effective) << each.idiom;
        EXPECT_EQ(result.faulty, each.faulty) << each.idiom;
        EXPECT_EQ(result.faults.empty(), !each.faulty) << each.idiom;
    }
}

TEST(Track, AllKindsCountAlike) {
    for (const TrackKind kind : {TrackKind::Interface, TrackKind::Script, TrackKind::Process}) {
        for (const auto& [weight, up, effective, faulty] :
             {std::tuple{0, true, 100, false}, std::tuple{0, false, 100, true},
              std::tuple{7, true, 107, false}, std::tuple{7, false, 100, false},
              std::tuple{-7, true, 100, false}, std::tuple{-7, false, 93, false}}) {
            const TrackResult result = evaluate(100, {{{kind, "x", weight, false}, {up, 0, ""}}});
            EXPECT_EQ(result.effective_priority, effective) << to_string(kind) << " " << weight;
            EXPECT_EQ(result.faulty, faulty) << to_string(kind) << " " << weight;
        }
    }
}

TEST(Track, FaultsSayWhat) {
    const Tracked link{{TrackKind::Interface, "eth1", 0, false}, {kNo, 0, "link down"}};
    const Tracked process{{TrackKind::Process, "backup", 0, true}, {kYes, 0, ""}};
    const Tracked silent{{TrackKind::Script, "quiet", 0, false}, {kNo, 0, ""}};
    EXPECT_THAT(
        evaluate(100, {script(0, kNo), link, script(0, kUnknown), process, silent, script(-5, kNo)})
            .faults,
        ElementsAre("script check failed: exit code 1", "interface eth1 failed: link down",
                    "script check has no result yet",
                    "process backup is well, and its track_process line says reverse",
                    "script quiet failed"));
    EXPECT_THAT(
        evaluate(100, {file(0, 1), file(0, 0, true), file(-2, 127), file(1, 300, true)}).faults,
        ElementsAre("file level contains 1",
                    "file level contains 0, and its track_file line says reverse",
                    "file level contains 127, with weight -2",
                    "file level contains 300, with weight 1, and its track_file line says "
                    "reverse"));
    EXPECT_THAT(evaluate(100, {script(2, kYes)}).faults, IsEmpty());
}

TEST(Track, AFileThatIsNotKnownYet) {
    const Tracked weighted{{TrackKind::File, "level", 5, false}, {kUnknown, 9, ""}};
    EXPECT_EQ(evaluate(100, {weighted}).effective_priority, 100);
    const Tracked plain{{TrackKind::File, "level", 0, false}, {kUnknown, 0, ""}};
    EXPECT_THAT(evaluate(100, {plain}).faults, ElementsAre("file level has no result yet"));
}

}  // namespace
}  // namespace tandem::vrrp
