// What a name server's datagram means for its check: no bytes crash it or take it long, and only an
// answer with the id passes.
//
// Input: a byte that chooses the question, then the datagram; its id is the one that is asked for
// when the byte's highest bit is set.
#include "proxy/relay/dns_message.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace {
constexpr const char* kNames[] = {".", "a", "www.example.com", "www.example.com."};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tandem::relay;
    if (size < 3) {
        return 0;
    }
    const DnsCheck check{.type = 1, .name = kNames[data[0] % std::size(kNames)]};
    const bool same_id = (data[0] & 0x80U) != 0;
    const auto id = static_cast<std::uint16_t>((data[1] << 8U | data[2]) ^ (same_id ? 0 : 0x8000));
    const std::string_view datagram(reinterpret_cast<const char*>(data) + 1, size - 1);
    const DatagramVerdict verdict = judge_dns_answer(check, id, datagram);
    const bool is_foreign = verdict.kind == DatagramVerdict::Kind::Foreign;
    if ((!same_id && !is_foreign) || is_foreign != verdict.text.empty()) {
        std::abort();
    }
    return 0;
}
