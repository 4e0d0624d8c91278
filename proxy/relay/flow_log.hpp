// What a flow remembers for its record in the access log, beside what it knows anyway.
#pragma once

#include "proxy/relay/access_record.hpp"

#include <optional>

namespace tandem::relay {

struct FlowLog {
    Endpoint client;
    Endpoint virtual_address;
    Endpoint source;
    Clock::duration connect_time = AccessRecord::kNever;
    Clock::duration first_byte_time = AccessRecord::kNever;
    /// Whose FIN was passed on first.
    std::optional<EndedBy> first_to_close;
};

}  // namespace tandem::relay
