// What a datagram means for UDP_CHECK: no bytes crash it, and a mask of zeros lets all pass.
//
// Input: a byte that says how long the wanted reply is, the wanted reply, then the reply.
#include "proxy/relay/udp_verdict.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tandem::relay;
    if (size == 0) {
        return 0;
    }
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t wanted = std::min<std::size_t>(data[0], rest.size());
    const std::string_view reply = rest.substr(wanted);
    UdpCheck check{.requires_reply = true,
                   .reply = std::string{rest.substr(0, wanted)},
                   .reply_mask = std::string(wanted, '\xff'),
                   .max_reply_length = 65535};
    const auto passes = [&] {
        return judge_udp_reply(check, reply.size(), reply).kind == DatagramVerdict::Kind::Passed;
    };
    const std::size_t common = std::min(wanted, reply.size());
    if (passes() != (reply.substr(0, common) == rest.substr(0, common))) {
        std::abort();
    }
    check.reply_mask.assign(wanted, '\0');
    if (!passes()) {
        std::abort();
    }
    return 0;
}
