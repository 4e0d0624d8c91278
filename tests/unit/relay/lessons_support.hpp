// What the tests of the lessons share: connections that use buffers or pipes, and processor time.
#pragma once

#include "tests/unit/relay/positioned_bytes.hpp"
#include "tests/unit/relay/support.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace tandem::relay::test {

/// How the bytes of a connection are moved.
enum class Carrier { Buffers, Pipes };
std::string carrier_name(const testing::TestParamInfo<Carrier>& info);

struct Pair {
    Stream client;
    Stream server;
};

/// Sends bytes [begin, end) of the stream, `piece` at a time. False: the other side is gone.
bool send_range(Stream& stream, std::uint64_t seed, std::size_t begin, std::size_t end,
                std::size_t piece = 200'000);
/// Receives from byte `begin` on, to `end` or the stream's. @return the offset up to which the
/// bytes came and were right; the test has failed when there was a wrong one.
std::size_t receive_range(Stream& stream, std::uint64_t seed, std::size_t begin,
                          std::size_t end = SIZE_MAX);
/// Everything it has sent was acknowledged.
bool has_left(const Stream& stream);
/// Sends bytes of the stream from zero on until none was taken for a while. @return how many.
std::size_t send_until_full(Stream& stream, std::uint64_t seed);

/// Whether the process uses next to no processor time from now on; a moment in which it did, for
/// what was just before, does not count.
testing::AssertionResult is_quiet();

class Lesson : public testing::Test {
  protected:
    explicit Lesson(const std::function<void(ServiceConfig&)>& change = {});
    /// A connection whose both directions are carried like this from now on.
    Pair connect(Carrier carrier);
    /// Flows that have ended, in whatever way.
    [[nodiscard]] std::uint64_t ended() const;

    Upstream upstream;
    Relay relay;

  private:
    void use_pipes(Stream& source, Stream& sink);
};

}  // namespace tandem::relay::test
