#include "proxy/relay/udp_verdict.hpp"

#include <algorithm>

namespace tandem::relay {

DatagramVerdict judge_udp_reply(const UdpCheck& check, std::size_t length, std::string_view bytes) {
    const std::string size = std::to_string(length) + " bytes";
    if (!check.requires_reply) {
        return DatagramVerdict::passed("a reply of " + size);
    }
    if (length < check.min_reply_length || length > check.max_reply_length) {
        return DatagramVerdict::failed("a reply of " + size + ", not of " +
                                       std::to_string(check.min_reply_length) + " to " +
                                       std::to_string(check.max_reply_length));
    }
    const std::size_t compared =
        std::min({bytes.size(), check.reply.size(), check.reply_mask.size()});
    for (std::size_t at = 0; at < compared; ++at) {
        const auto difference = static_cast<unsigned char>(bytes[at] ^ check.reply[at]);
        if ((difference & static_cast<unsigned char>(check.reply_mask[at])) != 0) {
            return DatagramVerdict::failed("another reply than required, from byte " +
                                           std::to_string(at) + " on");
        }
    }
    return DatagramVerdict::passed("a reply of " + size);
}

}  // namespace tandem::relay
