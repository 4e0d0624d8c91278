// What an ICMP message means for PING_CHECK: no bytes crash it, and nothing but the reply passes.
//
// Input: a byte of options (IPv4, IP header, an id and a sequence of the message itself), then the
// message.
#include "proxy/relay/echo_message.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tandem::relay;
    if (size < 2) {
        return 0;
    }
    const bool has_header = (data[0] & 2U) != 0;
    const std::string_view datagram(reinterpret_cast<const char*>(data) + 1, size - 1);
    EchoRequest request{.is_v4 = (data[0] & 1U) != 0, .payload = "0123456789abcdef"};
    const std::size_t start = has_header ? 20 : 0;
    if (datagram.size() >= start + 8) {
        const auto number = [&](std::size_t at) {
            return static_cast<std::uint16_t>(data[1 + start + at] << 8U | data[2 + start + at]);
        };
        request.identifier = number(4);
        request.sequence = number(6);
        request.payload = datagram.substr(start + 8, 64);
    }
    const bool passed =
        judge_echo(request, has_header, datagram).kind == DatagramVerdict::Kind::Passed;
    if (passed && datagram.size() < 8) {
        std::abort();
    }
    request.sequence = static_cast<std::uint16_t>(request.sequence ^ 1U);
    if (passed && judge_echo(request, has_header, datagram).kind == DatagramVerdict::Kind::Passed) {
        std::abort();
    }
    return 0;
}
