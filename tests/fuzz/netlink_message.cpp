// Any bytes as an rtnetlink datagram: never a crash, a hang or a read outside the bytes.
#include "netlink/message.hpp"
#include "netlink/tables.hpp"

#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tandem::netlink;
    // The parser wants aligned bytes; a block of its own lets AddressSanitizer watch the end.
    Bytes bytes(size);
    if (size > 0) {
        std::memcpy(bytes.data(), data, size);
    }
    const Batch batch = parse_messages(bytes);
    Tables tables;
    for (const Message& message : batch.messages) {
        tables.apply(message);
        if (const auto* present = std::get_if<LinkPresent>(&message.body)) {
            const auto state = tables.interface_state(present->link.name, {});
            if (!state || present->link.name.empty() || present->link.name.size() > 15) {
                __builtin_trap();
            }
        }
    }
    // A message has at least its header.
    if (batch.messages.size() * 16 > size) {
        __builtin_trap();
    }
    return 0;
}
