// Keywords of virtual_server that limit who connects, how much and for how long.
#pragma once

#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"

#include <cstdint>
#include <optional>

namespace tandem::config {

/// allow NETWORK..., deny NETWORK...|all
void read_access(ServiceDraft& service, const Value& value);
/// client_prefix LENGTH [LENGTH]
void read_client_prefix(ServiceDraft& service, const Value& value);
/// download_rate SIZE
void read_download_rate(ServiceDraft& service, const Value& value);
/// upload_rate SIZE
void read_upload_rate(ServiceDraft& service, const Value& value);
/// keepalive IDLE [INTERVAL [COUNT]] | off
void read_keepalive(ServiceDraft& service, const Value& value);
/// upstream_keepalive IDLE [INTERVAL [COUNT]] | off
void read_upstream_keepalive(ServiceDraft& service, const Value& value);

/// The value as a size in bytes; reports and gives nothing when it is not within the bounds.
std::optional<std::uint64_t> read_size(const Value& value, std::uint64_t least, std::uint64_t most);

}  // namespace tandem::config
