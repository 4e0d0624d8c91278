// tandem_simulation: long runs of the simulation, and the replay of one seed.
//   tandem_simulation [--seed N] [--seeds M] [--steps K] [--jobs J]
// Exit code 0: everything held; 1: a seed failed (it and its last events are printed); 2: usage.
#include "tests/simulation/world.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace tandem::simulation;

struct Options {
    std::uint64_t seed = 1;
    std::uint64_t seeds = 1000;
    std::uint64_t steps = 200;
    std::uint64_t jobs = std::max(1U, std::thread::hardware_concurrency());
};

/// What the jobs share. Worlds share nothing.
struct Work {
    std::atomic<std::uint64_t> next{0};
    /// The lowest seed that failed; seeds above it are not begun.
    std::atomic<std::uint64_t> failed{UINT64_MAX};
    std::mutex mutex;
    Result failure;
    Counts total;
};

bool parse(std::string_view text, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; i += 2) {
        const std::string_view name = argv[i];
        std::uint64_t* value = name == "--seed"    ? &options.seed
                               : name == "--seeds" ? &options.seeds
                               : name == "--steps" ? &options.steps
                               : name == "--jobs"  ? &options.jobs
                                                   : nullptr;
        if (value == nullptr || i + 1 == argc || !parse(argv[i + 1], *value)) {
            return false;
        }
    }
    return options.jobs > 0 && options.steps <= UINT32_MAX;
}

void run_seeds(const Options& options, Work& work) {
    const std::uint64_t end = options.seed + options.seeds;
    for (std::uint64_t n = work.next++; n < end && n < work.failed; n = work.next++) {
        Result result = run(n, static_cast<unsigned>(options.steps));
        const std::lock_guard lock(work.mutex);
        work.total.add(result.counts);
        if (!result.failure.empty() && n < work.failed) {
            work.failed = n;
            work.failure = std::move(result);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!parse(argc, argv, options)) {
        std::cerr << "usage: tandem_simulation [--seed N] [--seeds M] [--steps K] [--jobs J]\n";
        return 2;
    }
    Work work;
    work.next = options.seed;
    const auto started = std::chrono::steady_clock::now();
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < options.jobs; ++i) {
        threads.emplace_back([&] { run_seeds(options, work); });
    }
    threads.clear();
    if (work.failed != UINT64_MAX) {
        for (const std::string& line : work.failure.history) {
            std::cout << line << '\n';
        }
        std::cout << "FAILED seed " << work.failed << ": " << work.failure.failure
                  << "\nagain with: --seed " << work.failed << " --seeds 1 --steps "
                  << options.steps << '\n';
        return 1;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    std::cout << options.seeds << " seeds from " << options.seed << ", " << options.steps
              << " steps each, " << options.seeds * options.steps << " in all: all held; "
              << work.total.claims << " claims (" << work.total.group_claims << " of sync groups), "
              << work.total.faults << " faults of tracked objects, " << work.total.overlaps
              << " allowed overlaps; " << took.count() << " s\n";
    return 0;
}
