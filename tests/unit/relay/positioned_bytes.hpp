// Streams whose every byte tells its stream and its position, at the price of a memcmp().
#pragma once

#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tandem::relay::test {

/// The endless stream of one seed. A period is a prime number of bytes: no size of a buffer, of a
/// pipe or of a page divides it, so what is lost, repeated or moved by such a size is seen.
class PositionedBytes {
  public:
    explicit PositionedBytes(std::uint64_t seed) : start_(seed * 0x9E3779B97F4A7C15U % kPeriod) {}

    /// Up to `most` bytes from there; fewer, but at least one, where the period begins again.
    [[nodiscard]] std::string_view at(std::uint64_t offset, std::size_t most) const {
        const auto begin = static_cast<std::size_t>((start_ + offset) % kPeriod);
        return std::string_view{period()}.substr(begin, most);
    }

    /// Whether these are the bytes from there on.
    [[nodiscard]] bool matches(std::uint64_t offset, std::string_view bytes) const {
        while (!bytes.empty()) {
            const std::string_view expected = at(offset, bytes.size());
            if (bytes.substr(0, expected.size()) != expected) {
                return false;
            }
            offset += expected.size();
            bytes.remove_prefix(expected.size());
        }
        return true;
    }

  private:
    static constexpr std::uint64_t kPeriod = 1'048'573;
    static const std::string& period() {
        static const std::string bytes = pattern(kPeriod);
        return bytes;
    }
    std::uint64_t start_;
};

}  // namespace tandem::relay::test
