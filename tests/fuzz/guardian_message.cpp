// Any bytes: refused, or a message that is the same after encoding and decoding.
#include "proxy/daemon/guardian_message.hpp"

#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tandem::daemon;
    const auto message = decode_guardian_message(std::as_bytes(std::span{data, size}));
    if (message && size <= kMaxGuardianMessage &&
        decode_guardian_message(encode(*message)) != message) {
        std::abort();
    }
    return 0;
}
