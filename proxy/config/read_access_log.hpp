// access_log and access_log_format, in global_defs and in virtual_server.
#pragma once

#include "proxy/config/access_log_draft.hpp"
#include "proxy/config/keyword.hpp"

namespace tandem::config {

/// access_log FILE|syslog|off
void read_access_log(AccessLogDraft& draft, const Value& value);
/// access_log_format text|json
void read_access_log_format(AccessLogDraft& draft, const Value& value);

}  // namespace tandem::config
