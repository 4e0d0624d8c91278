// Random choices that are the same on every platform for one seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace tandem::simulation {

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    /// 0..limit-1; zero when limit is zero. The bias of the modulo does not matter here.
    std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : engine_() % limit; }
    bool percent(unsigned chance) { return below(100) < chance; }
    /// low..high, both included.
    std::chrono::microseconds between(std::chrono::microseconds low,
                                      std::chrono::microseconds high) {
        const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
        return low + std::chrono::microseconds{static_cast<std::int64_t>(below(span))};
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace tandem::simulation
