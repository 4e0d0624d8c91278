// tandem_simulation: long runs of the simulation, and the replay of one seed.
//   tandem_simulation [--seed N] [--seeds M] [--steps K]
// Exit code 0: everything held; 1: a seed failed (it and its last events are printed); 2: usage.
#include "tests/simulation/world.hpp"

#include <charconv>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>

namespace {

bool parse(std::string_view text, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t seed = 1;
    std::uint64_t seeds = 1000;
    std::uint64_t steps = 200;
    for (int i = 1; i < argc; i += 2) {
        const std::string_view name = argv[i];
        std::uint64_t* value = name == "--seed"    ? &seed
                               : name == "--seeds" ? &seeds
                               : name == "--steps" ? &steps
                                                   : nullptr;
        if (value == nullptr || i + 1 == argc || !parse(argv[i + 1], *value)) {
            std::cerr << "usage: tandem_simulation [--seed N] [--seeds M] [--steps K]\n";
            return 2;
        }
    }
    tandem::simulation::Checkers::Counts total;
    for (std::uint64_t n = seed; n < seed + seeds; ++n) {
        const auto result = tandem::simulation::run(n, static_cast<unsigned>(steps));
        total.claims += result.counts.claims;
        total.overlaps += result.counts.overlaps;
        if (!result.failure.empty()) {
            for (const std::string& line : result.history) {
                std::cout << line << '\n';
            }
            std::cout << "FAILED seed " << n << ": " << result.failure << "\nagain with: --seed "
                      << n << " --seeds 1 --steps " << steps << '\n';
            return 1;
        }
    }
    std::cout << seeds << " seeds from " << seed << ", " << steps << " steps each: all held; "
              << total.claims << " claims, " << total.overlaps << " allowed overlaps\n";
    return 0;
}
