// Sequences of events on four electors: two nodes with two members each, as sync groups or alone.
// None crashes or breaks a rule of tests/support: deadlines are never lost, priority 0 only without
// the addresses, no acquisition while a release is in flight, a group active as a whole or not.
//
// Input: byte 0 chooses the configuration, byte 1 the network; then one event each: byte 0 what,
// where (bit 7 the node, bit 6 the member), byte 1 its argument.
#include "tests/support/group_world.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace {

using namespace tandem::vrrp;
using namespace std::chrono_literals;
using tandem::test::GroupWorld;

/// Longer inputs find nothing that shorter ones do not.
constexpr std::size_t kMaxEvents = 200;
constexpr std::uint8_t kPriorities[] = {100, 100, 200, 255};

bool bit(unsigned value, unsigned position) {
    return (value >> position & 1U) != 0;
}

InstanceConfig make_member(std::size_t node, std::size_t index, unsigned choice) {
    InstanceConfig config;
    config.version = bit(choice, 0) ? Version::V3 : Version::V2;
    config.in_sync_group = bit(choice, 1);
    config.preempt = !bit(choice, 2);
    config.priority = kPriorities[(choice >> 3U & 3U) ^ (bit(choice, 5) ? node ^ index : node)];
    config.start_as_active = bit(choice, 6);
    if (bit(choice, 7)) {
        config.preempt_delay = 4s;
        config.startup_delay = 2s;
        config.lower_priority_no_advert = true;
        config.higher_priority_send_advert = true;
        config.owner_ignores_adverts = index == 0;
    }
    const auto last = static_cast<std::uint8_t>(11 + (node ^ index));
    config.source_address = boost::asio::ip::address_v4{{198, 51, 100, last}};
    return config;
}

GroupWorld make_world(unsigned choice, unsigned network) {
    GroupWorld::Settings settings;
    for (std::size_t node = 0; node < GroupWorld::kNodes; ++node) {
        for (std::size_t i = 0; i < GroupWorld::kMembers; ++i) {
            settings.members[node][i] = make_member(node, i, choice);
        }
    }
    settings.grouped = bit(choice, 1);
    settings.delay = {Duration{100 * (network & 15U)}, Duration{100 * (network >> 4U)}};
    settings.acquire = Duration{50 * network};
    settings.release = Duration{2000 * network};
    return GroupWorld(settings);
}

void apply(GroupWorld& world, unsigned event, std::uint8_t argument) {
    const std::size_t node = event >> 7U;
    const std::size_t member = event >> 6U & 1U;
    const bool on = bit(argument, 0);
    switch (event & 15U) {
        case 0:
            return world.start(node);
        case 1:
            return world.stop(node);
        case 2:
            return world.fail_over(node,
                                   on ? std::nullopt : std::optional<Duration>{1s * argument});
        case 3:
            return world.resume(node);
        case 4:
            return world.take_back(node);
        case 5:
            return world.set_fault(node, member, on);
        case 6:
            return world.set_priority(node, member, argument);
        case 7:
            return world.set_link(member, on);
        case 8:
            return world.set_acquirable(node, member, on);
        case 9:
            return world.sleep(50ms * argument);
        case 10: {
            const auto stranger = boost::asio::ip::make_address("198.51.100.77");
            return world.hear(node, member, {argument, stranger, 40ms * argument});
        }
        case 11:
            return world.set_sendable(node, member, on);
        case 12:
            return world.run(10ms * argument);
        default:
            return world.run_one();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    GroupWorld world = make_world(data[0], data[1]);
    for (std::size_t i = 2; i + 1 < size && i < 2 * kMaxEvents; i += 2) {
        apply(world, data[i], data[i + 1]);
        if (!world.broken().empty()) {
            std::fprintf(stderr, "event %zu: %s\n", i / 2, world.broken().c_str());
            std::abort();
        }
    }
    return 0;
}
