// What virtual_server and real_server say about the choice of an upstream.
#pragma once

#include "proxy/config/syntax.hpp"
#include "proxy/config/value.hpp"
#include "proxy/relay/config.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace tandem::config {

struct Value;

struct UpstreamBalanceDraft {
    std::optional<unsigned> upper_threshold;
    std::optional<unsigned> lower_threshold;
    bool backup = false;
    bool reset_on_down = false;
};

struct SorryServerDraft {
    Position at;
    IpAddress address;
    /// Unset: the port of the service.
    std::optional<std::uint16_t> port;
};

struct ServiceBalanceDraft {
    std::string algorithm;
    /// Set with `algorithm`.
    Position algorithm_at;
    std::optional<SorryServerDraft> sorry;
    std::optional<unsigned> quorum;
    std::optional<unsigned> hysteresis;
    std::optional<unsigned> panic_threshold;
    std::optional<std::chrono::seconds> persistence_timeout;
    std::optional<unsigned> client_bits;
    std::optional<std::chrono::milliseconds> slow_start;
    std::optional<unsigned> retries;
    std::optional<unsigned> max_fails;
    std::optional<std::chrono::milliseconds> fail_timeout;
    std::optional<unsigned> queue_limit;
    std::optional<std::chrono::milliseconds> queue_timeout;
};

// Keywords whose values are more than one checked word.
void read_algorithm(ServiceBalanceDraft& draft, const Value& value);
void read_sorry_server(ServiceBalanceDraft& draft, const Value& value);
void read_persistence_timeout(ServiceBalanceDraft& draft, const Value& value);
void read_persistence_granularity(ServiceBalanceDraft& draft, const Value& value);

}  // namespace tandem::config
